/** Secrets that lie encrypted in a repository: the cluster reads them in memory, nobody else ever does, and what it cannot read is not deployed. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sealingFor } from '#control/repository/repository-sealing';
import { updateRepository } from '#control/repository/repositories';
import { sealingOf } from '#control/sealing';
import { allBytes } from '#test/support/folder';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';
import { ageFile, sopsBinary, sopsEnv, sopsTree, testRecipient } from '#test/support/sealed-files';

const canary = 'canary-4b1d';
let repository: GitRepository;
let following: Following;
let whole: string;
let recipient: string;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following().start();
  const sealing = sealingOf(following.cluster.store);
  if (!sealing) throw new Error('the cluster has no key');
  whole = sealing.Recipient;
  recipient = sealingFor(sealing, 'infra').Recipient;
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

const stack = `services:
  web:
    image: app:1
    env_file: web.env
    secrets: [key, tree, whole]
    configs: [page]
secrets:
  key: { file: key.age }
  tree: { file: tree.yaml }
  whole: { file: whole.pem }
configs:
  page: { file: page.json }
`;

async function sealedFiles(to: string, value = canary): Promise<Record<string, string>> {
  const options = { recipient: to };
  return {
    'stacks/a/compose.yml': stack,
    'stacks/a/key.age': await ageFile(`${value} by age\n`, to),
    'stacks/a/tree.yaml': await sopsTree({ password: `${value} in a tree` }, options),
    'stacks/a/whole.pem': await sopsBinary(Buffer.from(`${value} whole\n`), options),
    'stacks/a/page.json': await sopsTree({ shown_unencrypted: 'yes', token: `${value} in json` }, options),
    'stacks/a/web.env': await sopsEnv([['PASSWORD', `${value} in env`]], options),
  };
}

function content(kind: 'secret' | 'config', plain: string): string {
  const found = [...following.cluster.store.list(kind)].findLast(({ Spec }) => Spec.Name.startsWith(`a_${plain}-`));
  return Buffer.from(found?.Spec.Data ?? '', 'base64').toString();
}

const names = (): string[] => [...following.cluster.store.list('secret'), ...following.cluster.store.list('config')].map(({ Spec }) => Spec.Name).toSorted();

test('age and every format of SOPS are decrypted in memory, and what they hold is on no disk, in no log, event or record of the stack', async () => {
  repository.commit(await sealedFiles(recipient));
  expect(await following.add(repository.folder)).toMatchObject({ State: 'synced' });
  expect(content('secret', 'key')).toBe(`${canary} by age\n`);
  expect(parse(content('secret', 'tree'))).toEqual({ password: `${canary} in a tree` });
  expect(content('secret', 'whole')).toBe(`${canary} whole\n`);
  expect(JSON.parse(content('config', 'page'))).toEqual({ shown_unencrypted: 'yes', token: `${canary} in json` });
  const container = following.cluster.store.byName('service', 'a_web')?.Spec.TaskTemplate.ContainerSpec;
  expect(container?.Env).toContain(`PASSWORD=${canary} in env`);
  const record = following.cluster.store.byName('stack', 'a');
  // A plain digest of a secret could be tried out.
  expect(record?.Digest).toMatch(/^hmac-sha256:/);
  const said = JSON.stringify([following.logged, following.told(), following.status(), record]) + allBytes(following.state);
  for (const form of [canary, Buffer.from(canary).toString('base64'), 'AGE-SECRET-KEY-']) expect(said).not.toContain(form);

  // Encrypted anew, the same content is the same version.
  const before = names();
  repository.commit(await sealedFiles(recipient));
  const { entries } = following.cluster;
  await following.sync();
  expect(names()).toEqual(before);
  expect(following.cluster.entries).toBe(entries + 1);
  repository.commit({ 'stacks/a/key.age': await ageFile('another\n', recipient) });
  await following.sync();
  expect(names()).toEqual([...before, 'a_key-2'].toSorted());
  expect(content('secret', 'key')).toBe('another\n');
  expect(JSON.stringify(following.told())).toContain('a_key-1 → a_key-2');
});

test('what is for another reader, or was changed, refuses its stack with file and reason; its neighbour and the version before stay', async () => {
  repository.commit({ ...(await sealedFiles(recipient)), 'stacks/b/compose.yml': stackFile() });
  await following.add(repository.folder);
  const before = names();
  repository.commit({ ...(await sealedFiles(testRecipient, 'stolen')), 'stacks/b/compose.yml': stackFile('app:2') });
  const status = await following.sync();
  const errors = status.Refused?.['a']?.join('\n');
  expect(errors).toMatch(
    /stacks\/a\/web\.env is encrypted with SOPS and cannot be decrypted, so it is not deployed: it is not encrypted for this cluster: add age1/,
  );
  expect(names()).toEqual(before);
  expect(following.image('b_web')).toBe('app:2');
  const moved = (await sopsTree({ password: 'x' }, { recipient })).replace('"password"', '"passwort"');
  repository.commit({ ...(await sealedFiles(recipient)), 'stacks/a/tree.yaml': moved });
  expect((await following.sync()).Refused?.['a']?.join()).toContain('the value of passwort was changed, or moved, since SOPS wrote it');
  repository.commit(await sealedFiles(recipient));
  expect(await following.sync()).toMatchObject({ State: 'synced' });
});

test('what is sealed for one repository no other has opened, and what is sealed for the whole cluster only those of full trust', async () => {
  repository.commit(await sealedFiles(recipient));
  expect(await following.add(repository.folder, { Name: 'copy' })).toMatchObject({ State: 'degraded' });
  expect([names(), following.status('copy').Refused?.['a']?.join()]).toEqual([[], expect.stringContaining('it is not encrypted for this')]);
  following.cluster.run(updateRepository('copy', { Trust: 'full' }));
  await following.sync('copy');
  expect(names()).toEqual([]);
  repository.commit({ ...(await sealedFiles(whole)), 'stacks/a/web.env': await sopsEnv([['PASSWORD', 'x']], { recipient: whole }) });
  await following.sync('copy');
  expect(content('secret', 'key')).toBe(`${canary} by age\n`);
  following.cluster.run(updateRepository('copy', { Trust: 'limited' }));
  repository.commit({ 'stacks/a/key.age': await ageFile('x', whole) });
  const refused = (await following.sync('copy')).Refused?.['a']?.join('\n');
  expect(refused).toContain('repositories of full trust alone: `shoal secret seal --repo copy` encrypts it for this one');
});

test('an encrypted stack file that is in error says where, and nothing of what was encrypted', async () => {
  const compose = await sopsTree(
    { services_unencrypted: 1, services: { web: { image: 'app:1', ports: [`${canary}:x`], environment: { A: '${' + canary } } } },
    { recipient },
  );
  repository.commit({
    'stacks/a/compose.yml': compose,
    'stacks/b/compose.yml': stackFile('app:1', '    env_file: e.env\n'),
    'stacks/b/e.env': await ageFile(`=${canary}\n`, recipient),
  });
  const { Refused } = await following.add(repository.folder);
  expect(Refused?.['a']?.join()).toMatch(/^stacks\/a\/compose\.yml:/);
  const said = JSON.stringify([following.logged, following.told(), following.status()]);
  expect(said).not.toContain(canary);
});

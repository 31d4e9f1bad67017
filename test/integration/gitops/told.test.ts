/** What people are told: places of refusals, what is not used, what cannot be decrypted, and what went. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { explainRepository } from '#control/explain/repository';
import { removeRepository } from '#control/repository/repositories';
import { removeStack } from '#control/stack/stacks';
import { Following, GitRepository, stackFile } from '#test/support/git-repository';

let repository: GitRepository;
let following: Following;

beforeEach(async () => {
  repository = new GitRepository();
  following = await new Following().start();
});

afterEach(async () => {
  await following.stop();
  repository.remove();
});

test('what only the cluster refuses is refused at the place of its service', async () => {
  const port = '    ports: ["8080:80"]\n';
  repository.commit({
    'stacks/a/compose.yml': stackFile('a', port),
    'stacks/b/compose.yml': `# one\nservices:\n  quiet:\n    image: b\n  loud:\n    image: b\n${port}`,
  });
  const status = await following.add(repository.folder);
  expect(status.Refused?.['b']?.[0]).toMatch(/^stacks\/b\/compose\.yml:5:3: failed to create service b_loud: port '8080' is already in use/);
  expect(following.told().filter((line) => line.startsWith('synced'))).toEqual([]);
  expect(following.told().at(-1)).toMatch(/^degraded infra: /);
});

test('a variable that nobody sets says that the stack is refused', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile('app:${TAG}') });
  const status = await following.add(repository.folder);
  expect(status.Refused?.['a']?.[0]).toMatch(/^stacks\/a\/compose\.yml:3:5: .*variable TAG is not set; and without a value the stack is refused/);
});

test('an override and another name are told of once, and are no error', async () => {
  repository.commit({ 'stacks/a/compose.yml': `name: other\n${stackFile()}`, 'stacks/a/compose.override.yml': stackFile('app:2') });
  const status = await following.add(repository.folder);
  expect(status).toMatchObject({
    State: 'synced',
    Notes: { a: [expect.stringContaining('compose.override.yml is not used'), expect.stringMatching(/compose\.yml:1:\d+: name: .*"other" is not used/)] },
  });
  expect(following.image('a_web')).toBe('app:1');
  await following.sync();
  await following.restart();
  await following.sync();
  const noted = following.told().filter((line) => line.startsWith('noted a: '));
  expect(noted.length).toBeLessThanOrEqual(1);
  repository.commit({ 'stacks/a/compose.override.yml': undefined, 'stacks/a/compose.yml': `name: a\n${stackFile()}` });
  expect((await following.sync()).Notes).toBeUndefined();
});

test('a second document, a submodule and a link to a folder are told of, and what they hold is not deployed', async () => {
  const blob = (path: string, text: string) => ({ mode: '100644', path, text });
  const link = (path: string, text: string) => ({ mode: '120000', path, text });
  repository.commitTree([
    blob('other/compose.yml', stackFile()),
    blob('stacks/a/compose.yml', `${stackFile()}---\n# nothing\n---\nservices: { more: { image: app:2 } }\n`),
    link('stacks/away', '../other'),
    link('stacks/file', 'a/compose.yml'),
    { mode: '160000', path: 'stacks/module', text: '1'.repeat(40) },
  ]);
  const status = await following.add(repository.folder);
  const told = {
    away: ['stacks/away is a link to a folder, which is not followed: it is no stack'],
    module: ['stacks/module is a submodule, which is not followed: it is no stack'],
  };
  const document = expect.stringMatching(/^stacks\/a\/compose\.yml:\d+:1: .*another document begins here, and only the first one of a file is read/);
  expect(status).toMatchObject({ State: 'synced', Notes: { a: [document], ...told } });
  expect([...following.cluster.store.list('service')].map(({ Spec }) => Spec.Name)).toEqual(['a_web']);
  expect((await following.gitops.planCommit('infra', undefined)).declared).toEqual([document, ...told.away, ...told.module]);
  const lines = explainRepository(following.cluster.store, following.cluster.store.byName('repository', 'infra') ?? ({} as never), 0);
  expect(lines.slice(-4)).toEqual(['To know:', expect.stringContaining('another document'), `  ${told.away[0]}.`, `  ${told.module[0]}.`]);
  const { index } = following.cluster.store;
  await following.sync();
  expect(following.cluster.store.index).toBe(index);
});

test.each([
  ['a secret', 'secrets', 'db.age', 'age-encryption.org/v1\n-> X25519 x\n'],
  ['a config', 'configs', 'app.yaml', 'a: ENC[AES256_GCM,data:x=,iv:y=,tag:z=,type:str]\n'],
])('%s that is encrypted is refused, and the stack stays as it was', async (_what, section, file, text) => {
  repository.commit({ 'stacks/a/compose.yml': stackFile() });
  await following.add(repository.folder);
  repository.commit({ [`stacks/a/${file}`]: text, 'stacks/a/compose.yml': stackFile('app:2', `    ${section}: [s]\n${section}:\n  s:\n    file: ${file}\n`) });
  const status = await following.sync();
  expect(status.Refused?.['a']?.join()).toMatch(/^stacks\/a\/compose\.yml:\d+:\d+: .*is encrypted with (age|SOPS)/);
  expect(following.image('a_web')).toBe('app:1');
  expect([...following.cluster.store.list('secret'), ...following.cluster.store.list('config')]).toEqual([]);
});

test('an encrypted file of variables, and an encrypted stack file, are refused', async () => {
  repository.commit({
    'stacks/a/compose.yml': stackFile('app:1', '    env_file: .secret.env\n'),
    'stacks/a/.secret.env': 'A=ENC[AES256_GCM,data:x=,iv:y=,tag:z=,type:str]\nsops_version=3\n',
    'stacks/b/compose.yml': `${stackFile()}sops:\n  mac: ENC[AES256_GCM,data:x=,iv:y=,tag:z=,type:str]\n`,
    'stacks/c/compose.yml': stackFile('app:${TAG:-1}'),
    'stacks/c/.env': '-----BEGIN AGE ENCRYPTED FILE-----\nTAG=2\n',
  });
  const status = await following.add(repository.folder);
  for (const name of ['a', 'b', 'c']) expect.soft(status.Refused?.[name]?.join(), name).toMatch(/is encrypted with (age|SOPS)/);
});

test('a repository that is removed with its stacks tells of each', async () => {
  repository.commit({ 'stacks/a/compose.yml': stackFile(), 'stacks/b/compose.yml': stackFile() });
  await following.add(repository.folder);
  following.cluster.run(removeRepository('infra'));
  following.cluster.run(removeStack('a'));
  expect(following.told().slice(-2)).toEqual(['removed infra: it is followed no longer', 'removed a: it went with repository infra']);
});

/** Values that a vault holds, over a real HTTP server that speaks its API: each version of a stack has them once, and nobody else sees them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareTexts } from '#base/text/text';
import { applyDeclared } from '#control/repository/declared';
import { createRepository, updateRepository } from '#control/repository/repositories';
import { rollBackStack } from '#control/stack/stack-rollback';
import type { VaultPlace } from '#model/object/repository';
import { allBytes } from '#test/support/folder';
import { Following, GitRepository } from '#test/support/git-repository';
import { VaultServer } from '#test/support/vault-server';

const canary = 'canary-77ae';
let repository: GitRepository;
let following: Following;
let vault: VaultServer;

beforeEach(async () => {
  repository = new GitRepository();
  vault = await new VaultServer().start();
  following = await new Following().start();
});

afterEach(async () => {
  await following.stop();
  await vault.stop();
  repository.remove();
});

const stack = (reference = 'vault:kv/apps/db#password', image = 'app:1'): string => `services:
  web: { image: ${image}, secrets: [db] }
secrets:
  db:
    external: true
    name: ${reference}
`;

const add = (Vault: Partial<VaultPlace> | undefined = { Token: 'root-token' }) =>
  following.add(repository.folder, Vault && { Vault: { Address: vault.address, ...Vault } });
const { secrets, errors, image } = {
  secrets: () =>
    [...following.cluster.store.list('secret')]
      .map(({ Spec }) => [Spec.Name, Buffer.from(Spec.Data ?? '', 'base64').toString()])
      .toSorted(([a = ''], [b = '']) => compareTexts(a, b)),
  errors: () => following.status().Refused?.['a'] ?? [],
  image: () => following.image('a_web'),
};

test('a value is had once for each version of a stack, and stays that of its revision whatever the vault says later', async () => {
  vault.put('kv/apps/db', { password: `${canary} 1` });
  repository.commit({ 'stacks/a/compose.yml': stack() });
  expect(await add()).toMatchObject({ State: 'synced' });
  expect(secrets()).toEqual([[expect.stringMatching(/^a_vault\.db\.password\.[0-9a-f]{8}-1$/), `${canary} 1`]]);
  const reference = following.cluster.store.byName('service', 'a_web')?.Spec.TaskTemplate.ContainerSpec?.Secrets?.[0];
  expect(reference).toMatchObject({ File: { Name: 'db' }, SecretName: secrets()[0]?.[0] });
  expect(vault.calls.every(({ headers }) => headers['x-vault-request'] === 'true')).toBe(true);

  // Looks, a restart, and another value in the vault change nothing.
  vault.put('kv/apps/db', { password: `${canary} 2` });
  const { entries } = following.cluster;
  for (let look = 0; look < 3; look++) await following.sync();
  await following.restart();
  await following.sync();
  expect([vault.reads, following.cluster.entries - entries]).toEqual([1, 0]);

  // A commit that changes the stack has what is newest.
  repository.commit({ 'stacks/a/compose.yml': stack(undefined, 'app:2') });
  await following.sync();
  expect(secrets().at(-1)).toEqual([expect.stringMatching(/-2$/), `${canary} 2`]);
  // Destroyed, it is still had from the revision.
  vault.end('kv/apps/db', 'destroyed');
  following.cluster.run(rollBackStack('a', 1, 'somebody'));
  await following.sync();
  expect([secrets()[0]?.[1], image(), vault.reads]).toEqual([`${canary} 1`, 'app:1', 2]);
  const record = following.cluster.store.byName('stack', 'a');
  const said = JSON.stringify([following.logged, following.told(), following.status(), record]) + allBytes(following.state);
  for (const form of [canary, Buffer.from(canary).toString('base64').slice(0, 12), 'root-token']) expect(said).not.toContain(form);
});

test('asked to renew, all newest versions are had: another one is another version of the stack, the same one is nothing', async () => {
  vault.put('kv/apps/db', { password: 'one' });
  vault.put('old/db', { password: 'plain' });
  repository.commit({ 'stacks/a/compose.yml': stack(), 'stacks/b/compose.yml': stack('vault:old/db#password') });
  await add();
  const { entries } = following.cluster;
  await following.gitops.sync('infra', true);
  expect([vault.reads, following.cluster.entries]).toEqual([4, entries]);
  vault.put('kv/apps/db', { password: 'two' });
  vault.put('old/db', { password: 'plainer' });
  await following.gitops.sync('infra', true);
  expect(secrets().map(([, value]) => value)).toEqual(expect.arrayContaining(['two', 'plainer']));
  expect(JSON.stringify([...following.cluster.store.list('revision')].map(({ Spec }) => Spec.Content.Pinned))).toMatch(
    /"vault:kv\/apps\/db#password":"2".*"vault:old\/db#password":"hmac-sha256:[0-9a-f]{32}"/,
  );
});

test('what a vault does not give refuses the stack by name and place, and its version before stays', async () => {
  vault.put('kv/apps/db', { password: 'good', port: 5432, empty: '' });
  repository.commit({ 'stacks/a/compose.yml': stack(), 'stacks/b/compose.yml': 'services: { web: { image: other:1 } }\n' });
  await add();
  const refused = async (reference: string): Promise<string> => {
    repository.commit({ 'stacks/a/compose.yml': stack(reference, 'app:2') });
    await following.sync();
    expect(image()).toBe('app:1');
    return errors().join('\n');
  };
  const place = 'stacks/a/compose.yml:4:3: ';
  expect(await refused('vault:kv/apps/db#user')).toBe(`${place}vault:kv/apps/db#user: there is no key user at that path`);
  expect(await refused('vault:kv/apps/db#port')).toContain('key port is no text');
  expect(await refused('vault:kv/apps/db#empty')).toContain('key empty is empty');
  expect(await refused('vault:kv/apps/none#password')).toContain(`the vault at ${vault.address}: there is nothing at that path`);
  expect(await refused('vault:kv/apps/db?version=7#password')).toContain('there is nothing at that path');
  expect(await refused('vault:foreign/apps/db#password')).toContain('its policy does not allow the path');
  expect(await refused('vault:kv/../sys/x#password')).toContain('a value in a vault is named vault:PATH#KEY');
  expect(await refused('vault:kv#password')).toContain('a value in a vault is named vault:PATH#KEY');
  vault.end('kv/apps/db', 'deleted');
  expect(await refused('vault:kv/apps/db?version=1#password')).toContain('version 1 was deleted');
  vault.end('kv/apps/db', 'destroyed');
  expect(await refused('vault:kv/apps/db#password')).toContain('version 1 was destroyed');
  // One stack cannot use up what is for all.
  const numbers = Array.from({ length: 7 }, (_, number) => number);
  for (const number of numbers) vault.put(`kv/big${number}/x`, { v: String(number).repeat(490_000) });
  const big = numbers.map((number) => `  s${number}: { external: true, name: "vault:kv/big${number}/x#v" }\n`).join('');
  repository.commit({ 'stacks/a/compose.yml': `services: { web: { image: app:3 } }\nsecrets:\n${big}` });
  await following.sync();
  expect(errors().join()).toContain('the values of one stack are longer than 4194304 bytes together');
  await refused('vault:kv/apps/db#password');
  // What its neighbours want they have.
  repository.commit({ 'stacks/b/compose.yml': 'services: { web: { image: other:2 } }\n' });
  await following.sync();
  expect(following.image('b_web')).toBe('other:2');
  // It is asked again with the next look, and goes on by itself.
  vault.put('kv/apps/db', { password: 'again' });
  await following.sync();
  expect([following.status().State, image(), secrets().at(-1)?.[1]]).toEqual(['synced', 'app:2', 'again']);
});

test('a vault that is away, sealed, redirects or says too much is bounded, and its token goes nowhere else', async () => {
  vault.put('kv/apps/db', { password: 'good' });
  repository.commit({ 'stacks/a/compose.yml': stack() });
  const answered = async (answer: VaultServer['answer']): Promise<string> => {
    vault.answer = answer;
    await following.sync();
    return errors().join('\n');
  };
  vault.answer = (_path, response) => Boolean(response.writeHead(503).end('{}'));
  await add();
  expect(errors().join()).toContain('it is sealed, or down');
  expect(await answered((path, response) => path !== '/else' && Boolean(response.writeHead(307, { Location: '/else' }).end()))).toContain(
    'a redirect, which is not followed',
  );
  expect(vault.calls.map(({ path }) => path)).not.toContain('/else');
  expect(await answered((_path, response) => Boolean(response.writeHead(200).end('x'.repeat(1_100_000))))).toContain('more than 1 MiB');
  expect(await answered((_path, response) => Boolean(response.writeHead(200).end('<html>')))).toContain('no key-value engine is there');
  expect(await answered((_path, response) => Boolean(response.destroy()))).toContain('it is not reached (ECONNRESET)');
  expect(await answered((_path, response) => Boolean(response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'x' }).flushHeaders() ?? true))).toContain(
    'something else than HTTP',
  );
  // Who asks himself is not told what was so a while ago.
  vault.answer = undefined;
  expect((await following.gitops.planCommit('infra', undefined)).stacks).toMatchObject([{ name: 'a', step: 'apply' }]);
  expect(await answered(undefined)).toBe('');
  expect(following.status().State).toBe('synced');
});

test('AppRole gives short-lived tokens, which are had anew when they end; a namespace goes along', async () => {
  vault.namespace = 'team/one';
  vault.put('kv/apps/db', { password: 'good' });
  repository.commit({ 'stacks/a/compose.yml': stack() });
  const role = { RoleID: vault.role.id, SecretID: vault.role.secret, Namespace: 'team/one' };
  expect((await add(role)).State).toBe('synced');
  vault.tokens.clear();
  repository.commit({ 'stacks/a/compose.yml': stack(undefined, 'app:2') });
  await following.sync();
  expect([image(), vault.calls.filter(({ path }) => path.endsWith('/login')).length]).toEqual(['app:2', 2]);
  following.cluster.run(updateRepository('infra', { Vault: { SecretID: 'wrong' } }));
  repository.commit({ 'stacks/a/compose.yml': stack(undefined, 'app:3') });
  await following.sync();
  expect(errors().join()).toContain('the role is not let in (status 400)');
});

test('a plan of a commit that is not followed asks no vault: what stays has its value, what is new waits; by hand there is none', async () => {
  vault.put('kv/apps/db', { password: 'one', user: 'me' });
  repository.commit({ 'stacks/a/compose.yml': stack() });
  await add();
  vault.put('kv/apps/db', { password: 'two' });
  repository.git('checkout', '--quiet', '-b', 'change');
  repository.commit({ 'stacks/a/compose.yml': stack(undefined, 'app:2') });
  const { reads } = vault;
  const plan = JSON.stringify(await following.gitops.planCommit('infra', 'change'));
  expect(plan).toContain('app:2');
  expect(plan).not.toMatch(/vault\.db/);
  repository.commit({ 'stacks/a/compose.yml': stack('vault:kv/apps/db#user', 'app:2') });
  expect(JSON.stringify(await following.gitops.planCommit('infra', 'change'))).toContain('the vault is asked for it when the commit is followed');
  expect(vault.reads).toBe(reads);
  following.cluster.run(updateRepository('infra', { Vault: { Address: '' } }));
  repository.git('checkout', '--quiet', 'main');
  repository.commit({ 'stacks/a/compose.yml': stack(undefined, 'app:3') });
  await following.sync();
  expect(errors().join()).toContain('repository infra has no vault: `shoal repo update infra --vault https://… --vault-token-file FILE`');
});

test('a declared repository has its parent’s vault only where it follows the same commits, by the same signers', async () => {
  vault.put('kv/apps/db', { password: canary });
  const entry = (name: string, more = '') => `  - { name: ${name}, url: ".", path: ${name}${more} }\n`;
  const file = (entries: string) => `repositories:\n${entries}`;
  repository.commit({ 'same/b/compose.yml': stack(), 'other/c/compose.yml': stack(), 'shoal.yml': file(entry('same') + entry('other', ', branch: dev')) });
  repository.git('branch', 'dev');
  await following.add(repository.folder, { Vault: { Address: vault.address, Token: 'root-token' }, Path: 'same/none' });
  await following.sync('same');
  await following.sync('other');
  expect(secrets()).toEqual([[expect.stringMatching(/^b_vault/), canary]]);
  expect(following.status('other').Refused?.['c']?.[0]).toMatch(
    /other\/c\/compose\.yml:.*repository other has no vault: one that another declares has a vault only where/,
  );
  // It is the parent's own: another address there is another one here, and none there is none here.
  following.cluster.run(updateRepository('infra', { Vault: { Address: 'http://127.0.0.1:1', Token: 'root-token' } }));
  await following.sync();
  expect(following.cluster.store.byName('repository', 'same')?.Spec.Vault?.Address).toBe('http://127.0.0.1:1');
  following.cluster.run(updateRepository('infra', { Vault: { Address: '' } }));
  await following.sync();
  expect(following.cluster.store.byName('repository', 'same')?.Spec.Vault).toBeUndefined();
  // What is in force stays, with the value that it has.
  await following.sync('same');
  expect([following.image('b_web'), secrets()[0]?.[1]]).toEqual(['app:1', canary]);
});

test('a declared repository that asks for fewer signatures than its parent, or follows a history that it would hold, has no vault', () => {
  const { cluster } = following;
  const Vault = { Address: vault.address, Token: 'root-token' };
  const Signers = 'ops ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHKJzGvMLuVPG6hYB1hNuwqXMKhf2gTmaP2oTyYxIhDN';
  const { ID } = cluster.run(createRepository({ Name: 'infra', URL: '/r', Branch: 'main', Path: 'stacks', Interval: 30e9, Signers, Vault, Trust: 'full' }));
  const child = (Name: string, more = {}) => ({ Name, URL: '.', Branch: 'main', Path: Name, Interval: 30e9, ...more });
  const { refused } = cluster.run(
    applyDeclared(ID, 'c', { Repositories: [child('open'), child('signed', { Signers }), child('follows', { Signers, Rewrites: 'follow' })] }),
  );
  expect(refused).toEqual({});
  expect(['open', 'signed', 'follows'].map((name) => cluster.store.byName('repository', name)?.Spec.Vault)).toEqual([undefined, Vault, undefined]);
});

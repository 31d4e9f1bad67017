/** `git push` to the cluster itself, by real git: judged before it is taken, told of until its verdict, kept where it survives the node. */
import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { suspendRepository, updateRepository } from '#control/repository/repositories';
import { addIssuer, removeIssuer } from '#control/repository/issuers';
import { removeToken } from '#control/repository/tokens';
import { create } from '#store/action';
import { runningTask } from '#test/support/api-fixture';
import { Pushing } from '#test/support/git-pushing';
import { stackFile, within } from '#test/support/git-repository';

let world: Pushing;

beforeEach(async () => {
  world = await new Pushing().start();
  world.create();
});

afterEach(() => world.stop());

test('a good push shows its plan and its rollout until the verdict, a bad one what is wrong with it, and nothing is taken', async () => {
  const { repository, following } = world;
  const token = world.token('push');
  const first = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  const good = await world.push(token);
  expect(good.remote).toEqual(['stack web: new in the repository', 'web_web 1/1', `DEPLOYED: commit ${first.slice(0, 12)} is deployed, and healthy`]);
  expect(good.code).toBe(0);
  expect(following.image('web_web')).toBe('app:1');
  repository.commit({ 'stacks/web/compose.yml': 'services:\n  web:\n    image: app:2\n    imaage: app:3\n' });
  const bad = await world.push(token);
  expect(bad.remote.join('\n')).toMatch(/stacks\/web\/compose.yml:4:5: .*imaage/);
  expect(bad.shown).toContain('pre-receive hook declined');
  expect(bad.code).toBe(1);
  expect(following.status().Commit).toBe(first);
});

test('what was pushed survives the folder: another manager has it from the store, and goes on', async () => {
  const { repository, following } = world;
  const [token, reader] = [world.token('push'), world.token('read')];
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  await world.push(token);
  const second = repository.commit({ 'stacks/web/compose.yml': stackFile('app:2'), 'notes.txt': 'kept' });
  expect((await world.push(token)).code).toBe(0);
  const folders = join(following.state, 'repositories');
  for (const name of readdirSync(folders)) rmSync(join(folders, name), { recursive: true });
  await following.restart();
  expect(await following.sync()).toMatchObject({ State: 'synced', Commit: second });
  expect((await world.git('ls-remote', world.url(reader), 'refs/heads/main')).shown).toContain(second);
  const copy = join(repository.folder, '..', 'copy');
  expect((await world.git('clone', '--quiet', world.url(reader), copy)).code).toBe(0);
  expect(readdirSync(copy)).toEqual(expect.arrayContaining(['notes.txt', 'stacks']));
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:3') });
  expect((await world.push(token)).code).toBe(0);
  expect(following.image('web_web')).toBe('app:3');
  expect(following.cluster.store.byName('repository', 'infra')?.Pushed?.Pushes).toHaveLength(3);
});

test('a rollout that fails says so, and what it went back to', async () => {
  const { repository, following } = world;
  const token = world.token('push');
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  await world.push(token);
  const second = repository.commit({ 'stacks/web/compose.yml': stackFile('bad:2') });
  const failed = await world.push(token);
  expect(failed.remote[0]).toBe('stack web:');
  expect(failed.remote.at(-2)).toMatch(/^web: refused: rolled back to revision 1 .*update paused due to failure/);
  expect(failed.remote.at(-1)).toBe(`NOT DEPLOYED: 1 of 1 stacks are not as commit ${second.slice(0, 12)} wants them`);
  expect(following.image('web_web')).toBe('app:1');
  // The commit is taken: the next one comes after it, and one that changes no stack does not mend it.
  const readme = repository.commit({ 'README.md': 'more' });
  const still = await world.push(token);
  expect(still.remote.at(-2)).toMatch(/^web: refused: rolled back to revision 1 /);
  expect(still.remote.at(-1)).toBe(`NOT DEPLOYED: 1 of 1 stacks are not as commit ${readme.slice(0, 12)} wants them`);
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:3') });
  expect((await world.push(token)).remote.at(-1)).toMatch(/^DEPLOYED: /);
});

test('a push comes to any manager; where the leader dies in the middle of it the next one goes on, and says what becomes of it', async () => {
  await world.stop();
  world = await new Pushing().start({ follower: true });
  world.create();
  const { repository, following } = world;
  const token = world.token('push');
  const first = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  const good = await world.push(token);
  expect([good.code, good.remote.at(-1)]).toEqual([0, `DEPLOYED: commit ${first.slice(0, 12)} is deployed, and healthy`]);
  repository.commit({ 'stacks/web/compose.yml': 'services: { web: { imaage: x } }\n' });
  const bad = await world.push(token);
  expect(bad.remote.join('\n')).toMatch(/stacks\/web\/compose.yml:1:\d+: .*imaage/);
  repository.git('reset', '--quiet', '--hard', first);

  // Some megabytes go on to the leader as they come.
  const noise = randomBytes(6 * 1024 * 1024).toString('base64');
  const large = repository.commit({ 'stacks/web/noise': noise });
  const sent = await world.push(token);
  expect([sent.code, sent.remote.at(-1)]).toEqual([0, `DEPLOYED: commit ${large.slice(0, 12)} is deployed, and healthy`]);

  // It is taken, and its rollout is followed: nothing of it is over while its wave waits for the one before.
  const slow = 'services:\n  web: { image: app:2 }\n  late: { image: "slow:1" }\n';
  const second = repository.commit({ 'stacks/web/compose.yml': slow });
  const pushed = world.push(token);
  const taken = () => following.image('web_web') === 'app:2';
  await within(60_000, taken, () => following.logged.slice(-5).join('\n'));
  await world.changeLeader();
  const { cluster } = following;
  cluster.write([
    create('task', runningTask(cluster.store.byName('service', 'web_late') ?? ({} as never), { id: 'late1', slot: 1, nodeId: 'node-one', now: 1 })),
  ]);
  const broken = await pushed;
  expect(broken.remote.slice(-2)).toEqual([
    `the leader went away: commit ${second.slice(0, 12)} is taken, and the next one goes on with it`,
    `DEPLOYED: 1 stack as commit ${second.slice(0, 12)} wants them`,
  ]);
  expect(broken.code).toBe(0);
  expect(following.cluster.store.byName('repository', 'infra')?.Pushed?.Commit).toBe(second);
  // Who pushes again hears that it is there; what comes next is deployed by the new leader.
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:3') });
  const next = await world.push(token);
  expect([next.code, next.remote.at(-1)]).toEqual([0, expect.stringMatching(/^DEPLOYED: /)]);
  expect(following.image('web_web')).toBe('app:3');
  // A manager that stops says what it knows, and that the push is taken.
  const last = repository.commit({ 'stacks/web/compose.yml': slow });
  const cut = world.push(token);
  await within(60_000, taken, () => following.logged.slice(-5).join('\n'));
  await world.closeDoor();
  const unknown = `NOT DEPLOYED: it is not known here what becomes of commit ${last.slice(0, 12)}, which is taken: this manager stops; `;
  expect(await cut).toMatchObject({ code: 0, remote: expect.arrayContaining([`${unknown}\`shoal stack ls\` at another manager shows it`]) });
});

test('while nothing is written the push says why, and is done when that ends', async () => {
  const { repository, following } = world;
  following.cluster.run(suspendRepository('infra', true));
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  expect((await world.push(world.token('push'))).remote.at(-1)).toBe('NOT DEPLOYED: the repository is suspended: it is deployed when that ends');
  following.cluster.run(suspendRepository('infra', false));
  await following.sync();
  expect(following.image('web_web')).toBe('app:1');
});

test('who shows no token, a wrong one, one that is gone or one that may only read does not push', async () => {
  const { repository, following } = world;
  const [token, reader] = [world.token('push'), world.token('read')];
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  for (const secret of ['wrong', '']) expect((await world.push(secret)).shown).toMatch(/Authentication failed|could not read/);
  expect((await world.push(reader)).shown).toContain('this token has role read: it may not push');
  expect((await world.git('push', world.url(token, 'elsewhere'), 'main')).shown).toContain('Authentication failed');
  const known = following.cluster.store.byName('repository', 'infra')?.Tokens?.find(({ Role }) => Role === 'push');
  following.cluster.run(removeToken('infra', known?.ID ?? ''));
  expect((await world.push(token)).shown).toContain('Authentication failed');
  expect(following.cluster.store.byName('repository', 'infra')?.Pushed).toBeUndefined();
});

test('hostile pushes are refused by name: other refs, deletions, rewritten histories, what is too large, what nobody signed', async () => {
  const { repository, following } = world;
  const token = world.token('push');
  const first = repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  await world.push(token);
  const refusals: [what: string[], why: string][] = [
    [['main:other'], 'refs/heads/other is not taken: repository infra has one branch, main, and that is deployed'],
    [['main:refs/tags/v1'], 'refs/tags/v1 is not taken'],
    [['main', 'main:other'], 'refs/heads/other is not taken'],
    [[':main'], 'branch main is deployed and cannot be deleted'],
  ];
  for (const [what, why] of refusals) {
    const { code, remote } = await world.push(token, ...what);
    expect([code, remote.join('\n')]).toEqual([1, expect.stringContaining(why)]);
  }
  repository.git('commit', '--quiet', '--amend', '-m', 'another history');
  const forced = await world.push(token, '--force', 'main');
  expect(forced.remote.join('\n')).toContain(`does not come after ${first.slice(0, 12)}, which is deployed: its history was rewritten`);
  repository.git('reset', '--quiet', '--hard', first);
  repository.git('commit', '--quiet', '--allow-empty', '-m', 'a large file');
  repository.git('config', 'core.compression', '0');
  const blob = repository.hash(randomBytes(12 * 1024 * 1024).toString('latin1'));
  repository.git('update-index', '--add', '--cacheinfo', `100644,${blob},large`);
  repository.git('commit', '--quiet', '--amend', '-m', 'large');
  expect((await world.push(token)).shown).toMatch(/exceeds maximum allowed size|larger than/);
  repository.git('reset', '--quiet', '--hard', first);
  following.cluster.run(updateRepository('infra', { Signers: 'a@b ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcTtTJkJ0dYyQm5Z0Xo9G0mJ8mYq7n9kqHn2z1yJ5fA' }));
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:2') });
  expect((await world.push(token)).remote.join('\n')).toContain('it is not signed');
  // What came before the newest one is looked at as well.
  const unsigned = repository.git('rev-parse', 'HEAD');
  const key = join(repository.folder, '..', 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  following.cluster.run(updateRepository('infra', { Signers: `t@localhost ${readFileSync(`${key}.pub`, 'utf8')}` }));
  repository.git('-c', 'gpg.format=ssh', '-c', `user.signingkey=${key}`, 'commit', '--quiet', '--allow-empty', '-S', '-m', 'signed');
  expect((await world.push(token)).remote.join('\n')).toContain(`commit ${unsigned.slice(0, 12)}, which came with it, is not believed: it is not signed`);
  expect(following.cluster.store.byName('repository', 'infra')?.Pushed?.Commit).toBe(first);
  expect([...following.cluster.store.list('pack')]).toHaveLength(1);
});

test('a push from a shallow clone says what to do, and is taken where what it lacks is there', async () => {
  const { repository, following } = world;
  const token = world.token('push');
  const shallow = join(repository.folder, '.git/shallow');
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  const second = repository.commit({ 'stacks/web/compose.yml': stackFile('app:2') });
  writeFileSync(shallow, `${second}\n`);
  const refused = await world.push(token);
  expect([refused.code, refused.remote.join('\n')]).toEqual([1, expect.stringMatching(/the clone is shallow: run `git fetch --unshallow`.*fetch-depth: 0/)]);
  rmSync(shallow);
  expect((await world.push(token)).code).toBe(0);
  writeFileSync(shallow, `${second}\n`);
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:3') });
  expect((await world.push(token)).code).toBe(0);
  expect(following.image('web_web')).toBe('app:3');
});

test('of two who push at once one is taken, and the other hears that somebody was there before', async () => {
  const { repository, following } = world;
  const token = world.token('push');
  repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
  await world.push(token);
  const one = repository.commit({ 'stacks/web/compose.yml': stackFile('app:2') });
  repository.git('branch', 'left');
  repository.git('reset', '--quiet', '--hard', 'HEAD~1');
  const two = repository.commit({ 'stacks/web/compose.yml': stackFile('app:3') });
  const both = await Promise.all([world.push(token, 'left:main'), world.push(token, 'main:main')]);
  expect(both.map(({ code }) => code).toSorted((a, b) => a - b)).toEqual([0, 1]);
  const taken = both[0]?.code === 0 ? one : two;
  expect(following.cluster.store.byName('repository', 'infra')?.Pushed?.Commit).toBe(taken);
  expect(following.status().Commit).toBe(taken);
});

test('a job pushes with the token that its forge made for it, as long as the forge is trusted', async () => {
  const { repository, following } = world;
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'one' }] };
  const server = createServer(
    (request, response) => void response.end(JSON.stringify(request.url === '/keys' ? keys : { issuer, jwks_uri: `${issuer}/keys` })),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const { ID } = following.cluster.run(addIssuer('infra', { Issuer: issuer, Subject: 'team/stacks:*', Audience: 'shoal', Role: 'push' }));
    const token = (sub: string) =>
      new SignJWT({ iss: issuer, aud: 'shoal', sub }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuedAt().setExpirationTime('5m').sign(privateKey);
    repository.commit({ 'stacks/web/compose.yml': stackFile('app:1') });
    expect((await world.push(await token('team/others:main'))).shown).toContain('Authentication failed');
    expect((await world.push(await token('team/stacks:main'))).remote.at(-1)).toMatch(/^DEPLOYED: /);
    const asked = { headers: { Authorization: `Basic ${Buffer.from(`job:${await token('team/stacks:main')}`).toString('base64')}` } };
    const verdict = await fetch(`${world.door}/verdict/infra?commit=${repository.git('rev-parse', 'HEAD').trim()}`, asked);
    expect([verdict.status, await verdict.json()]).toMatchObject([200, { State: 'success', Exit: 0 }]);
    following.cluster.run(removeIssuer('infra', ID));
    expect((await world.push(await token('team/stacks:main'))).shown).toContain('Authentication failed');
  } finally {
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }
});

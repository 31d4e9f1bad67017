/** Real git servers: logins that nobody sees, host keys, redirects, slow lines, and servers that mean harm. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { update } from '#store/action';
import { bareCopy, startGitDaemon, startSecureShell, startWebServer, type WebOptions, type WebServer } from '#test/support/git-server';
import { Following, GitRepository, stackFile, within } from '#test/support/git-repository';

const canary = 'tOk3n-9c1f';
let repository: GitRepository;
let following: Following;
let bare: string;
let stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  repository = new GitRepository();
  repository.commit({ 'stacks/a/compose.yml': stackFile() });
  bare = bareCopy(repository.folder);
  following = await new Following().start();
});

afterEach(async () => {
  expect(JSON.stringify([following.logged, following.told(), [...following.cluster.store.list('repository')].map(({ Status }) => Status)])).not.toContain(
    canary,
  );
  await following.stop();
  for (const stop of stops) await stop();
  stops = [];
  repository.remove();
});

async function web(options?: WebOptions): Promise<WebServer> {
  const server = await startWebServer(dirname(repository.folder), options);
  stops.push(server.stop);
  return server;
}

function push(image: string): void {
  repository.commit({ 'stacks/a/compose.yml': stackFile(image) });
  repository.git('push', '--quiet', '--force', bare, 'main');
}

/** Command lines and surroundings of all processes of this machine. */
function processes(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => join('/proc', pid, file)))
    .map((path) => {
      try {
        return readFileSync(path, 'latin1');
      } catch {
        return '';
      }
    })
    .join('\n');
}

test('an https repository with a login is followed, and no process shows the login while git runs', async () => {
  const seen: string[] = [];
  const server = await web({
    login: `someone:${canary}`,
    instead: () => {
      seen.push(processes());
      return false;
    },
  });
  const status = await following.add(`${server.url}/x.git`, { Credentials: { Username: 'someone', Password: canary, CA: server.ca } });
  expect(status).toMatchObject({ State: 'synced' });
  push('app:2');
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
  expect(server.requests.some(({ authorization }) => authorization !== undefined)).toBe(true);
  expect(seen.some((text) => text.includes('git-remote-http'))).toBe(true);
  expect(seen.filter((text) => text.includes(canary))).toEqual([]);
  // It is tried again all the time, ever more slowly: between two tries there is nothing.
  await expect.poll(() => readdirSync(join(following.state, 'run', 'git')), { timeout: 30_000 }).toEqual([]);
});

test('a login inside the URL works, is taken apart, and a record of before is too', async () => {
  const server = await web({ login: `some one:${canary}`, plain: true });
  const inside = `${server.url.replace('://', `://some%20one:${canary}@`)}/x.git`;
  expect(await following.add(inside)).toMatchObject({ State: 'synced' });
  const { store } = following.cluster;
  expect(store.byName('repository', 'infra')?.Spec).toMatchObject({ URL: `${server.url}/x.git`, Credentials: { Username: 'some one', Password: canary } });
  const before = store.byName('repository', 'infra');
  if (!before) throw new Error('no repository');
  const { Credentials: _none, ...spec } = before.Spec;
  following.cluster.write([update('repository', { ...before, Spec: { ...spec, URL: inside } })]);
  push('app:2');
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
});

test.each([
  ['a wrong password', { Username: 'someone', Password: `not ${canary}` }, /Authentication failed/],
  ['no password', {}, /could not read Username.*--token-file/],
])('%s is said', async (_what, credentials, message) => {
  const server = await web({ login: `someone:${canary}` });
  const status = await following.add(`${server.url}/x.git`, { Credentials: { ...credentials, CA: server.ca } });
  expect(status).toMatchObject({ State: 'unavailable', Message: expect.stringMatching(message) });
});

test('a server whose certificate nobody vouches for is not given a login', async () => {
  const server = await web({ login: `someone:${canary}` });
  const status = await following.add(`${server.url}/x.git`, { Credentials: { Username: 'someone', Password: canary } });
  expect(status).toMatchObject({ State: 'unavailable', Message: expect.stringMatching(/certificate/i) });
  expect(server.requests).toEqual([]);
});

test('a redirect is not followed, and takes no login along', async () => {
  const other = await web({ plain: true });
  const server = await web({
    plain: true,
    instead: (request, response) => {
      response.writeHead(302, { Location: `${other.url}${request.url ?? ''}` }).end();
      return true;
    },
  });
  const status = await following.add(`${server.url}/x.git`, { Credentials: { Username: 'someone', Password: canary } });
  expect(status).toMatchObject({ State: 'unavailable', Message: expect.stringContaining('redirects are not followed') });
  expect(other.requests).toEqual([]);
});

test('a repository over ssh is followed with its own key, from a server whose key is known', async () => {
  const server = await startSecureShell();
  stops.push(server.stop);
  const Credentials = { SSHKey: server.key, KnownHosts: server.knownHosts };
  expect(await following.add(`${server.url}${bare}`, { Credentials })).toMatchObject({ State: 'synced' });
  push('app:2');
  expect(await following.sync()).toMatchObject({ State: 'synced' });
  expect(following.image('a_web')).toBe('app:2');
  const stranger = await startSecureShell();
  stops.push(stranger.stop);
  const swapped = stranger.knownHosts.replace(/:\d+/, /:\d+/.exec(server.knownHosts)?.[0] ?? '');
  for (const [Name, KnownHosts] of [
    ['swapped', swapped],
    ['unknown', stranger.knownHosts],
  ] as const) {
    const status = await following.add(`${server.url}${bare}`, { Name, Credentials: { SSHKey: server.key, KnownHosts } });
    expect(status).toMatchObject({ State: 'unavailable', Message: expect.stringContaining('--known-hosts-file') });
  }
  const status = await following
    .add(`${server.url}${bare}`, { Name: 'locked out', Credentials: { SSHKey: stranger.key, KnownHosts: server.knownHosts } })
    .catch((error: Error) => error.message);
  expect(status).toMatch(/DNS name/);
  expect(await following.add(`${server.url}${bare}`, { Name: 'out', Credentials: { SSHKey: stranger.key, KnownHosts: server.knownHosts } })).toMatchObject({
    State: 'unavailable',
    Message: expect.stringContaining('Permission denied'),
  });
  // It is tried again all the time, ever more slowly: between two tries there is nothing.
  await expect.poll(() => readdirSync(join(following.state, 'run', 'git')), { timeout: 30_000 }).toEqual([]);
});

test('git daemon is followed', async () => {
  const server = await startGitDaemon(dirname(repository.folder));
  stops.push(server.stop);
  expect(await following.add(`${server.url}/x.git`)).toMatchObject({ State: 'synced' });
  push('app:2');
  expect(await following.sync()).toMatchObject({ State: 'synced' });
});

/** Bytes that no packing makes smaller. */
function noise(bytes: number): string {
  let state = 1;
  const data = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[at] = state >>> 24;
  }
  return data.toString('latin1');
}

async function restartWith(options: ConstructorParameters<typeof Following>[1]): Promise<void> {
  await following.stop();
  following = await new Following(undefined, options).start();
}

test('a slow line that goes on ends well, however long silence may last', async () => {
  await restartWith({ timeouts: { silenceMs: 1500, totalMs: 60_000 } });
  repository.commit({
    'stacks/a/noise': noise(1024 * 1024),
    'stacks/a/compose.yml': stackFile('app:1', '    configs: [n]\nconfigs:\n  n:\n    file: noise\n'),
  });
  repository.git('push', '--quiet', bare, 'main');
  const server = await web({ plain: true, bytesPerSecond: 400_000 });
  const start = performance.now();
  const status = await following.add(`${server.url}/x.git`);
  expect(performance.now() - start).toBeGreaterThan(3000);
  // All of it came; that it is too large for a config is another matter.
  expect(status.State).not.toBe('unavailable');
});

/** Answers with one piece over and over. */
function flood(response: ServerResponse, piece: Buffer): void {
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
    response.once('drain', more);
  };
  response.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-result' });
  response.write('000dpackfile\n');
  more();
}

test.each<[string, (response: ServerResponse) => void, RegExp]>([
  ['says nothing more', () => {}, /nothing came for 3 s/],
  [
    'sends messages without end',
    (response) => flood(response, Buffer.concat([Buffer.from('0410\u0002'), Buffer.alloc(0x40a, 'x'), Buffer.from('\n')])),
    /more than 1048576 bytes of messages/,
  ],
  [
    'sends one message without end',
    (response) => flood(response, Buffer.concat([Buffer.from('fff0\u0002'), Buffer.alloc(0xffeb, 'x')])),
    /nothing came for 3 s|more memory/,
  ],
])('a server that %s is left, and costs nobody else anything', async (_what, harm, message) => {
  await restartWith({ timeouts: { silenceMs: 3000, totalMs: 20_000 } });
  const bad = await web({
    plain: true,
    instead: (_request, response, body) => {
      // The branches are told; it is the objects that never come.
      if (!body.includes('command=fetch')) return false;
      harm(response);
      return true;
    },
  });
  const good = await web({ plain: true });
  const looked = following.add(`${bad.url}/x.git`, { Name: 'bad' });
  expect(await following.add(`${good.url}/x.git`, { Name: 'good' })).toMatchObject({ State: 'synced' });
  expect(await looked).toMatchObject({ State: 'unavailable', Message: expect.stringMatching(message) });
  await within(
    5000,
    () => !processes().includes(bad.url),
    () => 'git still runs',
  );
});

test('a commit that changes small files is had in one fetch, with them', async () => {
  const server = await web({ plain: true });
  for (const setting of ['uploadpack.allowFilter', 'uploadpack.allowAnySHA1InWant']) repository.git('-C', bare, 'config', setting, 'true');
  await following.add(`${server.url}/x.git`);
  expect(following.image('a_web')).toBeDefined();
  const packs = () => server.requests.filter(({ path }) => path.endsWith('/git-upload-pack')).length;
  const looks = async (): Promise<number> => {
    const before = packs();
    await following.sync();
    return packs() - before;
  };
  // What a look that finds nothing asks.
  const idle = await looks();
  push('app:2');
  const changed = await looks();
  expect(following.image('a_web')).toBe('app:2');
  repository.commit({
    'stacks/a/large.txt': 'x'.repeat(100_000),
    'stacks/a/compose.yml': `${stackFile('app:3', '    configs: [large]\n')}configs: { large: { file: large.txt } }\n`,
  });
  repository.git('push', '--quiet', '--force', bare, 'main');
  const more = await looks();
  expect(following.image('a_web')).toBe('app:3');
  // The large one is asked for by itself, when a stack names it.
  expect([changed > idle, more > changed]).toEqual([true, true]);
  expect(more - changed).toBeLessThanOrEqual(2);
});

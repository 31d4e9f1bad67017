/** The door for webhooks: who is believed, what counts once, and how a flood is met. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpDoor } from '#api/door/http-door';
import { Looks, Seen } from '#api/door/deliveries';
import { judge } from '#api/door/webhook';
import { TestAuthority } from '#test/support/cluster-certificates';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const secret = 'a secret of the repository';
const hmac = (body: string, key = secret): string => createHmac('sha256', key).update(body).digest('hex');

let looked: string[];
let door: HttpDoor;
let port: number;

beforeEach(async () => {
  looked = [];
  const secretOf = async (name: string) => (name === 'infra' || name === 'other' ? secret : undefined);
  const git = { repository: async () => undefined, git: async () => undefined, plan: async () => undefined, verdict: async () => undefined };
  door = new HttpDoor(
    { host: '127.0.0.1', port: 0 },
    { secretOf, look: async (name) => void looked.push(name), ...git, clock: realClock, logger: silentLogger },
  );
  ({ port } = await door.start());
});

afterEach(() => door.stop());

function post(body: string, headers: Record<string, string>, path = '/hooks/infra', method = 'POST'): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    // A body that is refused before it ends breaks the connection after the answer.
    call.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' || error.code === 'ECONNRESET' ? undefined : reject(error)));
    call.end(body);
  });
}

const forges: readonly [name: string, headers: (body: string, key?: string) => Record<string, string>][] = [
  ['GitHub', (body, key) => ({ 'X-Hub-Signature-256': `sha256=${hmac(body, key)}`, 'X-GitHub-Event': 'push' })],
  ['GitLab', (_body, key = secret) => ({ 'X-Gitlab-Token': key, 'X-Gitlab-Event-UUID': '1' })],
  ['Gitea', (body, key) => ({ 'X-Gitea-Signature': hmac(body, key), 'X-Gitea-Event': 'push' })],
  ['Forgejo', (body, key) => ({ 'X-Forgejo-Signature': hmac(body, key) })],
  ['Bitbucket', (body, key) => ({ 'X-Hub-Signature': `sha256=${hmac(body, key)}`, 'X-Event-Key': 'repo:push' })],
  ['a script', (body, key) => ({ 'X-Shoal-Signature': `sha256=${hmac(body, key)}` })],
];

test.each(forges)('%s: what is signed is believed once, what is not never', async (_name, headers) => {
  const body = '{"ref":"refs/heads/main","repository":{"url":"https://elsewhere.example/x.git"}}';
  expect(await post(body, headers(body, 'another secret'))).toBe(401);
  expect(await post(body, {})).toBe(401);
  expect(looked).toEqual([]);
  expect(await post(body, headers(body))).toBe(202);
  expect(await post(body, headers(body))).toBe(409);
  expect(looked).toEqual(['infra']);
});

test('a signature of another body, an empty token and a secret for a repository without one are refused', async () => {
  expect(await post('two', { 'X-Hub-Signature-256': `sha256=${hmac('one')}` })).toBe(401);
  expect(await post('', { 'X-Gitlab-Token': '' })).toBe(401);
  // A second proof does not make up for a wrong one.
  expect(await post('one', { 'X-Hub-Signature-256': 'sha256=00', 'X-Gitlab-Token': secret })).toBe(401);
  for (const key of ['', 'none', secret]) {
    expect(judge({ headers: { 'x-gitlab-token': key }, body: Buffer.from('') }, undefined)).toEqual({ verified: false });
    expect(await post('one', { 'X-Shoal-Signature': `sha256=${hmac('one', key)}` }, '/hooks/unknown')).toBe(401);
  }
  expect(looked).toEqual([]);
});

test('a ping is heard and asks for nothing; other methods and paths are no deliveries', async () => {
  expect(await post('{}', { 'X-Hub-Signature-256': `sha256=${hmac('{}')}`, 'X-GitHub-Event': 'ping' })).toBe(200);
  expect(await post('', {}, '/hooks/infra', 'GET')).toBe(405);
  for (const path of ['/', '/hooks/', '/hooks/a/b', '/hooks/../infra', '/shoal/v1/repositories', '/git/infra']) expect(await post('', {}, path)).toBe(404);
  expect(looked).toEqual([]);
});

test('what is too large is refused before it is read, whether it says so or not', async () => {
  const body = 'x'.repeat(1024 * 1024 + 1);
  const headers = { 'X-Shoal-Signature': `sha256=${hmac(body)}` };
  expect(await post(body, headers)).toBe(413);
  expect(await post(body, { ...headers, 'Transfer-Encoding': 'chunked' })).toBe(413);
  expect(looked).toEqual([]);
});

test('whoever guesses is slowed down, and others are not', async () => {
  const statuses: number[] = [];
  for (let round = 0; round < 32; round++) statuses.push(await post(String(round), { 'X-Shoal-Signature': 'sha256=00' }));
  expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 401));
  expect(statuses.slice(30)).toEqual([429, 429]);
  // Behind the same address another repository's hook has the right secret.
  expect(await post('{}', { 'X-Shoal-Signature': `sha256=${hmac('{}')}` }, '/hooks/other')).toBe(202);
});

test('one source has so many connections, and keeps nobody else out', async () => {
  const sockets = Array.from({ length: 64 }, () => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const beyond = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(beyond.resume(), 'close');
  const answer = (localAddress: string): Promise<number | undefined> =>
    new Promise((resolve) => {
      const call = request({ host: '127.0.0.1', localAddress, port, path: '/', agent: false }, ({ statusCode }) => resolve(statusCode));
      call.on('error', () => resolve(undefined)).end();
    });
  expect([await answer('127.0.0.2'), sockets.some(({ destroyed }) => destroyed)]).toEqual([404, false]);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => answer('127.0.0.1'), { timeout: 30_000 }).toBe(404);
});

test('who says nothing is let go before the handshake, too', async () => {
  const { certificate: cert, key } = (await (await TestAuthority.begin()).node('m', 'manager')).now;
  const git = { repository: async () => undefined, git: async () => undefined, plan: async () => undefined, verdict: async () => undefined };
  const parts = { secretOf: async () => undefined, look: async () => undefined, ...git, clock: realClock, logger: silentLogger };
  const secured = new HttpDoor({ host: '127.0.0.1', port: 0, tls: { cert, key } }, parts);
  const silent = connect((await secured.start()).port, '127.0.0.1').resume();
  await once(silent, 'close');
  await secured.stop();
}, 60_000);

test('a thousand deliveries in ten seconds ask for two looks, and one that comes alone for one at once', async () => {
  const clock = new VirtualClock();
  const begun: number[] = [];
  const start = clock.monotonicNow();
  const looks = new Looks(async () => void begun.push(clock.monotonicNow() - start), clock);
  for (let round = 0; round < 1000; round++) {
    looks.ask('infra');
    await clock.advance(10);
  }
  await clock.advance(60_000);
  expect(begun).toEqual([0, 10_000]);
  looks.ask('infra');
  expect(begun).toHaveLength(3);
  await clock.advance(500);
  looks.ask('infra');
  expect(begun).toHaveLength(3);
  await clock.advance(1_000);
  expect(begun).toHaveLength(4);
  looks.stop();
});

test('what was seen is remembered for a day, and no more than ten thousand of them', async () => {
  const clock = new VirtualClock();
  const seen = new Seen(clock);
  expect([seen.note('a'), seen.note('a')]).toEqual([true, false]);
  await clock.advance(24 * 3_600_000);
  expect(seen.note('a')).toBe(true);
  for (let round = 0; round < 10_000; round++) seen.note(`other ${round}`);
  expect(seen.note('a')).toBe(true);
});

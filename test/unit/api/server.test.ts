import { createServer } from 'node:net';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiServer } from '#api/server';
import type { Dependencies } from '#api/dependencies';
import { silentLogger } from '#test/support/silent-logger';
import { startApi, wallClock, type ApiFixture } from '#test/support/api-fixture';
import { initialisedCluster } from '#test/support/memory-cluster';

let folder: string;
let api: ApiFixture;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-server-'));
  api = await startApi();
});
afterEach(async () => {
  await api.stop();
  await rm(folder, { recursive: true, force: true });
});

function server(socketPath: string): ApiServer {
  const dependencies = {
    cluster: initialisedCluster(),
    engineSocket: join(folder, 'none'),
    logger: silentLogger,
    clock: wallClock,
    reconcileEvents: { watch: () => () => undefined },
    metrics: { raftIndex: () => 0, leads: () => true, network: async () => [] },
  };
  return new ApiServer({ socketPath, version: '0.1.0' }, { ...dependencies, swarm: { status: () => api.status } } as unknown as Dependencies);
}

test('the socket is for owner and group, and goes with the server', async () => {
  const path = join(folder, 'deeper', 'api.sock');
  const one = server(path);
  await one.start();
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe('660');
  await expect(server(path).start()).rejects.toThrow(`another daemon answers on ${path}`);
  await one.stop();
  await expect(stat(path)).rejects.toThrow('ENOENT');
});

test('a socket that a dead daemon left is replaced, another file is not', async () => {
  const path = join(folder, 'stale.sock');
  const dead = createServer().listen(path);
  await new Promise((resolve) => dead.once('listening', resolve));
  // Closing by the descriptor leaves the file, as a killed process does.
  (dead as unknown as { _handle: { close(): void } })._handle.close();
  const plain = join(folder, 'plain');
  await writeFile(plain, 'x');
  const again = server(path);
  await again.start();
  await again.stop();
  await expect(server(plain).start()).rejects.toThrow('is there and is no socket');
});

test('stopping ends streams that are open', async () => {
  const path = join(folder, 'api.sock');
  const one = server(path);
  await one.start();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest({ socketPath: path, path: '/events' }, resolve).on('error', reject).end();
  });
  const ended = new Promise((resolve) => response.once('close', resolve));
  response.resume();
  await one.stop();
  await ended;
  expect(response.complete).toBe(true);
});

test('a body over the limit is refused before it is kept', async () => {
  const body = JSON.stringify({ Name: 'big', Data: 'x'.repeat(65 * 1024 * 1024) });
  const reply = await api.http('POST', '/configs/create', body);
  expect([reply.status, reply.json.message]).toEqual([413, 'request body is larger than 67108864 bytes']);
  expect((await api.http('GET', '/configs')).json).toEqual([]);
});

test('paths of ours that do not exist are not the business of the engine', async () => {
  for (const [method, path] of [
    ['GET', '/services/a/b/c'],
    ['PATCH', '/services'],
    ['GET', '/v1.41/swarm/x'],
    ['GET', '/shoal/v2'],
  ] as const) {
    expect([path, (await api.http(method, path)).json]).toEqual([path, { message: 'page not found' }]);
  }
  expect((await api.http('GET', '/v1.99/info')).json.message).toBe('client version 1.99 is too new. Maximum supported API version is 1.47');
  expect((await api.http('GET', '/services/%zz')).status).toBe(400);
});

test('a filter of many ids fits into the address', async () => {
  const ids = Array.from({ length: 2_000 }, (_, i) => `id${i}abcdefghijklmnopqrstuvw`);
  expect((await api.http('GET', `/services?filters=${encodeURIComponent(JSON.stringify({ id: ids }))}`)).json).toEqual([]);
});

test('refusals are no complaints in the log', async () => {
  await api.http('GET', '/services/nobody');
  await api.http('GET', '/containers/json');
  expect(api.complaints).toEqual([]);
});

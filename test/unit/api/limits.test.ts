import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, request as httpRequest } from 'node:http';
import { connect, createServer as createNetServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Allowance, heldPortsFor, limitsFor, openFilesLimit } from '#api/limits';
import { startApi, wallClock, type ApiFixture } from '#test/support/api-fixture';

const root = resolvePath(import.meta.dirname, '../../..');
let folder: string;
let child: ChildProcess | undefined;
let api: ApiFixture | undefined;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-limits-'));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api?.stop();
  api = undefined;
  if (child && child.exitCode === null) {
    child.kill('SIGKILL');
    await new Promise((resolve) => child?.once('close', resolve));
  }
  child = undefined;
  await rm(folder, { recursive: true, force: true });
});

test("a quarter of the descriptors, or 512, is nobody's but the daemon's", () => {
  expect(limitsFor(1024)).toEqual({ connections: 256, outgoing: 256 });
  expect(limitsFor(100_000)).toEqual({ connections: 4096, outgoing: 4096 });
  expect([1024, 20_000, 10_000_000].map(heldPortsFor)).toEqual([64, 1250, 8192]);
  expect(limitsFor(8)).toEqual({ connections: 16, outgoing: 16 });
  expect(openFilesLimit(() => 'Limit   Soft  Hard\nMax open files            1024                 524288               files\n')).toBe(1024);
  expect(openFilesLimit(() => 'Max open files            unlimited            unlimited            files\n')).toBe(Number.MAX_SAFE_INTEGER);
});

test('an allowance is handed back once', () => {
  const allowance = new Allowance(2, 'no more');
  const [one] = [allowance.take(), allowance.take()];
  expect(() => allowance.take()).toThrow('no more');
  one?.();
  one?.();
  expect(allowance.taken).toBe(1);
  expect(() => allowance.take(2)).toThrow('no more');
});

function ask(socketPath: string, path: string): Promise<number> {
  return new Promise((resolve) => {
    const request = httpRequest({ socketPath, path, agent: false }, (response) => {
      response.resume();
      response.once('close', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', () => resolve(0));
    request.end();
  });
}

/** Opens connections that ask for what never ends; those that are turned away are gone. */
function crowd(socketPath: string, count: number, path: string): Promise<void> {
  const opened = Array.from({ length: count }, () => {
    const socket = connect(socketPath);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.resume();
    return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  });
  return Promise.all(opened).then(() => undefined);
}

test('a process that runs out of descriptors goes on, and answers when some are free', async () => {
  // An engine that takes every connection and says nothing: each client costs two descriptors.
  const silent = createNetServer(() => undefined).listen(join(folder, 'engine.sock'));
  const command = 'ulimit -n 128; exec "$0" --import tsx "$1" "$2"';
  child = spawn('sh', ['-c', command, process.execPath, join(root, 'test/support/api-child.ts'), join(folder, 'engine.sock')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise<void>((resolve, reject) => {
    child?.stdout?.once('data', () => resolve());
    child?.once('exit', () => reject(new Error('the child did not start')));
  });
  const socketPath = output.split('\n')[0] ?? '';
  for (const path of ['/events', '/containers/json', '/services', '/shoal/v1/events']) await crowd(socketPath, 300, path);
  expect(child.exitCode).toBeNull();
  expect(output).toContain('as many clients are connected as may be');
  for (const socket of sockets.splice(0)) socket.destroy();
  let status = 0;
  // Descriptors come back when the closes have gone round.
  for (let i = 0; i < 200 && status !== 200; i++) status = await ask(socketPath, '/healthz');
  expect(status).toBe(200);
  silent.close();
});

test('connections that ask nothing make room for those that do', async () => {
  let laterMs = 0;
  const clock = { ...wallClock, monotonicNow: () => performance.now() + laterMs };
  api = await startApi({ clock, limits: { connections: 8, outgoing: 8 } });
  const closed: Promise<unknown>[] = [];
  for (let i = 0; i < 8; i++) {
    const socket = connect(api.socketPath);
    sockets.push(socket);
    socket.on('error', () => undefined).resume();
    closed.push(once(socket, 'close'));
    await once(socket, 'connect');
    if (i % 2 === 0) socket.write('GET /healthz HT');
  }
  // Until they had time enough to ask, they keep their places.
  let status = await ask(api.socketPath, '/healthz');
  expect(status).toBe(0);
  laterMs = 6000;
  for (let i = 0; i < 100 && status !== 200; i++) status = await ask(api.socketPath, '/healthz');
  expect(status).toBe(200);
  await Promise.all(closed);
});

test('a burst of a thousand clients at once is served whole', async () => {
  api = await startApi();
  const statuses = await Promise.all(Array.from({ length: 1_000 }, () => ask(api?.socketPath ?? '', '/healthz')));
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
});

test('clients beyond the allowance of engine connections are told so, and log streams count', async () => {
  const engine = createServer(() => undefined).listen(join(folder, 'engine.sock'));
  api = await startApi({ engineSocket: join(folder, 'engine.sock'), limits: { connections: 100, outgoing: 3 } });
  await crowd(api.socketPath, 5, '/containers/x/wait');
  let reply = await api.http('GET', '/images/json');
  for (let i = 0; i < 100 && reply.status !== 503; i++) reply = await api.http('GET', '/images/json');
  expect(reply).toMatchObject({ status: 503, json: { message: expect.stringContaining('more than 3 connections to the engine are open') } });
  engine.closeAllConnections();
  engine.close();
});

test("an engine that takes connections and says nothing does not hold the cluster's events up", async () => {
  const silent = createNetServer((socket) => void sockets.push(socket)).listen(join(folder, 'engine.sock'));
  api = await startApi({ engineSocket: join(folder, 'engine.sock') });
  const line = new Promise<string>((resolve) => {
    httpRequest({ socketPath: api?.socketPath, path: '/events', agent: false }, (response) => {
      response.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      response.on('error', () => undefined);
      void api?.http('POST', '/configs/create', { Name: 'c', Data: 'eA==' });
    })
      .on('error', () => undefined)
      .end();
  });
  expect(JSON.parse(await line)).toMatchObject({ Type: 'config', Action: 'create' });
  silent.close();
});

test('a client that does not read its events is cut off, and the log says why', async () => {
  api = await startApi();
  const socket = connect(api.socketPath);
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET /shoal/v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  const message = 'x'.repeat(100_000);
  for (let i = 0; i < 200 && api.complaints.length === 0; i++) {
    api.emit({ time: '2026-01-01T00:00:00Z', type: 'stack', name: 'web', action: 'applied', message });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(api.complaints).toEqual([expect.stringMatching(/^a client does not read its stream: it is cut off .*"limit":1048576/)]);
});

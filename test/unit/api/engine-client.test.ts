import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createNetServer, connect, type Server as NetServer } from 'node:net';
import { request as httpRequest } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineClient } from '#api/engine/engine-client';
import { socketEndpoint } from '#http/endpoint';
import { startApi, wallClock, type ApiFixture } from '#test/support/api-fixture';
// @ts-ignore -- plain JavaScript
import { until } from '../../support/machine.mjs';

let folder: string;
let socketPath: string;
let api: ApiFixture | undefined;
let engine: Server | NetServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-engine-'));
  socketPath = join(folder, 'engine.sock');
});
afterEach(async () => {
  await api?.stop();
  (engine as Server | undefined)?.closeAllConnections?.();
  engine?.close();
  api = engine = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** An engine of API 1.41 that answers with `handler`. */
async function fakeEngine(handler: (...args: Parameters<RequestListener>) => unknown): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url !== '/_ping') return void handler(request, response);
    response.writeHead(200, { 'Api-Version': '1.41', 'Builder-Version': '1', 'Docker-Experimental': 'true' }).end('OK');
  });
  engine = server.listen(socketPath);
  await new Promise((resolve) => server.once('listening', resolve));
  api = await startApi({ engineSocket: socketPath });
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => resolve(text));
  });
}

test('requests arrive with their headers and bodies, answers come back with theirs', async () => {
  const seen: { url?: string; headers?: IncomingMessage['headers']; raw?: string[]; body?: string }[] = [];
  await fakeEngine(async (request, response) => {
    seen.push({ url: request.url ?? '', headers: request.headers, raw: request.rawHeaders, body: await bodyOf(request) });
    response.writeHead(201, { 'X-Own': 'yes', 'Api-Version': '1.41', 'Content-Type': 'application/json' }).end('{"Id":"c1"}');
  });
  const made = await api!.http('POST', '/v1.41/containers/create?name=a%20b', { Image: 'x' }, { 'X-Registry-Auth': 'tok' });
  expect([made.status, made.json, made.headers['x-own'], made.headers['api-version']]).toEqual([201, { Id: 'c1' }, 'yes', '1.41']);
  expect(seen[0]).toMatchObject({
    url: '/v1.41/containers/create?name=a%20b',
    body: '{"Image":"x"}',
    headers: { 'x-registry-auth': 'tok', 'content-type': 'application/json' },
  });
  await api!.http('POST', '/containers/c1/stop');
  // An empty chunked body would count as a body: the engine refuses that on start.
  expect(seen[1]).toMatchObject({ url: '/containers/c1/stop', headers: { 'content-length': '0' } });
  expect(seen[1]?.headers?.['transfer-encoding']).toBeUndefined();
});

test('an answer without end flows at once, and ends with the client', async () => {
  let gone = false;
  await fakeEngine((request, response) => {
    response.writeHead(200);
    response.write('first\n');
    response.once('close', () => (gone = true));
    void request;
  });
  let text = '';
  const request = httpRequest({ socketPath: api!.socketPath, path: '/containers/c1/logs?follow=1', agent: false }, (response) => {
    response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', () => undefined);
  });
  request.on('error', () => undefined).end();
  await until(
    () => text === 'first\n',
    10_000,
    () => text,
  );
  request.destroy();
  await until(
    () => gone,
    10_000,
    () => 'the engine still streams',
  );
});

test('facts of the engine are repeated in the ping', async () => {
  await fakeEngine((_request, response) => void response.writeHead(404).end('{"message":"page not found"}'));
  expect((await api!.http('GET', '/_ping')).headers).toMatchObject({ 'api-version': '1.41', 'builder-version': '1', 'docker-experimental': 'true' });
});

test('an engine that accepts and is silent holds our own routes up once, and for a second', async () => {
  const silent = createNetServer(() => undefined).listen(socketPath);
  engine = silent;
  await new Promise((resolve) => silent.once('listening', resolve));
  const client = new EngineClient(socketEndpoint(socketPath), wallClock);
  const started = Date.now();
  expect(await client.about()).toBeUndefined();
  expect(Date.now() - started).toBeLessThan(5_000);
  const again = Date.now();
  expect(await client.about()).toBeUndefined();
  expect(Date.now() - again).toBeLessThan(500);
});

test('an upgrade without an engine is refused in JSON', async () => {
  api = await startApi();
  const socket = connect(api.socketPath);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('POST /exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}');
  await new Promise((resolve) => socket.once('close', resolve));
  expect(text).toMatch(/^HTTP\/1\.1 503 /);
  expect(text).toContain('{"message":"cannot reach the Docker Engine at unix://');
});

test('an upgraded connection is a pipe with half-close', async () => {
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    socket.write(`HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${request.url}:`);
    let text = head.toString();
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => socket.end(text.toUpperCase()));
  });
  engine = server.listen(socketPath);
  api = await startApi({ engineSocket: socketPath });
  const socket = connect({ path: api.socketPath, allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('POST /v1.41/exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}');
  socket.end('typed');
  await new Promise((resolve) => socket.once('end', resolve));
  socket.destroy();
  expect(text).toContain('101 UPGRADED');
  expect(text.endsWith('/v1.41/exec/x/start:{}TYPED')).toBe(true);
});

test('what the engine is asked for in another’s words is brought to its end, though the client has left', async () => {
  let asked = (_response: ServerResponse): void => undefined;
  const making = new Promise<ServerResponse>((resolve) => (asked = resolve));
  await fakeEngine(({ url }, response) => (url?.endsWith('/containers/create') ? asked(response) : response.writeHead(404).end()));
  const client = new EngineClient(socketEndpoint(socketPath), wallClock);
  const request = { method: 'POST', rawHeaders: ['Host', 'docker'], headers: {} } as unknown as IncomingMessage;
  const response = new EventEmitter() as unknown as ServerResponse;
  const call = { request, response, target: { path: '/containers/create', version: 41, explicit: true, search: '' } };
  const reply = client.exchange(call, { Image: 'x' });
  reply.catch(() => undefined);
  const answer = await making;
  response.emit('close');
  answer.writeHead(201).end('{"Id":"made"}');
  expect(await reply).toEqual({ status: 201, json: { Id: 'made' } });
});

/** The API beside a Docker Swarm: stacks and repositories are ours, everything else is the engine's, wherever it is. */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

let engine: Server;
let api: ApiFixture;

beforeAll(async () => {
  engine = createServer((call, response) => {
    response.setHeader('Api-Version', '1.41');
    response.end(JSON.stringify({ engine: `${call.method} ${call.url}` }));
  });
  engine.on('upgrade', (_call, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  const { port } = engine.address() as AddressInfo;
  api = await startApi({ besideSwarm: true, engineEndpoint: { url: `tcp://127.0.0.1:${port}`, options: { host: '127.0.0.1', port }, secure: false } });
});

afterAll(async () => {
  await api.stop();
  engine.closeAllConnections();
  engine.close();
});

test.each([
  ['GET', '/v1.41/services'],
  ['GET', '/v1.41/swarm'],
  ['POST', '/v1.41/swarm/leave?force=1'],
  ['GET', '/info'],
  ['GET', '/v1.41/containers/json'],
  ['DELETE', '/v1.41/networks/n1'],
])('%s %s is for the engine', async (method, path) => {
  expect((await api.http(method, path)).json).toEqual({ engine: `${method} ${path}` });
});

test('stacks, repositories, health and the name on the door are ours', async () => {
  expect((await api.http('GET', '/shoal/v1/stacks')).json).toEqual([]);
  expect((await api.http('GET', '/shoal/v1/repositories')).json).toEqual([]);
  expect((await api.http('GET', '/healthz')).status).toBe(200);
  expect((await api.http('GET', '/shoal/v1/nothing')).status).toBe(404);
  const ping = await api.http('GET', '/_ping');
  expect(ping.headers).toMatchObject({ shoal: '0.1.0', swarm: 'active/manager', 'api-version': '1.41' });
});

test('upgraded connections reach an engine elsewhere', async () => {
  const echoed = await new Promise<string>((resolve, reject) => {
    const call = request({ socketPath: api.socketPath, method: 'POST', path: '/v1.41/exec/e1/start', headers: { Connection: 'Upgrade', Upgrade: 'tcp' } });
    call.once('error', reject);
    call.once('upgrade', (_response, socket) => {
      socket.once('data', (data: Buffer) => {
        resolve(data.toString('utf8'));
        socket.destroy();
      });
      socket.write('hello');
    });
    call.end();
  });
  expect(echoed).toBe('hello');
});

/** Containers that are no task's, as the engine shows them. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DockerEngine } from '#engine/docker-engine';
import { temporaryFolder } from '#test/support/folder';

test('a container is found by the key that it was made under', async () => {
  const folder = await temporaryFolder();
  const socketPath = join(folder, 'engine.sock');
  const inspected = { Id: 'c1', Name: '/box', State: { Running: true, Pid: 7 }, HostConfig: { Dns: ['192.0.2.53'] }, NetworkSettings: { Networks: {} } };
  const server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://engine');
    const labels = (JSON.parse(searchParams.get('filters') ?? '{}') as { label?: string[] }).label ?? [];
    if (pathname === '/containers/json') return void response.end(JSON.stringify(labels.includes('shoal.guest.key=making-1') ? [{ Id: 'c1' }] : []));
    if (pathname === '/containers/c1/json') return void response.end(JSON.stringify(inspected));
    if (pathname === '/networks') return void response.end('[]');
    response.writeHead(404).end('{"message":"none"}');
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const { guests } = new DockerEngine({ socketPath, nodeId: 'n1', runFolder: folder });
  expect(await guests.look('making-1')).toEqual({
    containerId: 'c1',
    name: 'box',
    pid: 7,
    ended: false,
    networkIds: [],
    addresses: {},
    nameServers: ['192.0.2.53'],
    networks: [],
  });
  expect([await guests.look('making-2'), await guests.look('c2')]).toEqual([undefined, undefined]);
  server.closeAllConnections();
  server.close();
});

/** What is asked of an engine once is waited for. */
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DockerEngine } from '#engine/docker-engine';
import { temporaryFolder } from '#test/support/folder';
import { makeTask } from '#test/support/worker';

test('a container that is being made is waited for, though nobody wants it any more', async () => {
  const folder = await temporaryFolder();
  const socketPath = join(folder, 'engine.sock');
  let asked = (_response: ServerResponse): void => undefined;
  const making = new Promise<ServerResponse>((resolve) => (asked = resolve));
  const server = createServer((_request, response) => asked(response));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = new DockerEngine({ socketPath, nodeId: 'n1', runFolder: folder });
  const controller = new AbortController();
  const outcome = engine.carryOut({ type: 'createContainer', task: makeTask('t1', { Image: 'a' }), gateways: [] }, controller.signal);
  const response = await making;
  controller.abort();
  await new Promise((resolve) => setImmediate(resolve));
  response.writeHead(201).end('{"Id":"made"}');
  expect(await outcome).toMatchObject({ ok: true, container: { containerId: 'made', state: 'created' } });
  server.closeAllConnections();
  server.close();
});

test('a container of an image that was made of a task’s container is not that task’s', async () => {
  const folder = await temporaryFolder();
  const socketPath = join(folder, 'engine.sock');
  const names: Readonly<Record<string, string>> = { copy: '/my-debugging', ours: '/web.1.t1' };
  const Labels = { 'com.docker.swarm.node.id': 'n1', 'com.docker.swarm.task.id': 't1' };
  const server = createServer((request, response) => {
    const id = /containers\/(copy|ours)\/json/.exec(request.url ?? '')?.[1];
    const inspected = { Id: id, Name: names[id ?? ''], State: { Status: 'running', Pid: 0 }, Config: { Labels }, NetworkSettings: {} };
    const answer = id ? inspected : request.url?.includes('/containers/json') ? [{ Id: 'copy' }, { Id: 'ours' }] : [];
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = new DockerEngine({ socketPath, nodeId: 'n1', runFolder: folder });
  expect((await engine.observe()).map(({ containerId }) => containerId)).toEqual(['ours']);
  expect((await engine.observe('t1')).map(({ containerId }) => containerId)).toEqual(['ours']);
  server.closeAllConnections();
  server.close();
});

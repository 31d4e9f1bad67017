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
  expect(await outcome).toEqual({ ok: true, containerId: 'made' });
  server.closeAllConnections();
  server.close();
});

/** Registries that do not answer. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Registries } from '#engine/registries';
import { temporaryFolder } from '#test/support/folder';

test('however many images are asked for, whoever asks waits for all of them no longer than one limit', async () => {
  const socketPath = join(await temporaryFolder(), 'engine.sock');
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    if (request.url?.includes('good')) response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"Descriptor":{"digest":"sha256:1"}}');
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const registries = new Registries(socketPath, { oneMs: 600_000, allMs: 300 });
  const told = await registries.ask(['good/a:1', ...Array.from({ length: 200 }, (_, at) => `silent/b:${at}`)], {});
  expect([[...told.keys()], asked]).toEqual([['good/a:1'], 9]);
});

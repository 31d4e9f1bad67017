/** Volumes that are on a node before a confined task comes. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DockerEngine } from '#engine/docker-engine';
import { temporaryFolder } from '#test/support/folder';
import { makeTask } from '#test/support/worker';

const label = 'com.docker.stack.namespace';

/** Creates a container with these volumes at an engine that has some; returns the outcome and what the engine was asked. */
async function create(present: Readonly<Record<string, object | null>>, sources: readonly string[], confined: readonly string[] | undefined, since?: string) {
  const folder = await temporaryFolder();
  const socketPath = join(folder, 'engine.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').replace(/\?.*/, '');
    asked.push(`${request.method} ${path}`);
    const volume = decodeURIComponent(/^\/volumes\/(.*)/.exec(path)?.[1] ?? '');
    request.resume();
    if (request.method === 'POST') return void response.writeHead(201).end('{"Id":"made"}');
    if (!(volume in present)) return void response.writeHead(404).end('{"message":"no such volume"}');
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ Name: volume, Labels: present[volume], CreatedAt: made(volume) }));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const engine = new DockerEngine({ socketPath, nodeId: 'n1', runFolder: folder });
  const Mounts = sources.map((Source, at) => ({ Type: 'volume' as const, ...(Source && { Source }), Target: `/v${at}` }));
  const plain = makeTask('t1', { Image: 'a', Mounts });
  const task = {
    ...plain,
    Shoal: { ...plain.Shoal, ServiceLabels: { [label]: 'web' }, ...(confined && { Confined: confined, ...(since !== undefined && { ConfinedSince: since }) }) },
  };
  const outcome = await engine.carryOut({ type: 'createContainer', task, gateways: [] }, new AbortController().signal);
  return { outcome, asked };
}

const made = (volume: string): string | undefined => ({ web_old: '2026-01-01T00:00:00+01:00', web_late: '2026-02-01T00:00:00Z' })[volume];

test.each<[string, object | null]>([
  ['of a compose project', { 'com.docker.compose.project': 'web' }],
  ['of another stack', { [label]: 'web_db' }],
  ['without labels', null],
])('a volume %s is refused by name, before anything is made', async (_what, labels) => {
  const { outcome, asked } = await create({ web_data: labels }, ['', 'web_data'], []);
  expect(outcome).toMatchObject({
    ok: false,
    permanent: true,
    message: expect.stringContaining('volume web_data is on this node already, and stack web has not made it'),
  });
  expect(asked.filter((call) => call.startsWith('POST'))).toEqual([]);
});

test('a volume that is older than the stack is that of another one of the name, but for what clocks differ', async () => {
  const [own, since] = [{ [label]: 'web' }, '2026-01-31T23:55:00.000Z'];
  const { outcome, asked } = await create({ web_old: own }, ['web_old'], [], since);
  expect(outcome).toMatchObject({
    ok: false,
    permanent: true,
    message: expect.stringContaining('volume web_old is older than stack web: another one of its name made it: if'),
  });
  expect(asked.filter((call) => call.startsWith('POST'))).toEqual([]);
  for (const [volume, allowed] of [
    ['web_old', ['web_old']],
    ['web_late', []],
    ['web_data', []],
  ] as const)
    expect((await create({ [volume]: own }, [volume], allowed, since)).outcome).toMatchObject({ ok: true });
  expect((await create({ web_late: own }, ['web_late'], [], '2026-02-01T00:08:00Z')).outcome).toMatchObject({ ok: true });
  expect((await create({ web_old: own }, ['web_old'], [])).outcome).toMatchObject({ ok: true });
});

test('its own, one that is not there yet and one that it is allowed are had', async () => {
  const { outcome, asked } = await create({ web_data: { [label]: 'web' }, shared: {} }, ['web_data', 'web_new', 'shared'], ['shared']);
  expect(outcome).toMatchObject({ ok: true, container: { containerId: 'made', state: 'created' } });
  expect(asked.slice(0, -1)).toEqual(['GET /volumes/web_data', 'GET /volumes/web_new']);
});

test('whoever is not confined has what is there, and nothing is asked', async () => {
  const { outcome, asked } = await create({ web_data: {} }, ['web_data'], undefined);
  expect([outcome.ok, asked]).toEqual([true, ['POST /containers/create']]);
});

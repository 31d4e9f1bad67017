/** Volumes that are on a node before a task comes. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DockerEngine } from '#engine/docker-engine';
import type { Mount } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { temporaryFolder } from '#test/support/folder';
import { makeTask } from '#test/support/worker';

const label = 'com.docker.stack.namespace';

/** An engine that has these volumes, and what it was asked. */
async function engineWith(present: Readonly<Record<string, object>>) {
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
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ Name: volume, Driver: 'local', Options: null, ...present[volume] }));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { engine: new DockerEngine({ socketPath, nodeId: 'n1', runFolder: folder }), asked };
}

/** Creates a container of stack web with these mounts; returns the outcome and what the engine was asked. */
async function mounted(
  present: Readonly<Record<string, object>>,
  Mounts: readonly Mount[],
  confinement: Pick<Task['Shoal'], 'Confined' | 'ConfinedSince'> = {},
) {
  const { engine, asked } = await engineWith(present);
  const plain = makeTask('t1', { Image: 'a', Mounts });
  const task = { ...plain, Shoal: { ...plain.Shoal, ServiceLabels: { [label]: 'web' }, ...confinement } };
  const outcome = await engine.carryOut({ type: 'createContainer', task, gateways: [] }, new AbortController().signal);
  return { outcome, asked };
}

/** With volumes of these labels. */
function create(present: Readonly<Record<string, object | null>>, sources: readonly string[], confined: readonly string[] | undefined, since?: string) {
  const volumes = Object.fromEntries(Object.entries(present).map(([name, Labels]) => [name, { Labels, CreatedAt: made(name) }]));
  const Mounts = sources.map((Source, at) => ({ Type: 'volume' as const, ...(Source && { Source }), Target: `/v${at}` }));
  return mounted(volumes, Mounts, { ...(confined && { Confined: confined, ...(since !== undefined && { ConfinedSince: since }) }) });
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

/** What a mount of volume `v` is refused with; '': it is made. */
async function refusal(volume: object | undefined, VolumeOptions: Mount['VolumeOptions']): Promise<string> {
  const mount: Mount = { Type: 'volume', Source: 'v', Target: '/v', ...(VolumeOptions && { VolumeOptions }) };
  const { outcome } = await mounted(volume ? { v: volume } : {}, [mount]);
  return outcome.ok ? '' : `${outcome.permanent ? '' : 'later: '}${outcome.message}`;
}

const [Labels, size] = [{ [label]: 'web' }, { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }];
const apart = (what: string): string =>
  `volume v is on this node with ${what}, and stays as it is: remove it there (\`docker volume rm v\`), or give this one another name`;

test.each<[string, object, Mount['VolumeOptions']]>([
  ['other options (o)', { Options: { ...size, o: 'size=4m' }, Labels }, { Labels, DriverConfig: { Options: size } }],
  ['other options (device, o, type)', { Labels }, { Labels, DriverConfig: { Name: 'local', Options: size } }],
  ['other options (o)', { Options: size }, { DriverConfig: { Options: { type: 'tmpfs', device: 'tmpfs' } } }],
  ['other options (device, o, type)', { Options: size, Labels }, { Labels }],
  ['another driver (local)', {}, { DriverConfig: { Name: 'nfs' } }],
  ['another driver (nfs)', { Driver: 'nfs:latest' }, { DriverConfig: { Name: 'local' } }],
  ['other options (share)', { Driver: 'nfs:latest', Options: { share: 'a', added: 'x' } }, { DriverConfig: { Name: 'nfs', Options: { share: 'b' } } }],
])('one that is there with %s is refused by name', async (what, volume, options) => {
  expect(await refusal(volume, options)).toBe(apart(what));
});

test.each<[string, object | undefined, Mount['VolumeOptions']]>([
  ['is not there yet', undefined, { Labels, DriverConfig: { Options: size } }],
  ['is as it is asked for', { Options: size, Labels }, { Labels, DriverConfig: { Name: 'local', Options: size } }],
  ['has no options where none are asked for', { Options: {}, Labels: { ...Labels, other: 'label' } }, { Labels, DriverConfig: { Name: 'local', Options: {} } }],
  ['somebody made by hand, with options of theirs', { Driver: 'nfs', Options: { share: 'a' } }, { Labels }],
  ['is had from outside', { Options: size, Labels }, { NoCopy: true }],
  ['is mounted by its name alone', { Driver: 'nfs' }, undefined],
  ['a plugin adds options to', { Driver: 'nfs:latest', Options: { share: 'a', added: 'x' } }, { DriverConfig: { Name: 'nfs', Options: { share: 'a' } } }],
  ['another node made', { Driver: 'nfs', Options: null }, { DriverConfig: { Name: 'nfs', Options: { share: 'a' } } }],
])('one that %s is had', async (_what, volume, options) => {
  expect(await refusal(volume, options)).toBe('');
});

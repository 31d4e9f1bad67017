import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { initCluster } from '#control/clusters';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { startManager, type RunningManager } from '#test/support/disk-manager';
import { temporaryFolder } from '#test/support/folder';
import { testDescription, type MemoryCluster } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';

let manager: RunningManager;
let api: ApiFixture;
beforeEach(async () => {
  const onFatal = (error: unknown): never => {
    throw error;
  };
  manager = await startManager(
    { folder: await temporaryFolder(), nodeId: 'node-one' },
    { clock: realClock, random: seededRandom(1), logger: silentLogger, onFatal },
  );
  await manager.cluster.submit(initCluster({ nodeId: 'node-one', address: '127.0.0.1', description: testDescription }));
  api = await startApi({ cluster: manager.cluster as MemoryCluster });
});
afterEach(async () => {
  await api.stop();
  await manager.stop();
});

function create(name: string, key?: string) {
  return api.http('POST', '/configs/create', { Name: name, Data: 'eA==' }, key === undefined ? {} : { 'Idempotency-Key': key });
}

test('a request that is sent again under its key takes effect once and is answered as the first time', async () => {
  const first = await create('one', '"7b1c"');
  const again = await create('one', '7b1c');
  expect([first.status, again.status]).toEqual([201, 201]);
  expect(again.json.ID).toBe(first.json.ID);
  expect((await create('one')).status).toBe(409);
  expect((await create('one', 'another')).status).toBe(409);
  expect((await api.http('GET', '/configs')).json).toHaveLength(1);
});

test('an update under the key of the first time is not refused for the version that it made itself', async () => {
  const { ID } = (await create('one')).json;
  const { Spec, Version } = (await api.http('GET', `/configs/${ID}`)).json;
  const update = (headers: Record<string, string>) =>
    api.http('POST', `/configs/${ID}/update?version=${Version.Index}`, { ...Spec, Labels: { a: 'b' } }, headers);
  expect((await update({ 'Idempotency-Key': 'u' })).status).toBe(200);
  expect((await update({ 'Idempotency-Key': 'u' })).status).toBe(200);
  expect((await update({})).status).toBe(500);
});

test('another body under a key is refused, and changes nothing', async () => {
  const first = await create('one', 'k');
  const other = await create('two', 'k');
  expect(other).toMatchObject({ status: 422, json: { message: expect.stringContaining('something else was asked under the same key') } });
  expect((await create('one', 'k')).json).toEqual(first.json);
  expect((await api.http('GET', '/configs')).json).toHaveLength(1);
});

test('a key means nothing for another request, and a bad one is refused', async () => {
  expect((await create('one', 'k')).status).toBe(201);
  const secret = await api.http('POST', '/secrets/create', { Name: 'one', Data: 'eA==' }, { 'Idempotency-Key': 'k' });
  expect(secret.status).toBe(201);
  expect((await create('two', 'x'.repeat(256))).status).toBe(400);
  expect((await create('two', '')).status).toBe(400);
});

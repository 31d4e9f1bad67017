import { afterAll, beforeAll, expect, test } from 'vitest';
import { createService, updateService } from '#control/service/services';
import { runningTask, startApi, type ApiFixture } from '#test/support/api-fixture';
import { initialisedCluster } from '#test/support/memory-cluster';
import { create } from '#store/action';

let api: ApiFixture;

beforeAll(async () => {
  const cluster = initialisedCluster();
  const spec = { Name: 'web', Labels: { team: 'a' }, TaskTemplate: { ContainerSpec: { Image: 'x:1', Labels: { own: '1' } } } };
  const { ID } = cluster.run(createService(spec));
  const first = cluster.store.get('service', ID);
  if (!first) throw new Error('service is not stored');
  const old = runningTask(first, { id: 'task-old', slot: 1, nodeId: 'node-one', now: 0 });
  cluster.write([create('task', { ...old, DesiredState: 'shutdown' })]);
  cluster.run(updateService(ID, first.Version.Index, { ...spec, TaskTemplate: { ContainerSpec: { Image: 'x:2' } } }));
  const second = cluster.store.get('service', ID);
  if (!second) throw new Error('service is not stored');
  cluster.write([create('task', runningTask(second, { id: 'task-new', slot: 1, nodeId: 'node-one', now: 0 }))]);
  api = await startApi({ cluster });
});
afterAll(() => api.stop());

async function ids(filters: object): Promise<string[]> {
  return (await api.http('GET', `/tasks?filters=${encodeURIComponent(JSON.stringify(filters))}`)).json.map((task: { ID: string }) => task.ID);
}

test.each<[object, string[]]>([
  [{}, ['task-old', 'task-new']],
  [{ service: { web: true }, '_up-to-date': { true: true } }, ['task-new']],
  [{ 'desired-state': ['running'] }, ['task-new']],
  [{ 'desired-state': ['Shutdown', 'running'] }, ['task-old', 'task-new']],
  [{ label: ['team=a'] }, ['task-old', 'task-new']],
  [{ label: ['own=1'] }, []],
  [{ name: ['web.1'] }, ['task-old', 'task-new']],
  [{ name: ['eb'] }, []],
  [{ id: ['task-o'] }, ['task-old']],
  [{ node: ['self'] }, ['task-old', 'task-new']],
  [{ node: ['one'], service: ['web'] }, ['task-old', 'task-new']],
])('filters %j', async (filters, expected) => {
  expect(await ids(filters)).toEqual(expected);
});

test('unknown states, services and keys are refused as in Docker', async () => {
  const reply = async (filters: string) => {
    const { status, json } = await api.http('GET', `/tasks?filters=${filters}`);
    return [status, json.message];
  };
  expect(await reply('{"desired-state":["foo"]}')).toEqual([500, "Invalid desired-state filter: 'foo'"]);
  expect(await reply('{"service":["foo"]}')).toEqual([404, 'service foo not found']);
  expect(await reply('{"foo":["x"]}')).toEqual([400, "Invalid filter 'foo'"]);
});

test('a task shows nothing of our memory', async () => {
  const { json, text } = await api.http('GET', '/tasks/task-new');
  expect(json).toMatchObject({ ID: 'task-new', Slot: 1, Labels: {}, Status: { State: 'running', ContainerStatus: { PID: 42 }, PortStatus: {} } });
  expect(text).not.toMatch(/Shoal|AppliedAt|canary/);
  expect((await api.http('GET', '/tasks/nope')).json).toEqual({ message: 'task nope not found' });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createService, updateService } from '#control/service/services';
import { runningTask, startApi, type ApiFixture } from '#test/support/api-fixture';
import { initialisedCluster } from '#test/support/memory-cluster';
import { create, update } from '#store/action';
import { createNetwork } from '#control/networks';
import { taskNetwork } from '#model/object/task';

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

test('a network that changes shows so in the tasks on it at once', async () => {
  const { cluster } = api;
  const { ID } = cluster.run(createNetwork({ Name: 'net' }));
  const [network, task] = [cluster.store.get('network', ID), cluster.store.get('task', 'task-new')];
  if (!network || !task) throw new Error('neither is stored');
  const attached = { ...task, NetworksAttachments: [{ Network: taskNetwork(network), Addresses: ['10.9.0.2/24'] }] };
  cluster.write([update('task', attached), update('network', { ...network, IPAMOptions: { Configs: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] } })]);
  for (const path of ['/tasks/task-new', '/tasks']) {
    const { json } = await api.http('GET', path);
    const [{ NetworksAttachments }] = [json].flat().filter(({ ID: id }: { ID: string }) => id === 'task-new');
    expect(NetworksAttachments).toMatchObject([
      {
        Addresses: ['10.9.0.2/24'],
        Network: { ID, Spec: { Name: 'net', DriverConfiguration: { Name: 'overlay' } }, IPAMOptions: { Configs: [{ Subnet: '10.9.0.0/24' }] } },
      },
    ]);
  }
});

test('what asks about one service, one node, a network or counts walks no tasks', async () => {
  const { store } = api.cluster;
  const walked: string[] = [];
  const list = store.list.bind(store);
  store.list = ((kind: Parameters<typeof list>[0]) => {
    walked.push(kind);
    return list(kind);
  }) as typeof list;
  const { json } = await api.http('POST', '/networks/create', { Name: 'quiet', Driver: 'overlay' });
  const filtered = (filters: object): string => `/tasks?filters=${encodeURIComponent(JSON.stringify(filters))}`;
  const asked = [filtered({ service: ['web'] }), filtered({ node: ['self'] }), '/networks', `/networks/${json.Id}?verbose=true`, '/metrics'];
  for (const path of asked) expect((await api.http('GET', path)).status, path).toBe(200);
  expect((await api.http('DELETE', '/networks/quiet')).status).toBe(204);
  store.list = list;
  expect(walked).not.toContain('task');
  expect(walked).toContain('network');
});

test('a task that runs says which node cannot serve its service’s port', async () => {
  const { store } = api.cluster;
  const [node] = store.list('node');
  if (!node?.Description) throw new Error('no node');
  const errors = async () => (await api.http('GET', '/tasks')).json.map(({ ID, Status }: { ID: string; Status: { Err?: string } }) => [ID, Status.Err]);
  const before = await errors();
  const Shoal = { Clashes: [{ Service: 'web', Text: 'cannot publish port 80/tcp of service web: it is in use by nc (process 7)' }] };
  api.cluster.run(() => ({ actions: [update('node', { ...node, Description: { ...node.Description!, Shoal } })], result: undefined }));
  expect(await errors()).toEqual(
    before.map(([id]: [string]) => [id, expect.stringMatching(/^node .*: cannot publish port 80\/tcp of service web: it is in use by nc/)]),
  );
  api.cluster.run(() => ({ actions: [update('node', { ...store.get('node', node.ID)!, Description: node.Description! })], result: undefined }));
  expect(await errors()).toEqual(before);
});

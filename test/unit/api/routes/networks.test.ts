import { afterEach, beforeEach, expect, test } from 'vitest';
import { taskNetwork } from '#model/object/task';
import { create, update } from '#store/action';
import { runningTask, startApi, type ApiFixture } from '#test/support/api-fixture';

let api: ApiFixture;
beforeEach(async () => void (api = await startApi()));
afterEach(() => api.stop());

async function created(body: object): Promise<string> {
  const reply = await api.http('POST', '/networks/create', body);
  expect([reply.status, reply.json.Warning]).toEqual([201, '']);
  return reply.json.Id;
}

test('an overlay network is flat, with what was asked for', async () => {
  const Id = await created({
    Name: 'net',
    Driver: 'overlay',
    Attachable: true,
    Labels: { a: 'b' },
    IPAM: { Config: [{ Subnet: '10.9.0.0/24' }] },
    CheckDuplicate: true,
  });
  expect((await api.http('GET', `/networks/${Id.slice(0, 8)}`)).json).toMatchObject({
    Name: 'net',
    Id,
    Scope: 'swarm',
    Driver: 'overlay',
    Attachable: true,
    Internal: false,
    Containers: null,
    Labels: { a: 'b' },
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.9.0.0/24' }] },
  });
  const taken = await api.http('POST', '/networks/create', { Name: 'net', Driver: 'overlay' });
  expect([taken.status, taken.json.message]).toEqual([409, 'network with name net already exists']);
});

test('the network of a stack is ours whatever its driver', async () => {
  const Id = await created({ Name: 'st_net', Driver: 'bridge', Labels: { 'com.docker.stack.namespace': 'st' } });
  expect((await api.http('GET', '/networks?filters={"label":["com.docker.stack.namespace=st"]}')).json).toMatchObject([{ Id, Driver: 'bridge' }]);
});

test('networks that every engine has answer in the scope of the swarm', async () => {
  expect((await api.http('GET', '/networks/host?scope=swarm')).json).toMatchObject({ Name: 'host', Driver: 'host', Scope: 'swarm' });
  expect((await api.http('GET', '/networks/nobody?scope=swarm')).status).toBe(404);
});

test.each([
  [
    { LocalNodeState: 'active', ControlAvailable: false },
    'overlay',
    403,
    'Cannot create a multi-host network from a worker node. Please create the network from a manager node.',
  ],
  [{ LocalNodeState: 'inactive', ControlAvailable: false }, 'bridge', 403, 'cannot create a swarm scoped network when swarm is not active'],
  [{ LocalNodeState: 'inactive', ControlAvailable: false }, 'overlay', 503, 'This node is not a swarm manager. Use "docker swarm init"'],
] as const)('where nobody manages (%j) a network with the driver %s is refused in its own words', async (status, Driver, code, message) => {
  Object.assign(api.status, status);
  const refused = await api.http('POST', '/networks/create', { Name: 'n', Driver, Scope: 'swarm' });
  expect([refused.status, refused.json.message]).toEqual([code, expect.stringContaining(message)]);
});

test('removing twice succeeds, removing nothing does not', async () => {
  const id = await created({ Name: 'net', Driver: 'overlay' });
  expect((await api.http('DELETE', `/networks/${id}`)).status).toBe(204);
  expect((await api.http('DELETE', `/networks/${id}`)).status).toBe(204);
  expect((await api.http('DELETE', '/networks/nobody')).status).toBe(503);
});

test('one in use stays, also when pruning', async () => {
  const id = await created({ Name: 'used', Driver: 'overlay' });
  await created({ Name: 'idle', Driver: 'overlay' });
  await api.http('POST', '/services/create', { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x' }, Networks: [{ Target: 'used' }] } });
  const refused = await api.http('DELETE', '/networks/used');
  expect([refused.status, refused.json.message]).toEqual([
    400,
    expect.stringMatching(`^rpc error: code = FailedPrecondition desc = network ${id} is in use by service `),
  ]);
  expect((await api.http('POST', '/networks/prune')).json).toEqual({ NetworksDeleted: ['idle'] });
  expect((await api.http('POST', '/networks/prune')).json).toEqual({ NetworksDeleted: null });
  expect((await api.http('GET', '/networks/used?verbose=true')).json).toMatchObject({ Services: {}, Peers: [] });
});

test('inspect with its services: their own address there, and of the ingress network the published ports', async () => {
  const Target = await created({ Name: 'net', Driver: 'overlay' });
  const ingress = (await api.http('GET', '/networks/ingress')).json.Id;
  const { json } = await api.http('POST', '/services/create', { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x' }, Networks: [{ Target }] } });
  const { store } = api.cluster;
  const service = store.get('service', json.ID)!;
  const Ports = (['ingress', 'host'] as const).map((PublishMode, at) => ({ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080 + at, PublishMode }) as const);
  const VirtualIPs = [{ NetworkID: Target, Addr: '10.0.3.2/20' }];
  const NetworksAttachments = [Target, ingress].map((id, at) => ({ Network: taskNetwork(store.get('network', id)!), Addresses: [`10.0.${at}.9/20`] }));
  const task = runningTask(service, { id: 'one', slot: 1, nodeId: 'n', now: 0 });
  api.cluster.write([update('service', { ...service, Endpoint: { Ports, VirtualIPs } }), create('task', { ...task, NetworksAttachments })]);
  const web = async (id: string) => (await api.http('GET', `/networks/${id}?verbose=true`)).json.Services.web;
  expect(await web(Target)).toMatchObject({ VIP: '10.0.3.2', Ports: [], Tasks: [{ EndpointIP: '10.0.0.9' }] });
  // A service may be called what every object has something under.
  api.cluster.write([
    create('task', {
      ...runningTask(service, { id: 'two', slot: 2, nodeId: 'n', now: 0 }),
      NetworksAttachments,
      Shoal: { ...task.Shoal, ServiceName: 'constructor' },
    }),
  ]);
  expect((await api.http('GET', `/networks/${Target}?verbose=true`)).json.Services['constructor']).toMatchObject({ Tasks: [{ EndpointIP: '10.0.0.9' }] });
  expect(await web(ingress)).toMatchObject({ VIP: '', Ports: ['Target: 80, Publish: 8080'], Tasks: [{ EndpointIP: '10.0.1.9' }] });
});

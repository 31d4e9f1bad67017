import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';

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

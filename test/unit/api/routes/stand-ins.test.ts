/** Networks and containers on a node whose engine has networks that stand for the cluster's. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { swarmTexts } from '#model/swarm-texts';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { temporaryFolder } from '#test/support/folder';
import { startRecordingEngine, type RecordingEngine } from '#test/support/recording-engine-socket';

const [task, plain] = ['a'.repeat(64), 'b'.repeat(64)];
const [standInId, strangerId] = ['c'.repeat(64), 'd'.repeat(64)];
let api: ApiFixture;
let engine: RecordingEngine;
let netId = '';
let globalPlugin = false;

const containers = () => [
  {
    Id: task,
    Labels: { 'com.docker.swarm.task.id': 't1' },
    HostConfig: { NetworkMode: `web_net.${netId}` },
    NetworkSettings: { Networks: { [`web_net.${netId}`]: { NetworkID: standInId, IPAddress: '10.0.1.3' } } },
  },
  { Id: plain, Labels: null, HostConfig: { NetworkMode: 'mine' }, NetworkSettings: { Networks: { mine: { NetworkID: strangerId } } } },
];
const networks = () => [
  {
    Id: standInId,
    Name: `web_net.${netId}`,
    Driver: 'bridge',
    Scope: 'local',
    Labels: { 'shoal.network.id': netId, 'com.docker.swarm.node.id': 'n' },
    Containers: { [task]: { Name: 'web.1.t1', IPv4Address: '10.0.1.3/24' } },
  },
  { Id: strangerId, Name: 'mine', Driver: 'bridge', Scope: 'local', Labels: {} },
];

function answer(url: URL): [number, unknown] {
  const [, kind, ref = ''] = url.pathname.replace(/^\/v1\.\d+/, '').split('/');
  const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as Record<string, string[]>;
  if (kind === 'containers' && ref === 'json') {
    const [label] = filters['label'] ?? [];
    const [network] = filters['network'] ?? [];
    const on = (container: ReturnType<typeof containers>[number]) =>
      Object.values(container.NetworkSettings.Networks).some((each) => each.NetworkID === network);
    return [200, containers().filter((each) => (!label || each.Labels?.[label as 'com.docker.swarm.task.id'] !== undefined) && (!network || on(each)))];
  }
  // As an engine says it that is in no swarm, of a driver for several hosts.
  if (ref === 'create') return globalPlugin ? [500, { message: swarmTexts.inactive }] : [201, { Id: 'made', Warning: '' }];
  const all: { Id: string; Name?: string }[] = kind === 'containers' ? containers() : networks();
  // In a list no network says who is on it, as engines have it since version 1.28 of the API.
  const listed = kind === 'networks' ? networks().map((network) => ({ ...network, Containers: {} })) : all;
  if (ref === '') return [200, filters['label']?.includes('shoal.network.id') ? listed.slice(0, 1) : listed];
  const found = all.find(({ Id, Name }) => Id.startsWith(ref) || Name === ref);
  return found ? [200, found] : [404, { message: `no such thing: ${ref}` }];
}

beforeEach(async () => {
  globalPlugin = false;
  const engineSocket = join(await temporaryFolder(), 'engine.sock');
  engine = await startRecordingEngine(engineSocket, (request, response) => {
    const [status, body] = answer(new URL(request.url ?? '', 'http://engine'));
    response.writeHead(status).end(JSON.stringify(body));
  });
  const nobody = async () => await Promise.reject(new Error('no other node is asked'));
  const neighbours = (id: string) => (id === netId ? [{ nodeId: 'another-node-of-it', address: '192.168.7.2' }] : []);
  api = await startApi({ engineSocket, nodes: { open: nobody, examine: nobody, heldServices: nobody, isTask: () => false, neighbours } });
  netId = (await api.http('POST', '/networks/create', { Name: 'web_net', Driver: 'overlay' })).json.Id;
});
afterEach(async () => {
  await api.stop();
  await engine.stop();
});

test('a plugin makes networks of this engine’s own, and none for several hosts', async () => {
  const create = async () => await api.http('POST', '/networks/create', { Name: 'n', Driver: 'a/plugin:latest' });
  expect(await create()).toMatchObject({ status: 201, json: { Id: 'made' } });
  globalPlugin = true;
  const message = 'plugin a/plugin:latest of type NetworkDriver is not supported in swarm mode: networks of the cluster have the driver overlay';
  expect(await create()).toMatchObject({ status: 400, json: { message } });
});

test('a container is on the cluster’s network, by its name and id', async () => {
  const { NetworkSettings, HostConfig } = (await api.http('GET', `/containers/${task}/json`)).json;
  expect(NetworkSettings.Networks).toEqual({ web_net: { NetworkID: netId, IPAddress: '10.0.1.3' } });
  expect(HostConfig.NetworkMode).toBe('web_net');
  const [listed, other] = (await api.http('GET', '/containers/json?all=1')).json;
  expect(listed.NetworkSettings.Networks.web_net.NetworkID).toBe(netId);
  expect(other).toEqual(containers()[1]);
  expect((await api.http('GET', `/containers/${plain}/json`)).json).toEqual(containers()[1]);
});

test('its network says who is on it, and on which nodes', async () => {
  for (const ref of [netId, 'web_net', standInId]) {
    const shown = (await api.http('GET', `/networks/${ref}`)).json;
    expect(shown).toMatchObject({ Id: netId, Name: 'web_net', Scope: 'swarm', Driver: 'overlay', Containers: { [task]: { Name: 'web.1.t1' } } });
    expect(shown.Peers).toEqual([{ Name: expect.any(String), IP: expect.any(String) }]);
  }
  expect((await api.http('GET', '/networks')).json.map(({ Name }: { Name: string }) => Name)).toEqual(expect.arrayContaining(['web_net', 'mine']));
});

test('a node that manages nothing shows the networks that it is on', async () => {
  Object.assign(api.status, { ControlAvailable: false });
  for (const ref of [netId, 'web_net', netId.slice(0, 9)])
    expect((await api.http('GET', `/networks/${ref}`)).json).toMatchObject({
      Id: netId,
      Name: 'web_net',
      Scope: 'swarm',
      Driver: 'overlay',
      Labels: {},
      Containers: { [task]: { Name: 'web.1.t1' } },
      Peers: [
        { Name: 'node-one', IP: '192.168.7.1' },
        { Name: 'another-node', IP: '192.168.7.2' },
      ],
    });
  expect((await api.http('GET', '/networks?filters={"scope":["swarm"]}')).json.map(({ Id }: { Id: string }) => Id)).toContain(netId);
});

test('a container starts on the cluster’s network for as long as that is one', async () => {
  const start = async (id: string, how = 'start') => {
    const { status, json } = await api.http('POST', `/containers/${id}/${how}`);
    return [status, json.message];
  };
  expect([await start(task), await start(plain)]).toEqual([
    [200, undefined],
    [200, undefined],
  ]);
  expect((await api.http('DELETE', '/networks/web_net')).status).toBe(204);
  const gone = [404, 'network web_net not found'];
  expect([await start(task), await start(task, 'restart'), await start(plain)]).toEqual([gone, gone, [200, undefined]]);
});

test('lists of containers know what is a task, and the cluster’s networks', async () => {
  const ids = async (filters: object) =>
    (await api.http('GET', `/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}`)).json.map(({ Id }: { Id: string }) => Id);
  expect(await ids({ 'is-task': { true: true } })).toEqual([task]);
  expect(await ids({ 'is-task': ['false'] })).toEqual([plain]);
  expect(await ids({ 'is-task': ['1', '0'] })).toEqual([task, plain]);
  expect(await ids({ network: [netId] })).toEqual([task]);
  const refused = await api.http('GET', '/containers/json?filters={"is-task":["maybe"]}');
  expect([refused.status, refused.json.message]).toEqual([400, "invalid filter 'is-task=[maybe]'"]);
});

test('one name means one network, whoever comes second', async () => {
  for (const [Name, Driver] of [
    ['web_net', 'bridge'],
    ['mine', 'overlay'],
  ]) {
    const refused = await api.http('POST', '/networks/create', { Name, Driver });
    expect([refused.status, refused.json.message]).toEqual([409, `network with name ${Name} already exists`]);
  }
});

test('several that are meant are counted', async () => {
  const beginning = strangerId[0] ?? '';
  const ids = [...api.cluster.store.list('network')].map(({ ID }) => ID).filter((id) => id.startsWith(beginning));
  while (ids.length === 0) {
    const { Id } = (await api.http('POST', '/networks/create', { Name: `n${Math.random().toString(36).slice(2)}`, Driver: 'overlay' })).json;
    if (Id.startsWith(beginning)) ids.push(Id);
  }
  const refused = await api.http('GET', `/networks/${beginning}`);
  expect([refused.status, refused.json.message]).toEqual([400, `network ${beginning} is ambiguous (${ids.length + 1} matches found based on ID prefix)`]);
});

test('filters by type', async () => {
  const refused = await api.http('GET', '/networks?filters={"type":["other"]}');
  expect([refused.status, refused.json.message]).toEqual([400, "invalid filter: 'type'='other'"]);
});

test('no newer version is served than is said', async () => {
  expect((await api.http('GET', '/version')).json.ApiVersion).toBe('1.41');
  expect((await api.http('GET', '/v1.41/services')).status).toBe(200);
  const refused = await api.http('GET', '/v1.42/services');
  expect([refused.status, refused.json.message]).toEqual([400, 'client version 1.42 is too new. Maximum supported API version is 1.41']);
});

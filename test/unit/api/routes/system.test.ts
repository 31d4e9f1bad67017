import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { temporaryFolder } from '#test/support/folder';
import { VirtualClock } from '#test/support/virtual-clock';
import { startRecordingEngine } from '#test/support/recording-engine-socket';

let api: ApiFixture;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.stop());

test('a ping says the version, the part in the swarm, and that this is shoal', async () => {
  for (const method of ['HEAD', 'GET']) {
    const ping = await api.http(method, '/_ping');
    expect(ping.status).toBe(200);
    expect(ping.headers).toMatchObject({ 'api-version': '1.47', ostype: 'linux', 'docker-experimental': 'false', swarm: 'active/manager', shoal: '0.1.0' });
    expect(ping.text).toBe(method === 'GET' ? 'OK' : '');
  }
});

test.each([
  [{ LocalNodeState: 'inactive', ControlAvailable: false }, 'inactive'],
  [{ LocalNodeState: 'active', ControlAvailable: false }, 'active/worker'],
  [{ LocalNodeState: 'pending', ControlAvailable: false }, 'pending'],
] as const)('%j is %s', async (status, header) => {
  const before = { ...api.status };
  Object.assign(api.status, status);
  expect((await api.http('GET', '/_ping')).headers['swarm']).toBe(header);
  expect((await api.http('GET', '/info')).json.Swarm.LocalNodeState).toBe(status.LocalNodeState);
  Object.assign(api.status, before);
});

test('without an engine the version is ours alone, and info says what is missing', async () => {
  expect((await api.http('GET', '/version')).json).toMatchObject({
    ApiVersion: '1.47',
    MinAPIVersion: '1.24',
    Components: [{ Name: 'Shoal', Version: '0.1.0' }],
  });
  expect((await api.http('GET', '/info')).json.Warnings).toEqual([expect.stringContaining('cannot reach the Docker Engine')]);
  const passed = await api.http('GET', '/containers/json');
  expect([passed.status, passed.json.message]).toEqual([503, expect.stringContaining('cannot reach the Docker Engine at unix://')]);
});

test('a manager that cannot follow the others says so in info, is one all the same, and keeps nobody waiting', async () => {
  const clock = new VirtualClock();
  const own = await startApi({ clock });
  vi.spyOn(own.cluster, 'read').mockReturnValue(new Promise(() => undefined));
  let waits = true;
  const asked = own.http('GET', '/info').finally(() => (waits = false));
  // It is asked for some turns after the request came.
  while (waits) {
    await clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await asked).json.Swarm).toMatchObject({ LocalNodeState: 'active', ControlAvailable: true, Error: expect.stringContaining('behind the others') });
  await own.stop();
});

test('of info the engine tells its part while the cluster is asked for the other', async () => {
  const engineSocket = join(await temporaryFolder(), 'engine.sock');
  let asked = (): void => undefined;
  const clusterAsked = new Promise<void>((resolve) => (asked = resolve));
  const engine = await startRecordingEngine(engineSocket, (_request, response) => void clusterAsked.then(() => response.end('{"Name":"host"}')));
  const own = await startApi({ engineSocket });
  const read = own.cluster.read.bind(own.cluster);
  vi.spyOn(own.cluster, 'read').mockImplementation(() => {
    asked();
    return read();
  });
  expect((await own.http('GET', '/info')).json).toMatchObject({ Name: 'host', Swarm: { LocalNodeState: 'active', Managers: expect.any(Number) } });
  await own.stop();
  await engine.stop();
});

test('what the engine says is asked for while a node joins, and given to the first who asks within a second', async () => {
  const engineSocket = join(await temporaryFolder(), 'engine.sock');
  let count = 0;
  const engine = await startRecordingEngine(engineSocket, ({ url }, response) => void response.end(url === '/info' ? `{"Name":"${++count}"}` : '{}'));
  const clock = new VirtualClock();
  const own = await startApi({ engineSocket, clock });
  const joinOne = async (): Promise<void> => {
    Object.assign(own.status, { LocalNodeState: 'inactive' });
    expect((await own.http('POST', '/swarm/join', { ListenAddr: '0.0.0.0:2377', RemoteAddrs: ['192.0.2.1'], JoinToken: 'x' })).status).toBe(200);
  };
  const named = async (): Promise<string> => (await own.http('GET', '/info')).json.Name;
  await joinOne();
  // Asked during the join, and not by the first; by the second.
  expect([await named(), await named(), count]).toEqual(['1', '2', 2]);
  await joinOne();
  await clock.advance(1000);
  expect([await named(), count]).toEqual(['4', 4]);
  await own.stop();
  await engine.stop();
});

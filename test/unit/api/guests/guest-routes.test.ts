/** Containers that are no task's, between the client, the engine and the managers. */
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Context } from '#api/context';
import type { GuestsLine } from '#api/dependencies';
import { connectGuest, createGuest, disconnectGuest } from '#api/guests/guest-routes';
import { containerRoutes } from '#api/routes/containers';
import type { Call } from '#api/router';
import { createNetwork } from '#control/networks';
import { wallClock } from '#test/support/api-fixture';
import { initialisedCluster } from '#test/support/memory-cluster';

/** An engine that shows these, and a node in no cluster. */
function setUp(shown: Record<string, object>) {
  const said: unknown[][] = [];
  const line =
    (name: string) =>
    async (...facts: unknown[]) =>
      void said.push([name, ...facts]);
  const guests = {
    taskOf: () => {
      throw new Error('This node is not part of a swarm');
    },
    release: line('release'),
    settle: line('settle'),
    drop: (key: string) => void said.push(['drop', key]),
    attach: async ({ network }: { network: string }) => ({
      taskId: 't1',
      networkId: network,
      network: `${network}-here`,
      address: '10.1.0.2',
      gateway: '10.1.0.1',
    }),
    networkName: (id: string) => `${id}-here`,
  } as Partial<GuestsLine> as GuestsLine;
  const context = {
    engine: {
      read: async (path: string) => shown[path],
      exchange: async () => {
        throw new Error('the engine ended');
      },
    },
    swarm: { status: () => ({ LocalNodeState: 'inactive', ControlAvailable: false }) },
  } as unknown as Context;
  const call = (ref: string, body: object): Call =>
    ({ parameters: [ref], request: Readable.from([JSON.stringify(body)]), query: new URLSearchParams() }) as unknown as Call;
  return { said, guests, context, call };
}

test('a container leaves a network of the engine’s own where no agent runs', async () => {
  const { guests, context, call, said } = setUp({ '/containers/box/json': { Id: 'c1', Name: '/box' }, '/networks/plain': { Name: 'plain' } });
  expect(await disconnectGuest(call('plain', { Container: 'box' }), context, guests)).toBeUndefined();
  expect(said).toEqual([]);
});

const ours = { '/networks/ours': { Name: 'ours', Labels: { 'shoal.network.id': 'net' } } };

test('an address is not given back while the engine may have connected the container', async () => {
  const { guests, context, call, said } = setUp({ '/containers/box/json': { Id: 'c1', Name: '/box' }, ...ours });
  await expect(connectGuest(call('ours', { Container: 'box' }), context, guests)).rejects.toThrow('the engine ended');
  expect(said).toEqual([['drop', 'c1']]);
});

test('a container that is on the network already is taken off and brought back with its new settings, and one that runs is refused', async () => {
  const box = { Id: 'c1', Name: '/box', State: { Running: false }, NetworkSettings: { Networks: { 'net-here': {} } } };
  const { guests, context, call, said } = setUp({ '/containers/box/json': box, ...ours });
  const answers: Record<string, number> = {};
  context.engine.exchange = async (_call, body, path = '') => {
    said.push([path, body]);
    return { status: answers[path] ?? 200, json: {} };
  };
  const connect = async () => {
    said.length = 0;
    const { status } = (await connectGuest(call('ours', { Container: 'box', EndpointConfig: { Aliases: ['new'] } }), context, guests)) as { status: number };
    return status;
  };
  const off = ['/networks/net-here/disconnect', { Container: 'c1' }];
  const on = ['/networks/net-here/connect', { Container: 'c1', EndpointConfig: { Aliases: ['new'], IPAMConfig: { IPv4Address: '10.1.0.2' } } }];
  expect([await connect(), said]).toEqual([200, [off, on, ['settle', 'c1', 't1', 'c1', 'box']]]);
  answers['/networks/net-here/connect'] = 500;
  expect([await connect(), said]).toEqual([500, [off, on, ['release', 't1', 'net', 'c1']]]);
  answers['/networks/net-here/disconnect'] = 404;
  expect([await connect(), said]).toEqual([404, [off, ['drop', 'c1']]]);
  box.State.Running = true;
  await expect(connect()).rejects.toMatchObject({ status: 409, message: 'box is already attached to network net-here' });
  expect(said).toEqual([]);
});

test('an address is not given back while the engine may have made the container', async () => {
  const { guests, context, call, said } = setUp(ours);
  const body = { HostConfig: { NetworkMode: 'ours' } };
  await expect(createGuest(call('', body), context, guests, body, ['ours'])).rejects.toThrow('the engine ended');
  expect(said).toEqual([['drop', expect.stringMatching(/^making-/)]]);
});

test('that a container is not on the cluster’s network is the engine’s to say, and ours where the network is on other nodes alone', async () => {
  const { guests, context, call, said } = setUp({ '/containers/box/json': { Id: 'c1', Name: '/box' }, ...ours });
  const answers = [{ status: 500, json: { message: 'container c1 is not connected to network ours' } }, { status: 404 }];
  context.engine.exchange = async () => answers.shift() as Awaited<ReturnType<Context['engine']['exchange']>>;
  const line = { ...guests, taskOf: () => undefined };
  expect(await disconnectGuest(call('ours', { Container: 'box' }), context, line)).toMatchObject({ status: 500 });
  const message = 'container c1 is not connected to network ours';
  await expect(disconnectGuest(call('ours', { Container: 'box' }), context, line)).rejects.toMatchObject({ status: 500, message });
  expect(said).toEqual([]);
});

test('a container has its address before it is started, and is looked after again when that is done or refused', async () => {
  const { guests, context, said } = setUp({ '/containers/box/json': { Id: 'c1', Name: '/box', NetworkSettings: { Networks: { 'ours-here': {} } } }, ...ours });
  const wake = { refusal: undefined as Error | undefined };
  const line = {
    ...guests,
    wake: async (id: string) => {
      said.push(['wake', id]);
      if (wake.refusal) throw wake.refusal;
      return () => void said.push(['woken', id]);
    },
  };
  const engine = { read: (path: string) => context.engine.read(path), passThrough: async () => void said.push(['started']) };
  const [start] = containerRoutes({ ...context, engine, guests: line } as unknown as Context).filter(({ pattern }) => pattern.endsWith('/start'));
  const ask = async () => await start?.handler({ parameters: ['box'], query: new URLSearchParams() } as unknown as Call);
  await ask();
  expect(said).toEqual([['wake', 'c1'], ['started'], ['woken', 'c1']]);
  wake.refusal = new Error('no address is free');
  await expect(ask()).rejects.toThrow('no address is free');
  expect(said.slice(3)).toEqual([['wake', 'c1']]);
});

test('what the engine has of another cluster that the node was in hides no network of this one', async () => {
  const { guests, context, call, said } = setUp(ours);
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createNetwork({ Name: 'ours', Attachable: true }));
  const managing = {
    ...context,
    clock: wallClock,
    cluster: { read: async () => cluster.store },
    swarm: { status: () => ({ LocalNodeState: 'active', ControlAvailable: true }) },
  };
  const asked: string[] = [];
  const line = { ...guests, attach: async (request: { network: string }) => (asked.push(request.network), guests.attach(request as never)) };
  const body = { HostConfig: { NetworkMode: 'ours' } };
  await expect(createGuest(call('', body), managing as unknown as Context, line, body, ['ours'])).rejects.toThrow('the engine ended');
  expect([asked, said]).toEqual([[ID], [['drop', expect.stringMatching(/^making-/)]]]);
});

test('on a worker what the engine has of another cluster leaves it to the managers what the name means', async () => {
  const Labels = { 'shoal.network.id': 'net', 'com.docker.swarm.node.id': 'the node of before' };
  const { guests, context, call } = setUp({ '/networks/ours': { Name: 'ours', Labels } });
  const asked: string[] = [];
  const line = { ...guests, attach: async (request: { network: string }) => (asked.push(request.network), guests.attach(request as never)) };
  const body = { HostConfig: { NetworkMode: 'ours' } };
  const make = (NodeID: string) => {
    const working = { ...context, swarm: { status: () => ({ LocalNodeState: 'active', ControlAvailable: false, NodeID }) } };
    return createGuest(call('', body), working as unknown as Context, line, body, ['ours']);
  };
  await expect(make('this node')).rejects.toThrow('the engine ended');
  await expect(make('the node of before')).rejects.toThrow('the engine ended');
  expect(asked).toEqual(['ours', 'net']);
});

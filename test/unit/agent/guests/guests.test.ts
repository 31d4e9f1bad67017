import { expect, test } from 'vitest';
import { Guests } from '#agent/guests/guests';
import type { Guest, GuestEngine } from '#engine/guests';
import type { AttachmentChange, DispatcherSession } from '#model/object/assignment';
import { guestKey } from '#model/guest';
import type { Task } from '#model/object/task';
import type { TaskAttachment } from '#network/contract';
import type { NetworkState } from '#task/prepare';
import { aNetwork, aTask } from '#test/support/cluster-objects';
import { RecordingNetwork } from '../../../support/recording-network.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import { settle, VirtualClock } from '../../../support/virtual-clock.ts';

const network = aNetwork('net');

function guestTask(containerId: string, running: boolean): Task {
  return aTask('t1', 'running', {
    ServiceID: '',
    NetworksAttachments: [{ Network: network, Addresses: ['10.1.0.2/24'] }],
    Shoal: {
      ServiceName: 'box',
      ServiceLabels: {},
      SpecVersion: 0,
      Attachment: { ContainerID: containerId, Name: 'box', ...(running && { Running: true as const }) },
    },
  });
}

function setUp() {
  const tasks = new Map<string, Task>();
  const networks = new Map<string, NetworkState>();
  const containers = new Map<string, Guest>();
  const said: AttachmentChange[] = [];
  const attached: TaskAttachment[] = [];
  const ended: string[] = [];
  let heard: (containerId: string | undefined) => void = () => {};
  const faults: { session?: Error; engine?: Error } = {};
  const guests: GuestEngine = {
    look: async (id) => {
      if (faults.engine) throw faults.engine;
      return containers.get(id);
    },
    disconnect: async () => {},
    move: async () => {},
    watch: (changed) => (heard = changed),
    networkName: (id) => `${id}-here`,
  };
  const session = {
    changeAttachment: async (change: AttachmentChange) => {
      said.push(change);
      if (faults.session) throw faults.session;
      return 't1';
    },
  } as Partial<DispatcherSession> as DispatcherSession;
  const clock = new VirtualClock();
  const recording = Object.assign(Object.create(new RecordingNetwork()) as RecordingNetwork, {
    attached: async (each: TaskAttachment) => void attached.push(each),
    detached: (taskId: string) => void ended.push(taskId),
  });
  const modules = { guests, network: recording, clock, logger: silentLogger, tasks, networks, session: () => session };
  const keeper = new Guests(modules, new AbortController().signal);
  keeper.start();
  return { keeper, tasks, networks, containers, said, attached, ended, faults, clock, event: (id?: string) => heard(id) };
}

const running: Guest = {
  containerId: 'c1',
  name: 'box',
  pid: 7,
  ended: false,
  networkIds: ['net'],
  addresses: { net: '10.1.0.2' },
  nameServers: [],
  networks: [{ networkId: 'net', address: '10.1.0.2', macAddress: '02:42:0a:01:00:02' }],
};

test('a container has its place when the network is there, and is given up when it never is', async () => {
  const { keeper, tasks, networks, said, clock } = setUp();
  const asked = { containerId: guestKey('1'), name: 'box', network: 'net', aliases: [] };
  const place = keeper.attach(asked);
  tasks.set('t1', guestTask(asked.containerId, false));
  await clock.advance(100);
  networks.set('net', { network, gateway: '10.1.0.1', ready: true });
  await clock.advance(100);
  expect(await place).toEqual({ taskId: 't1', networkId: 'net', network: 'net-here', address: '10.1.0.2', gateway: '10.1.0.1' });
  networks.set('net', { network, gateway: '10.1.0.1', ready: false, failure: { message: 'no bridge', permanent: false, retryAt: 0 } });
  const never = expect(keeper.attach(asked)).rejects.toThrow('network net is not ready on this node: no bridge');
  await clock.advance(31_000);
  await never;
  expect(said.at(-1)).toEqual({ type: 'detach', taskId: 't1', networkId: 'net' });
});

test('one that asks again for a network waits for what it was given now, and keeps what it has where the network is not ready', async () => {
  const { keeper, tasks, networks, said, clock } = setUp();
  networks.set('net', { network, gateway: '10.1.0.1', ready: true });
  tasks.set('t1', guestTask('c1', false));
  const asked = { containerId: 'c1', name: 'box', network: 'net', aliases: [] };
  let given: string | undefined;
  const place = keeper.attach({ ...asked, address: '10.1.0.9' }).then(({ address }) => (given = address));
  await clock.advance(100);
  expect(given).toBeUndefined();
  tasks.set('t1', { ...guestTask('c1', false), NetworksAttachments: [{ Network: network, Addresses: ['10.1.0.9/24'] }] });
  await clock.advance(100);
  expect(await place).toBe('10.1.0.9');
  networks.set('net', { network, gateway: '10.1.0.1', ready: false });
  const never = expect(keeper.attach(asked)).rejects.toThrow('network net is not ready on this node');
  await clock.advance(31_000);
  await never;
  expect(said.map(({ type }) => type)).toEqual(['attach', 'attach']);
});

test('what is being made is left alone; then it is looked after', async () => {
  const { keeper, tasks, networks, said, attached, containers, clock, event } = setUp();
  networks.set('net', { network, gateway: '10.1.0.1', ready: true });
  tasks.set('t1', guestTask('key', false));
  await keeper.attach({ containerId: 'key', name: 'box', network: 'net', aliases: [] });
  keeper.look();
  await settle();
  expect(said.map(({ type }) => type)).toEqual(['attach']);
  containers.set('c1', running);
  await keeper.settle('key', 't1', 'c1', 'box');
  tasks.set('t1', guestTask('c1', false));
  event('c1');
  await settle();
  expect(said.slice(1)).toEqual([
    { type: 'tell', taskId: 't1', containerId: 'c1', name: 'box', running: false },
    { type: 'tell', taskId: 't1', containerId: 'c1', name: 'box', running: true },
  ]);
  expect(attached).toMatchObject([{ taskId: 't1', pid: 7, networks: running.networks }]);
  // Told once, until it is another process.
  tasks.set('t1', guestTask('c1', true));
  event('c1');
  await settle();
  containers.set('c1', { ...running, pid: 8 });
  event(undefined);
  await settle();
  expect(attached.map(({ pid }) => pid)).toEqual([7, 8]);
  await clock.advance(0);
});

test('one that is gone, or off a network, holds nothing there', async () => {
  const { tasks, said, containers, keeper } = setUp();
  tasks.set('t1', guestTask('c1', false));
  containers.set('c1', { containerId: 'c1', name: 'box', ended: true, networkIds: [], addresses: {}, nameServers: [], networks: [] });
  keeper.look();
  await settle();
  containers.delete('c1');
  keeper.look();
  await settle();
  expect(said).toEqual([
    { type: 'detach', taskId: 't1', networkId: 'net' },
    { type: 'detach', taskId: 't1' },
  ]);
});

test('one that was made with other name servers is led to ours for as long as it is on a network, and one that was made with ours is not', async () => {
  const { tasks, networks, containers, keeper, attached } = setUp();
  networks.set('net', { network, gateway: '10.1.0.1', ready: true });
  tasks.set('t1', guestTask('c1', true));
  for (const nameServers of [[], ['192.0.2.53'], ['10.1.0.1', '192.0.2.53']]) {
    containers.set('c1', { ...running, nameServers });
    keeper.look();
    await settle();
  }
  expect(attached.map(({ asks }) => asks)).toEqual([{ servers: [], gateway: '10.1.0.1' }, { servers: ['192.0.2.53'], gateway: '10.1.0.1' }, undefined]);
  containers.set('c1', { ...running, networkIds: [], networks: [] });
  tasks.delete('t1');
  keeper.look();
  await settle();
  keeper.look();
  await settle();
  expect(attached.slice(3)).toEqual([{ taskId: 't1', pid: 7, networks: [] }]);
});

test('one that left its networks while no daemon was there is given back what it had', async () => {
  const { tasks, containers, keeper, attached, ended } = setUp();
  tasks.set('t1', guestTask('c1', true));
  containers.set('c1', { ...running, networkIds: [], networks: [] });
  keeper.look();
  await settle();
  expect([attached, ended]).toEqual([[{ taskId: 't1', pid: 7, networks: [] }], ['t1']]);
});

test('an engine that does not answer says nothing about a container, and managers that cannot be reached are told later', async () => {
  const { tasks, said, containers, keeper, faults, clock } = setUp();
  tasks.set('t1', guestTask('c1', false));
  faults.engine = new Error('away');
  keeper.look();
  await settle();
  expect(said).toEqual([]);
  delete faults.engine;
  faults.session = new Error('no leader');
  containers.set('c1', running);
  await clock.advance(1000);
  await settle();
  delete faults.session;
  await clock.advance(1000);
  await settle();
  expect(said.filter(({ type }) => type === 'tell')).toHaveLength(2);
});

test('one that the managers never bring its network stays on the others', async () => {
  const { keeper, said, clock } = setUp();
  const never = expect(keeper.attach({ containerId: 'c1', name: 'box', network: 'net', aliases: [] })).rejects.toThrow('is not ready on this node');
  await clock.advance(31_000);
  await never;
  expect(said.at(-1)).toEqual({ type: 'detach', taskId: 't1', networkId: 'net' });
});

test('one that is brought to two networks at once keeps both', async () => {
  const { keeper, tasks, networks, containers, said } = setUp();
  const second = aNetwork('second');
  const task = guestTask('c1', true);
  tasks.set('t1', { ...task, NetworksAttachments: [...(task.NetworksAttachments ?? []), { Network: second, Addresses: ['10.2.0.2/24'] }] });
  for (const each of [network, second]) networks.set(each.ID, { network: each, gateway: '10.1.0.1', ready: true });
  containers.set('c1', running);
  const asked = { containerId: 'c1', name: 'box', aliases: [] };
  await Promise.all([keeper.attach({ ...asked, network: 'net' }), keeper.attach({ ...asked, network: 'second' })]);
  await keeper.settle('c1', 't1', 'c1', 'box');
  await settle();
  containers.set('c1', { ...running, networkIds: ['net', 'second'] });
  await keeper.settle('c1', 't1', 'c1', 'box');
  await settle();
  expect(said.map(({ type }) => type)).toEqual(['attach', 'attach']);
});

test('one that was made and that nobody heard of is found by its key', async () => {
  const { keeper, tasks, containers, said } = setUp();
  tasks.set('t1', guestTask('making-1', false));
  containers.set('making-1', { containerId: 'c1', name: 'box', ended: true, networkIds: ['net'], addresses: {}, nameServers: [], networks: [] });
  keeper.drop('making-1');
  await settle();
  expect(said).toEqual([{ type: 'tell', taskId: 't1', containerId: 'c1', name: 'box', running: false }]);
});

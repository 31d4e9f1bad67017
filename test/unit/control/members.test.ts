import { expect, test } from 'vitest';
import { defaultClusterSpec, initCluster, updateCluster } from '#control/clusters';
import { findObject } from '#control/find';
import { admitNode, removeNode, updateNode } from '#control/nodes';
import { createRepository, removeRepository, setRepositoryStatus } from '#control/repository/repositories';
import { setStackCondition } from '#control/stack/stack-states';
import { deployStack } from '#control/stack/stacks';
import type { Node, NodeSpec } from '#model/object/node';
import { create, newMeta, update } from '#store/action';
import { clusterOf } from '#store/view';
import { initialisedCluster, MemoryCluster, testDescription } from '#test/support/memory-cluster';
import { stackSpec } from './specs.ts';

const active: NodeSpec = { Role: 'worker', Availability: 'active' };

function addWorker(cluster: MemoryCluster, id: string, State: Node['Status']['State'] = 'ready'): void {
  const Description = { ...testDescription, Hostname: 'two' };
  cluster.write([create('node', { ...newMeta(id), Spec: active, Description, Status: { State, Addr: '' } })]);
}

test('a cluster begins with its node and its ingress network', () => {
  const cluster = new MemoryCluster();
  const options = { nodeId: 'n1', address: '10.1.1.1', description: testDescription };
  cluster.run(initCluster({ ...options, spec: { Orchestration: { TaskHistoryRetentionLimit: 2 } }, subnetSize: 26 }));
  expect(clusterOf(cluster.store)).toMatchObject({
    Spec: { ...defaultClusterSpec, Orchestration: { TaskHistoryRetentionLimit: 2 } },
    DefaultAddrPool: ['10.0.0.0/8'],
    SubnetSize: 26,
    DataPathPort: 4789,
  });
  expect(cluster.store.get('node', 'n1')).toMatchObject({ Spec: { Role: 'manager', Availability: 'active' }, Status: { State: 'ready', Addr: '10.1.1.1' } });
  expect(cluster.store.byName('network', 'ingress')?.Spec.Ingress).toBe(true);
  expect(() => cluster.run(initCluster(options))).toThrow('This node is already part of a swarm.');
});

test('of the usual pools small ones serve for one subnet each', () => {
  const cluster = new MemoryCluster();
  cluster.run(initCluster({ nodeId: 'n', address: '', description: testDescription, usualPools: ['10.1.0.0/24', '10.2.0.0/16'], subnetSize: 20 }));
  expect(clusterOf(cluster.store)?.DefaultAddrPool).toEqual(['10.1.0.0/24', '10.2.0.0/16']);
});

test.each([
  [{ defaultAddrPool: ['10.0.0.0'] }, 'invalid base pool 10.0.0.0: invalid CIDR address: 10.0.0.0'],
  [{ defaultAddrPool: ['fd00::/48'] }, 'address pool fd00::/48 is not supported: networks of the cluster have addresses of version 4'],
  [{ defaultAddrPool: [' 10.9.0.0/24 '], subnetSize: 20 }, 'invalid CIDR: "10.9.0.0/24". Subnet size is too small: 20'],
  [{ dataPathPort: 80 }, 'Datapath port number is not in valid range (1024-49151) : 80'],
  [{ subnetSize: 31 }, 'subnet size is out of range: 31'],
  [{ spec: { CAConfig: { NodeCertExpiry: 1e9 } } }, 'minimum certificate expiry time is: 1h0m0s'],
  [{ spec: { Dispatcher: { HeartbeatPeriod: 1e6 } } }, 'Dispatcher.HeartbeatPeriod is between 500ms and 1h'],
  [{ spec: { Dispatcher: { HeartbeatPeriod: 3601e9 } } }, 'Dispatcher.HeartbeatPeriod is between 500ms and 1h'],
])('init with %j is refused', (change, message) => {
  const cluster = new MemoryCluster();
  expect(() => cluster.run(initCluster({ nodeId: 'n', address: '', description: testDescription, ...change }))).toThrow(message);
});

test('the cluster spec is replaced, its name is not', () => {
  const cluster = initialisedCluster();
  const version = clusterOf(cluster.store)?.Version.Index ?? 0;
  expect(() => cluster.run(updateCluster(version, { ...defaultClusterSpec, Name: 'x' }))).toThrow('swarm spec must be named "default"');
  expect(() => cluster.run(updateCluster(version + 1, defaultClusterSpec))).toThrow('update out of sequence');
  cluster.run(updateCluster(version, { ...defaultClusterSpec, Labels: { a: 'b' } }));
  expect(clusterOf(cluster.store)?.Spec.Labels).toEqual({ a: 'b' });
});

test('how long a drain may take stands beside the availability, and outlives clients who do not know it', () => {
  const cluster = initialisedCluster();
  const change = (spec: Partial<NodeSpec>): void => {
    const version = cluster.store.get('node', 'node-one')?.Version.Index ?? 0;
    cluster.run(updateNode('one', version, { Role: 'manager', Availability: 'drain', ...spec }));
  };
  const kept = () => cluster.store.get('node', 'node-one')?.Spec.Shoal;
  expect(() => change({ Shoal: { DrainTimeout: -1 } })).toThrow('DrainTimeout must not be negative');
  expect(() => change({ Availability: 'pause', Shoal: { DrainTimeout: 1 } })).toThrow('DrainTimeout goes with the availability drain, not with pause');
  change({ Shoal: { DrainTimeout: 5e9 } });
  change({ Labels: { zone: 'a' } });
  expect(kept()).toEqual({ DrainTimeout: 5e9 });
  change({ Availability: 'active' });
  expect(kept()).toBeUndefined();
});

test('nodes are drained and labelled; the last manager stays one', () => {
  const cluster = initialisedCluster();
  const version = cluster.store.get('node', 'node-one')?.Version.Index ?? 0;
  const change = (spec: NodeSpec) => () => cluster.run(updateNode('one', version, spec));
  expect(change(active)).toThrow(expect.objectContaining({ code: 'failedPrecondition', message: 'attempting to demote the last manager of the swarm' }));
  expect(change({ Role: 'manager', Availability: 'gone' as 'drain' })).toThrow('invalid Availability: "gone"');
  change({ Role: 'manager', Availability: 'drain', Labels: { zone: 'a' } })();
  expect(cluster.store.get('node', 'node-one')?.Spec).toEqual({ Role: 'manager', Availability: 'drain', Labels: { zone: 'a' } });
  expect(change(active)).toThrow('update out of sequence');
});

test('a node is removed when it is down or by force, and orphans its tasks', () => {
  const cluster = initialisedCluster();
  addWorker(cluster, 'w1');
  const task = {
    ...newMeta('t'),
    Spec: {},
    ServiceID: 's',
    NodeID: 'w1',
    Status: { Timestamp: '', State: 'running', Message: 'started' },
    DesiredState: 'running',
    Shoal: { ServiceName: 's', ServiceLabels: {}, SpecVersion: 0 },
  } as const;
  cluster.write([create('task', task)]);
  expect(() => cluster.run(removeNode('node-one', true))).toThrow('node node-one is a cluster manager and is a member of the raft cluster.');
  expect(() => cluster.run(removeNode('w1', false))).toThrow("node w1 is not down and can't be removed");
  cluster.run(removeNode('w1', true));
  expect(cluster.store.get('node', 'w1')).toBeUndefined();
  expect(cluster.store.get('task', 't')?.Status.State).toBe('orphaned');
});

test.each([
  ['ready', false],
  // After a change of leader, or while its daemon restarts, one that lives is waited for.
  ['unknown', false],
  ['disconnected', false],
  ['down', true],
] as const)('a node that is %s is removed or replaced without force: %s', (State, isGone) => {
  const replace = (cluster: MemoryCluster): unknown => {
    cluster.write([update('node', { ...(cluster.store.get('node', 'w1') as Node), Spec: { ...active, Role: 'manager' } })]);
    const token = clusterOf(cluster.store)?.Shoal?.Authority?.JoinTokens.Manager ?? '';
    return cluster.run(admitNode({ token, availability: 'active', address: '10.0.0.9', replaces: 'w1' }));
  };
  for (const way of [replace, (cluster: MemoryCluster) => cluster.run(removeNode('w1', false))]) {
    const cluster = initialisedCluster();
    addWorker(cluster, 'w1', State);
    if (isGone) way(cluster);
    else expect(() => way(cluster)).toThrow("node w1 is not down and can't be re");
  }
});

test('of a removed node it is kept that it may have the certificate of a manager, as long as that is good', () => {
  const [start, hour] = [Date.UTC(2026, 0, 1), 3_600_000];
  let now = start;
  const cluster = initialisedCluster({ clock: { now: () => now } });
  const removed = () => clusterOf(cluster.store)?.Shoal?.Removed;
  const add = (id: string, Shoal: NonNullable<Node['Shoal']>): void =>
    cluster.write([create('node', { ...newMeta(id), Spec: active, Status: { State: 'down', Addr: '' }, Shoal })]);
  add('worker', { Role: 'worker', Key: 'k', KeyUntil: start + 9e9 });
  cluster.run(removeNode('worker', false));
  expect(removed()).toBeUndefined();
  add('once', { Role: 'worker', Key: 'k', KeyUntil: start + 9e9, ManagerUntil: start + 5000 });
  cluster.run(removeNode('once', false));
  expect(removed()).toEqual({ once: start + 5000 + hour });
  now = start + 5000 + hour;
  // Of an earlier program: nothing was noted, and it may have had one until a moment ago.
  add('older', { Role: 'worker', Key: 'k' });
  cluster.run(removeNode('older', false));
  expect(removed()).toEqual({ older: now + defaultClusterSpec.CAConfig.NodeCertExpiry / 1e6 + hour });
});

test('hostnames and prefixes may be ambiguous', () => {
  const cluster = initialisedCluster();
  addWorker(cluster, 'abc1');
  addWorker(cluster, 'abc2');
  expect(() => findObject(cluster.store, 'node', 'two')).toThrow(
    expect.objectContaining({ code: 'invalidArgument', message: 'node two is ambiguous (2 matches found)' }),
  );
  expect(() => findObject(cluster.store, 'node', 'abc')).toThrow('node abc is ambiguous (2 matches found)');
  expect(findObject(cluster.store, 'node', 'abc2').ID).toBe('abc2');
  expect(() => findObject(cluster.store, 'node', '')).toThrow('node  not found');
  cluster.write(['n-one', 'n-two'].map((id) => create('network', { ...newMeta(id), Spec: { Name: id } })));
  expect(() => findObject(cluster.store, 'network', 'n-')).toThrow('network n- is ambiguous (2 matches found based on ID prefix)');
});

test('a repository is added once, reports only news, and leaves its stacks behind', () => {
  const cluster = initialisedCluster();
  const spec = { Name: 'infra', URL: '/srv/infra', Branch: 'main', Path: 'stacks', Interval: 30e9 };
  expect(() => cluster.run(createRepository({ ...spec, Path: '../x' }))).toThrow('must lead to a folder inside the repository');
  expect(() => cluster.run(createRepository({ ...spec, Interval: 0 }))).toThrow('repository interval must be at least 1s');
  cluster.run(createRepository(spec));
  expect(() => cluster.run(createRepository(spec))).toThrow('repository infra already exists');
  const status = { State: 'synced', Commit: 'c1', Message: '', Since: '1' } as const;
  cluster.run(setRepositoryStatus('infra', status));
  const { entries } = cluster;
  cluster.run(setRepositoryStatus('infra', { ...status, Since: '2' }));
  expect(cluster.entries).toBe(entries);
  const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: 'c1' } as const;
  cluster.run(deployStack(stackSpec(), { source, prune: true }));
  cluster.run(setStackCondition('broken', { State: 'refused', Message: 'x', Since: '' }, source));
  cluster.run(removeRepository('infra'));
  expect(cluster.store.byName('stack', 'shop')?.Source).toEqual({ Kind: 'deploy' });
  expect(cluster.store.byName('stack', 'broken')).toBeUndefined();
  expect(cluster.store.byName('service', 'shop_web')).toBeDefined();
});

test('managers are locked with a key that stays until it is exchanged, and goes with the lock', () => {
  const cluster = initialisedCluster();
  const keys: (string | undefined)[] = [];
  const change = (AutoLockManagers: boolean, unlockKey = false): void => {
    const found = clusterOf(cluster.store);
    cluster.run(updateCluster(found?.Version.Index ?? 0, { ...defaultClusterSpec, EncryptionConfig: { AutoLockManagers } }, { unlockKey }));
    keys.push(clusterOf(cluster.store)?.Shoal?.UnlockKey);
  };
  for (const [locks, exchange] of [
    [false, true],
    [true, false],
    [true, false],
    [true, true],
    [false, false],
    [true, false],
  ] as const)
    change(locks, exchange);
  const [none, first, same, second, gone, third] = keys;
  expect([none, gone]).toEqual([undefined, undefined]);
  expect(same).toBe(first);
  expect(new Set([first, second, third]).size).toBe(3);
  for (const key of [first, second, third]) expect(key).toMatch(/^SWMKEY-1-/);
});

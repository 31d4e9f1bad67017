import { expect, test } from 'vitest';
import { initCluster } from '#control/clusters';
import { removeNode } from '#control/nodes';
import type { NodeDescription } from '#model/object/node';
import { clusterLevel } from '#store/feature-level';
import { describeNode, registerNode } from '#stages/dispatcher/registration';
import { create, newMeta, update, type Action } from '#store/action';
import { clusterOf } from '#store/view';
import { Group } from '#manager/group';
import type { Cluster } from '#model/object/cluster';
import type { Task } from '#model/object/task';
import { MemoryCluster, testDescription } from '#test/support/memory-cluster';

/** As the first programs told it. */
const { Shoal: _level, ...plainDescription } = testDescription;
const at = (FeatureLevel: number): NodeDescription => ({ ...testDescription, Shoal: { FeatureLevel } });

function cluster(nodes: readonly string[]): MemoryCluster {
  const made = new MemoryCluster();
  made.run(initCluster({ nodeId: 'one', address: '', description: plainDescription }));
  for (const id of nodes)
    made.write([create('node', { ...newMeta(id), Spec: { Role: 'manager', Availability: 'active' }, Status: { State: 'unknown', Addr: '' } })]);
  return made;
}

test('the cluster uses what its oldest node knows, and rises when that one is renewed', () => {
  const made = cluster(['two']);
  expect(clusterLevel(made.store)).toBe(1);
  made.write(registerNode(made.store, 'one', at(2), ''));
  expect(clusterLevel(made.store)).toBe(1);
  made.write(describeNode(made.store, 'two', at(3)));
  made.write(registerNode(made.store, 'two', at(3), ''));
  expect(clusterLevel(made.store)).toBe(2);
  expect(registerNode(made.store, 'two', at(3), '')).toEqual([]);
});

test('a worker that joined and never came holds nobody back, and is refused when it comes too old', () => {
  const made = cluster([]);
  made.write([create('node', { ...newMeta('ghost'), Spec: { Role: 'worker', Availability: 'active' }, Status: { State: 'unknown', Addr: '' } })]);
  made.write(registerNode(made.store, 'one', at(2), ''));
  expect(clusterLevel(made.store)).toBe(2);
  expect(() => registerNode(made.store, 'ghost', at(1), '')).toThrow('too old for the cluster');
});

test('a node that is too old for what the cluster uses is refused with what to do', () => {
  const made = cluster([]);
  made.write(registerNode(made.store, 'one', at(2), ''));
  expect(() => registerNode(made.store, 'one', at(1), '')).toThrow(
    'the program on this node is too old for the cluster (feature level 1, the cluster uses 2): install the version of the other nodes',
  );
});

const attached = (id: string): Task =>
  ({
    ...newMeta(id),
    NodeID: 'one',
    Status: { State: 'running' },
    DesiredState: 'running',
    Spec: {},
    Shoal: { Attachment: { ContainerID: 'c', Name: 'n' } },
  }) as never;

test('what an older leader would take for something else is not written before all nodes know it, and is named', async () => {
  const made = cluster(['two']);
  const state = clusterOf(made.store)!;
  const keyless = { ...state, Shoal: { ...state.Shoal, FeatureLevel: 5, Authority: { Key: '' } } } as unknown as Cluster;
  made.write([update('cluster', { ...state, Shoal: { ...state.Shoal, FeatureLevel: 5 } })]);
  const group = new Group(made.store);
  const asked = (actions: readonly Action[]) => () =>
    group.take({ useCase: () => ({ actions, result: undefined }), resolve: () => undefined, reject: () => undefined }, {} as never);
  expect(asked([create('task', attached('t'))])).toThrow('attaching a container to a network of the cluster needs feature level 6, and the cluster is at 5');
  expect(asked([update('cluster', keyless)])).toThrow('a root whose key only an external CA has needs feature level 6, and the cluster is at 5');
});

test('what is there already is told of, changed and ended all the same', () => {
  const made = cluster([]);
  const state = clusterOf(made.store)!;
  const keyless = { ...state, Shoal: { ...state.Shoal, FeatureLevel: 5, Authority: { Key: '' } } } as unknown as Cluster;
  made.write([update('cluster', keyless), create('task', attached('t'))]);
  const group = new Group(made.store);
  const take = (actions: readonly Action[]) =>
    group.take({ useCase: () => ({ actions, result: undefined }), resolve: () => undefined, reject: () => undefined }, {} as never);
  expect(take([update('task', { ...made.store.get('task', 't')!, DesiredState: 'shutdown' })])).toBe('taken');
  expect(take([update('cluster', { ...clusterOf(made.store)!, Spec: { ...keyless.Spec, Labels: { a: 'b' } } })])).toBe('taken');
});

test('the level rises, too, when the node that knew less is removed', () => {
  const made = cluster(['two']);
  made.write(registerNode(made.store, 'one', at(2), ''));
  const two = made.store.get('node', 'two')!;
  made.write([update('node', { ...two, Spec: { ...two.Spec, Role: 'worker' } })]);
  expect(clusterLevel(made.store)).toBe(1);
  made.run(removeNode('two', true));
  expect(clusterLevel(made.store)).toBe(2);
});

import { expect, test } from 'vitest';
import { initCluster } from '#control/clusters';
import type { NodeDescription } from '#model/object/node';
import { clusterLevel } from '#store/feature-level';
import { describeNode, registerNode } from '#stages/dispatcher/registration';
import { create, newMeta } from '#store/action';
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

test('a node that is too old for what the cluster uses is refused with what to do', () => {
  const made = cluster([]);
  made.write(registerNode(made.store, 'one', at(2), ''));
  expect(() => registerNode(made.store, 'one', at(1), '')).toThrow(
    'the program on this node is too old for the cluster (feature level 1, the cluster uses 2): install the version of the other nodes',
  );
});

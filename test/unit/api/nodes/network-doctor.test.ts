/** What the doctor says of nodes that cannot be asked. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Diagnosis } from '#model/doctor/examination';
import { create } from '#store/action';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { aNode } from '#test/support/cluster-objects';
import { initialisedCluster } from '#test/support/memory-cluster';

let api: ApiFixture;
beforeEach(async () => {
  const cluster = initialisedCluster({ stages: [] });
  cluster.store.apply(cluster.store.index + 1, {
    actions: [create('node', aNode('deaf', { Status: { State: 'down', Addr: '192.0.2.9' } })), create('node', aNode('mute'))],
    now: 0,
  });
  // Nobody here carries out a look.
  api = await startApi({ cluster });
});
afterEach(() => api.stop());

test('one that the managers do not hear is told and not asked; one that is asked in vain is told with the reason', async () => {
  const { json } = await api.http('GET', '/shoal/v1/network/doctor');
  const { nodes, ways } = json as Diagnosis;
  const of = (id: string) => nodes.find(({ nodeId }) => nodeId === id)?.findings.map(({ level, check, text }) => `${level} ${check} ${text}`);
  expect(of('deaf')).toEqual(['error node the managers do not hear this node (down)']);
  expect(of('mute')).toEqual([expect.stringMatching(/^error node this node could not be looked at: \S/)]);
  expect(ways).toBe(0);
  expect(nodes.every(({ findings }) => findings.every(({ advice }) => advice !== ''))).toBe(true);
});

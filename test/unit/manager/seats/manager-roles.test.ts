import { expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { keepOneManager, removeNode, updateNode } from '#control/nodes';
import { RootRotation } from '#manager/authority/root-rotation';
import { ManagerRoles } from '#manager/seats/manager-roles';
import { roleOf } from '#model/manager-address';
import type { Node } from '#model/object/node';
import { create, update } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { MemoryCluster, testDescription } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { settle, VirtualClock } from '#test/support/virtual-clock';

const manager = (id: string): Node =>
  aNode(id, { Spec: { Labels: {}, Role: 'manager', Availability: 'active' }, Shoal: { Role: 'manager', ManagerAddr: `${id}:2377` } });

/** A leader `boss`, and those who agree as a map of addresses that the duty changes. */
async function setUp(members: Record<string, string> = { boss: 'boss:2377' }) {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  cluster.run(initCluster({ nodeId: 'boss', address: '192.0.2.1', description: testDescription }));
  const group = new Map(Object.entries(members));
  const story: string[] = [];
  const held: { refusal?: Refusal } = {};
  async function carryOut(what: string, change: () => void): Promise<void> {
    story.push(what);
    if (held.refusal) throw held.refusal;
    change();
  }
  const roles = new ManagerRoles({
    cluster,
    nodeId: 'boss',
    standing: () => ({
      id: 'boss',
      leader: 'boss',
      term: 1,
      members: [...group].map(([id, address]) => ({ id, address, voter: true, reachable: true, heardAt: undefined })),
    }),
    members: () => ({
      add: ({ id, address }) => carryOut(`add ${id} at ${address}`, () => group.set(id, address)),
      remove: (id) => carryOut(`remove ${id}`, () => group.delete(id)),
    }),
    clock,
    logger: silentLogger,
  });
  const want = (id: string, Role: 'manager' | 'worker'): void => {
    const node = cluster.store.get('node', id) as Node;
    cluster.run(updateNode(id, node.Version.Index, { ...node.Spec, Role }));
  };
  return { clock, cluster, group, story, held, roles, want };
}

test('a manager that nobody agrees with yet is taken in; a worker that is wanted as one has to ask first', async () => {
  const { cluster, story, roles, want } = await setUp();
  cluster.write([create('node', manager('two')), create('node', aNode('three', { Shoal: { Role: 'worker' } }))]);
  want('three', 'manager');
  await roles.start();
  await settle();
  expect(story).toEqual(['add two at two:2377']);
  await roles.stop();
});

test('one that is wanted no more is let go first and a worker then; it is tried again until it can be', async () => {
  const { clock, cluster, story, held, roles, want } = await setUp({ boss: '', two: '' });
  cluster.write([create('node', manager('two'))]);
  await roles.start();
  held.refusal = new Refusal('failedPrecondition', 'not now');
  want('two', 'worker');
  await settle();
  expect([story, roleOf(cluster.store.get('node', 'two') as Node)]).toEqual([['remove two'], 'manager']);
  delete held.refusal;
  await clock.advance(1000);
  await settle();
  expect([story, cluster.store.get('node', 'two')?.Shoal]).toEqual([['remove two', 'remove two'], { Role: 'worker', Leaving: true }]);
  await roles.stop();
  expect(clock.running).toBe(0);
});

test('whose node is gone agrees no more; the leader itself goes last, and never for want of a node', async () => {
  const { cluster, story, roles, want } = await setUp({ boss: '', two: '', three: 'three:2377', gone: '' });
  cluster.write([create('node', manager('two')), create('node', manager('three'))]);
  want('boss', 'worker');
  want('two', 'worker');
  await roles.start();
  await settle();
  expect(story.slice(0, 2).toSorted()).toEqual(['remove gone', 'remove two']);
  expect(story.at(-1)).toBe('remove boss');
  await roles.stop();
  const alone = await setUp();
  alone.cluster.write([create('node', manager('two'))]);
  alone.want('boss', 'worker');
  alone.cluster.run(removeNode('boss', true));
  await alone.roles.start();
  await settle();
  expect(alone.story).toEqual(['add two at two:2377']);
  await alone.roles.stop();
});

test('of a cluster that was made anew one is a manager, and nobody else is to become one', async () => {
  const { cluster, story, roles } = await setUp();
  cluster.write([create('node', manager('two')), create('node', aNode('three'))]);
  cluster.run(keepOneManager('boss'));
  await roles.start();
  await settle();
  expect(story).toEqual([]);
  expect([...cluster.store.list('node')].map((node) => [node.ID, node.Spec.Role, roleOf(node)])).toEqual([
    ['boss', 'manager', 'manager'],
    ['two', 'worker', 'worker'],
    ['three', 'worker', 'worker'],
  ]);
  await roles.stop();
});

test('workers that come and change are no reason to ask who agrees, nor whether a root is exchanged that is not', async () => {
  const { clock, cluster, roles, want } = await setUp();
  const rotation = new RootRotation({ cluster, random: seededRandom(1), clock, logger: silentLogger });
  await Promise.all([roles.start(), rotation.start()]);
  await settle();
  let reads = 0;
  const read = cluster.read.bind(cluster);
  cluster.read = () => {
    reads++;
    return read();
  };
  const worker = (id: string): Node => aNode(id, { Shoal: { Role: 'worker' } });
  for (const id of ['a', 'b', 'c']) {
    cluster.write([create('node', worker(id))]);
    cluster.write([update('node', { ...worker(id), Status: { State: 'ready', Addr: '192.0.2.7' } })]);
    await settle();
  }
  expect(reads).toBe(0);
  want('a', 'manager');
  await settle();
  expect(reads).toBe(1);
  await Promise.all([roles.stop(), rotation.stop()]);
});

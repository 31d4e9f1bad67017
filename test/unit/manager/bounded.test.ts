/** Passes with more to do than an entry takes: they stop there, go on in the next turn, and the manager answers in between. */
import { expect, test } from 'vitest';
import { decodeEntry } from '#replica/entry-format';
import { deployStack } from '#control/stack/stacks';
import { entryLimits } from '#manager/entries';
import type { Action } from '#store/action';
import { byHand, stack } from '#test/support/random-changes';
import { SimulatedCluster } from '#test/support/simulated-cluster';

/** A stack without a network, whose addresses would end it early. */
function many(replicas: number) {
  const { Services, Networks: _networks, ...rest } = stack('app:1', replicas, { EndpointSpec: {}, TaskTemplate: { ContainerSpec: { Image: 'app:1' } } });
  return { ...rest, Networks: [], Services: Services.slice(0, 1) };
}

/** Actions of each entry, without what nodes report of their tasks: that comes as it comes. */
function sizes(entries: readonly Uint8Array[]): number[] {
  const known = new Map<string, string>();
  const reported = (action: Action): boolean => {
    if (action.type === 'remove' || action.kind !== 'task') return false;
    const { ID, NodeID, DesiredState } = action.object;
    const before = known.get(ID);
    known.set(ID, `${NodeID} ${DesiredState}`);
    return action.type === 'update' && before === known.get(ID);
  };
  return entries.map((bytes) => decodeEntry(bytes).actions.filter((action) => !reported(action)).length);
}

test('any number of replicas makes entries of bounded size, and not more tasks than can come up', async () => {
  const cluster = new SimulatedCluster(5, 2);
  await cluster.init();
  for (const agent of cluster.agents) agent.disconnect();
  await cluster.submit(deployStack(many(2 ** 63 - 1024), byHand));
  await cluster.clock.advance(0);
  expect([...cluster.store.list('task')]).toHaveLength(100);
  // Another request is answered, also by the next manager.
  await cluster.restart();
  await cluster.submit(deployStack(many(3_000_000), byHand));
  await cluster.clock.advance(0);
  expect([...cluster.store.list('task')]).toHaveLength(100);
  await cluster.submit(deployStack(many(1), byHand));
  await cluster.clock.advance(0);
  expect([...cluster.store.list('task')].filter((task) => task.DesiredState === 'running')).toHaveLength(1);
  expect(Math.max(...sizes(cluster.log))).toBeLessThanOrEqual(entryLimits.actions + 10);
  expect(cluster.fatal).toEqual([]);
});

test('what many tasks need goes on over entries, and over a restart between two of them', async () => {
  const cluster = new SimulatedCluster(6, 3, undefined, { actions: 7, bytes: 1e6 });
  await cluster.init();
  await cluster.submit(deployStack(many(40), byHand));
  await cluster.restart();
  await cluster.clock.advance(30_000);
  const running = () => cluster.agents.flatMap((agent) => agent.running()).length;
  expect(running()).toBe(40);
  await cluster.submit(deployStack({ ...many(40), Services: many(40).Services.map((service) => ({ ...service, UpdateConfig: { Parallelism: 0 } })) }, byHand));
  await cluster.submit(deployStack(many(3), byHand));
  await cluster.clock.advance(30_000);
  expect(running()).toBe(3);
  // A deploy itself brings its stack, a service and two revisions along.
  expect(Math.max(...sizes(cluster.log).slice(4))).toBeLessThanOrEqual(7 + 4);
  expect(cluster.fatal).toEqual([]);
});

test.each([
  ['an image that nobody has', { type: 'missing' as const }],
  ['a program that ends at once', { type: 'exits' as const, code: 1, afterMs: 50 }],
])('%s fails in few slots, however many replicas are wanted, and leaves a bounded history', async (_name, fate) => {
  const cluster = new SimulatedCluster(7, 1);
  await cluster.init();
  for (const agent of cluster.agents) agent.fates.set('app:1', fate);
  await cluster.submit(deployStack(many(3_000_000), byHand));
  const entries = cluster.entries;
  await cluster.clock.advance(40_000);
  const tasks = [...cluster.store.list('task')];
  expect(new Set(tasks.map((task) => task.Slot)).size).toBeLessThan(250);
  expect(tasks.length).toBeLessThan(1250);
  expect(cluster.entries - entries).toBeLessThan(40 * 50);
  expect(cluster.fatal).toEqual([]);
});

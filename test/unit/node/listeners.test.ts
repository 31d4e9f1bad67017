/** A throw is planted in each kind of listener: it costs that listener one word, and neither the teller, the others nor the process. */
import { expect, test } from 'vitest';
import type { Logger } from '#base/logger';
import { silentLogger } from '#test/support/silent-logger';
import { createService } from '#control/service/services';
import { ReconcileEvents } from '#gitops/events';
import { ClusterDoor } from '#node/cluster-door';
import { initialisedCluster } from '#test/support/memory-cluster';
import { SimulatedCluster } from '#test/support/simulated-cluster';

const spec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'app:1' } } };

function keptLog(): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, error: (facts, message) => void lines.push(`${message} ${JSON.stringify(facts)}`), child: () => logger };
  return { lines, logger };
}

/** Plants a throw before and after a listener that counts; answers how often that one heard. */
function plant(watch: (listener: () => void) => () => void): { heard: () => number; leave: () => void } {
  let count = 0;
  const fails = (): void => {
    throw new Error('planted');
  };
  const ways = [watch(fails), watch(() => void (count += 1)), watch(fails)];
  return { heard: () => count, leave: () => ways.forEach((way) => way()) };
}

test('a listener to the cluster at the daemon’s door', () => {
  const { lines, logger } = keptLog();
  const cluster = initialisedCluster();
  const door = new ClusterDoor(logger);
  door.use(cluster);
  const { heard, leave } = plant((listener) => door.watch(listener));
  cluster.run(createService(spec));
  expect([heard(), lines.length]).toEqual([1, 2]);
  expect(lines[0]).toMatch(/a listener to the cluster failed: .*the others and the daemon go on .*planted/);
  leave();
  cluster.run(createService({ ...spec, Name: 'other' }));
  expect([heard(), lines.length]).toEqual([1, 2]);
});

test('a listener to the reconciler', () => {
  const { lines, logger } = keptLog();
  const events = new ReconcileEvents({ clock: { now: () => 0 }, logger });
  const { heard } = plant((listener) => events.watch(listener));
  events.tell({ type: 'stack', name: 'a', action: 'applied', message: '' });
  expect([heard(), lines.length, events.recent().length]).toEqual([1, 2, 1]);
});

test('a listener to a manager, in the turn in which an entry is applied', async () => {
  const cluster = new SimulatedCluster(7, 1);
  await cluster.init();
  const { heard } = plant((listener) => cluster.manager.watch(listener));
  await cluster.submit(createService(spec));
  await cluster.clock.advance(10_000);
  expect(heard()).toBeGreaterThan(0);
  expect(cluster.fatal).toEqual([]);
  expect(cluster.agents.flatMap((agent) => agent.running())).toHaveLength(1);
});

/** Any series of events keeps the invariants, and when the events end, every service gets what it asks for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { ServiceSpec, UpdateConfig } from '#model/object/service-spec';
import { Room } from '#store/room';
import type { TaskState } from '#model/object/task-state';
import { expectRestIsLeftAlone, expectRestIsRest, expectSameAsFullScan, expectSettled, expectSingleOccupancy } from '#test/support/staged-cluster-checks';
import { specOf, wellBehaved, withImage, withReplicas, StagedCluster } from '#test/support/staged-cluster';

const nodeIds = ['n1', 'n2', 'n3'];
const names = ['web', 'all'];
const badImage = 'bad';

/** `text` is what a counterexample shows. */
interface Event {
  text: string;
  happen(cluster: StagedCluster): void;
}

const startFirst = ['stop-first', 'start-first'];
const stopFirst = ['stop-first'];

function updateConfig(orders: readonly string[]): fc.Arbitrary<UpdateConfig> {
  return fc.record({
    Parallelism: fc.integer({ min: 0, max: 3 }),
    Delay: fc.constantFrom(0, second, 7 * second),
    Monitor: fc.constantFrom(second, 3 * second),
    FailureAction: fc.constantFrom('pause', 'continue', 'rollback'),
    MaxFailureRatio: fc.constantFrom(0, 0.4),
    Order: fc.constantFrom(...orders),
  });
}

function changing(name: string, text: string, change: (spec: ServiceSpec) => ServiceSpec): Event {
  return { text: `${name}: ${text}`, happen: (cluster) => cluster.updateService(name, change) };
}

function specEvents(orders: readonly string[]): fc.Arbitrary<Event>[] {
  const name = fc.constantFrom(...names);
  return [
    fc.tuple(name, fc.constantFrom('v1', 'v2', 'v3', badImage)).map(([service, image]) => changing(service, image, withImage(image))),
    fc.integer({ min: 0, max: 6 }).map((count) => changing('web', `${count} replicas`, withReplicas(count))),
    fc.tuple(name, updateConfig(orders)).map(([service, config]) => changing(service, JSON.stringify(config), (spec) => ({ ...spec, UpdateConfig: config }))),
    name.map((service) => ({ text: `roll ${service} back`, happen: (cluster) => cluster.rollbackService(service) })),
    fc.tuple(name, fc.constantFrom([], ['node.labels.zone!=b'])).map(([service, Constraints]) =>
      changing(service, `constraints ${Constraints.join()}`, (spec) => ({
        ...spec,
        TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints } },
      })),
    ),
  ];
}

function clusterEvents(): fc.Arbitrary<Event>[] {
  const nodeId = fc.constantFrom(...nodeIds);
  return [
    fc.tuple(fc.nat(20), fc.constantFrom<TaskState>('failed', 'complete')).map(([nth, state]) => ({
      text: `end of running task ${nth}: ${state}`,
      happen: (cluster) => {
        const tasks = names.flatMap((name) => cluster.running(name));
        const task = tasks[nth % Math.max(1, tasks.length)];
        if (task) cluster.kill(task, state);
      },
    })),
    fc
      .tuple(
        nodeId,
        fc.constantFrom('active' as const, 'pause' as const, 'drain' as const),
        fc.constantFrom({}, { DrainTimeout: 0 }, { DrainTimeout: 5 * second }),
      )
      .map(([id, Availability, drain]) => ({
        text: `${id} ${Availability} ${JSON.stringify(drain)}`,
        happen: (cluster) => cluster.changeNode(id, { Availability, ...(Availability === 'drain' && { Shoal: drain }) }),
      })),
    fc.tuple(nodeId, fc.constantFrom('ready' as const, 'down' as const, 'unknown' as const)).map(([id, state]) => ({
      text: `${id} ${state}`,
      happen: (cluster) => cluster.changeNode(id, {}, state),
    })),
    fc.tuple(nodeId, fc.constantFrom('a', 'b')).map(([id, zone]) => ({
      text: `${id} in zone ${zone}`,
      happen: (cluster) => cluster.changeNode(id, { Labels: { zone } }),
    })),
    fc.constant({ text: 'a new leader', happen: (cluster: StagedCluster) => cluster.failOver() }),
    nodeId.map((id) => ({
      text: `${id} leaves and joins`,
      happen: (cluster) => {
        cluster.removeNode(id);
        cluster.addNode(id);
      },
    })),
  ];
}

function events(orders: readonly string[]): fc.Arbitrary<Event[]> {
  const pause = fc.integer({ min: 50, max: 20_000 }).map((ms) => ({ text: `${ms} ms`, happen: (cluster: StagedCluster) => cluster.pass(ms) }));
  return fc.array(fc.oneof({ weight: 5, arbitrary: pause }, ...specEvents(orders), ...clusterEvents()), { maxLength: 25 });
}

function newCluster(restart: ServiceSpec['TaskTemplate']['RestartPolicy'], update: UpdateConfig): StagedCluster {
  const cluster = new StagedCluster();
  cluster.behaviour = (task) => (task.Spec.ContainerSpec?.Image === badImage ? { ...wellBehaved, runMs: 300 } : wellBehaved);
  for (const id of nodeIds) cluster.addNode(id);
  const task = restart ? { RestartPolicy: restart } : {};
  cluster.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: 3 } }, UpdateConfig: update, task }));
  cluster.createService(specOf('all', 'v1', { Mode: { Global: {} }, UpdateConfig: update, task }));
  return cluster;
}

const restartPolicy = fc.constantFrom(undefined, { Delay: 0 }, { Condition: 'on-failure', Delay: second, MaxAttempts: 2 }, { Condition: 'none' });

/** Heals the cluster, asks for a good image anew, and waits. */
function heal(cluster: StagedCluster): void {
  for (const id of nodeIds) cluster.changeNode(id, { Availability: 'active', Labels: {} }, 'ready');
  for (const name of names) {
    cluster.updateService(name, (spec) => ({
      ...spec,
      UpdateConfig: { Parallelism: 2 },
      TaskTemplate: { ...withImage('v9')(spec).TaskTemplate, Placement: {} },
    }));
  }
  cluster.pass(600_000);
}

test('every pass settles, a narrow scope decides like a full scan, and healed services converge', () => {
  fc.assert(
    fc.property(restartPolicy, updateConfig(startFirst), events(startFirst), (restart, update, series) => {
      const cluster = newCluster(restart, update);
      cluster.check = expectSettled;
      cluster.compare = (of, view, scope, actions) => {
        expectSameAsFullScan(of, view, scope, actions);
        expectRestIsRest(of, view);
        expectRestIsLeftAlone(of, view);
      };
      for (const event of series) event.happen(cluster);
      heal(cluster);
      const replicas = cluster.service('web').Spec.Mode?.Replicated?.Replicas ?? 1;
      const images = (name: string): unknown[] => cluster.running(name).map((task) => task.Spec.ContainerSpec?.Image);
      expect(images('web')).toEqual(Array(replicas).fill('v9'));
      expect(images('all')).toEqual(nodeIds.map(() => 'v9'));
      for (const name of names) expect(cluster.service(name).UpdateStatus?.State ?? 'completed').toBe('completed');
    }),
    { numRuns: 150 },
  );
});

test('stop-first never has two wanted tasks in a slot, and history stays short', () => {
  fc.assert(
    fc.property(restartPolicy, updateConfig(stopFirst), events(stopFirst), fc.integer({ min: 1, max: 6 }), (restart, update, series, room) => {
      const cluster = newCluster(restart, update);
      cluster.check = expectSingleOccupancy;
      // Most passes are cut: what is in one entry must be right by itself.
      cluster.room = () => new Room({ actions: room, bytes: 1e6 });
      for (const event of series) event.happen(cluster);
      heal(cluster);
      for (const name of names) {
        const counts = new Map<unknown, number>();
        for (const task of cluster.tasks(name)) counts.set(task.Slot ?? task.NodeID, (counts.get(task.Slot ?? task.NodeID) ?? 0) + 1);
        expect(Math.max(0, ...counts.values())).toBeLessThanOrEqual(5);
      }
    }),
    { numRuns: 100 },
  );
});

test('an update whose old task suits again while its successor has not come up is over', () => {
  const cluster = newCluster(undefined, { Parallelism: 0, Delay: 0, Monitor: second, FailureAction: 'pause', MaxFailureRatio: 0, Order: 'start-first' });
  cluster.check = expectSettled;
  cluster.changeNode('n1', { Labels: { zone: 'b' } });
  cluster.pass(200);
  cluster.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints: ['node.labels.zone!=b'] } } }));
  expect(cluster.service('web').UpdateStatus?.State).toBe('updating');
  cluster.changeNode('n1', { Labels: {} });
  cluster.pass(60_000);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
  expect(cluster.running('web')).toHaveLength(3);
});

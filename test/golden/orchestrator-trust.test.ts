/** What an orchestrator must not get wrong: entries that do not come, nodes and clocks that change, updates in a hurry. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { update } from '#store/action';
import { Room } from '#store/room';
import { specOf, wellBehaved, withImage, withReplicas, StagedCluster } from '#test/support/staged-cluster';

const minute = 60_000;

function newCluster(nodes: number, spec: Parameters<typeof specOf>[2] = {}, replicas = 3): StagedCluster {
  const cluster = new StagedCluster();
  for (let n = 1; n <= nodes; n++) cluster.addNode(`n${n}`);
  cluster.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: replicas } }, ...spec }));
  cluster.pass(minute);
  return cluster;
}

function images(cluster: StagedCluster): unknown[] {
  return cluster.running('web').map((task) => task.Spec.ContainerSpec?.Image);
}

function wanted(cluster: StagedCluster): number {
  return cluster.tasks('web').filter((task) => task.DesiredState === 'running').length;
}

test.each(['stop-first', 'start-first'])('%s: a rollout writes its service twice, whatever its size', (Order) => {
  const cluster = newCluster(3, { UpdateConfig: { Parallelism: 2, Order, Delay: second } }, 10);
  const before = cluster.commits.length;
  cluster.updateService('web', withImage('v2'));
  cluster.pass(10 * minute);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
  expect(images(cluster)).toEqual(Array(10).fill('v2'));
  const writes = cluster.commits.slice(before).filter((events) => events.some(({ kind }) => kind === 'service'));
  // The update itself, with the beginning, and the end.
  expect(writes).toHaveLength(2);
});

test.each(['stop-first', 'start-first'])('%s: an update that is cut over entries is not completed before its tasks are', (Order) => {
  for (let last = 1; last <= 8; last++) {
    const cluster = newCluster(3, { UpdateConfig: { Parallelism: 0, Order } }, 12);
    cluster.room = () => new Room({ actions: 3, bytes: 1e6 });
    let entries = 0;
    cluster.goesOn = () => ++entries < last;
    cluster.check = ({ store }) => {
      const service = store.byName('service', 'web');
      if (service?.UpdateStatus?.State !== 'completed') return;
      const stale = [...store.tasksOfService('web')].filter((task) => task.DesiredState === 'running' && task.Spec.ContainerSpec?.Image !== 'v2');
      expect(stale).toEqual([]);
    };
    cluster.updateService('web', withImage('v2'));
    // The leader is gone before the entry that would have come.
    cluster.goesOn = () => true;
    cluster.failOver();
    cluster.pass(10 * minute);
    expect(cluster.service('web').UpdateStatus?.State, `after ${last} entries`).toBe('completed');
    expect(images(cluster)).toEqual(Array(12).fill('v2'));
  }
});

test('no entry is larger than its room, whatever is asked for', () => {
  const cluster = newCluster(3, {}, 40);
  cluster.room = () => new Room({ actions: 5, bytes: 1e6 });
  const before = cluster.commits.length;
  cluster.updateService('web', (spec) => ({ ...withReplicas(60)(withImage('v2')(spec)), UpdateConfig: { Parallelism: 0 } }));
  cluster.pass(minute);
  cluster.updateService('web', withReplicas(1));
  cluster.pass(minute);
  cluster.changeNode('n1', { Availability: 'drain' });
  cluster.pass(minute);
  cluster.removeService('web');
  cluster.pass(minute);
  expect([...cluster.store.list('task')]).toEqual([]);
  // A slot is finished once it is begun: its new task, and the old one.
  const statuses = (events: (typeof cluster.commits)[number]) => events.filter((event) => event.kind === 'task' && event.object?.Status.State === event.previous?.Status.State);
  expect(Math.max(...cluster.commits.slice(before).map((events) => statuses(events).length))).toBeLessThanOrEqual(7);
});

test('a paused update stops nothing', () => {
  const cluster = newCluster(2, { UpdateConfig: { Order: 'start-first' } }, 2);
  cluster.behaviour = (task) => (task.Spec.ContainerSpec?.Image === 'bad' ? { ...wellBehaved, end: 'rejected' } : wellBehaved);
  cluster.updateService('web', withImage('bad'));
  cluster.pass(3000);
  expect(cluster.service('web').UpdateStatus?.State).toBe('paused');
  // From now on the bad one would run, and the good one be in its way.
  cluster.behaviour = () => wellBehaved;
  cluster.pass(10 * minute);
  expect(cluster.running('web').filter((task) => task.Spec.ContainerSpec?.Image === 'v1')).toHaveLength(2);
});

test('a label of a node that changes moves the tasks, and is no update', () => {
  const cluster = newCluster(2, { UpdateConfig: { FailureAction: 'rollback' } }, 2);
  cluster.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints: ['node.labels.zone!=b'] } } }));
  cluster.pass(minute);
  expect(cluster.service('web').UpdateStatus).toBeUndefined();
  cluster.behaviour = (task) => (task.NodeID === 'n2' ? { ...wellBehaved, runMs: 50 } : wellBehaved);
  cluster.changeNode('n1', { Labels: { zone: 'b' } });
  cluster.pass(200);
  const there = cluster.tasks('web').filter((task) => task.NodeID === 'n1' && task.DesiredState === 'running');
  expect(there).toEqual([]);
  cluster.behaviour = () => wellBehaved;
  cluster.pass(minute);
  expect(cluster.running('web').map((task) => task.NodeID)).toEqual(['n2', 'n2']);
  expect(cluster.service('web').UpdateStatus).toBeUndefined();
  expect(cluster.service('web').Spec.TaskTemplate.Placement).toEqual({ Constraints: ['node.labels.zone!=b'] });
});

test('a label that changes while an update waits for a task fails nothing', () => {
  const cluster = newCluster(2, { UpdateConfig: { FailureAction: 'rollback' } }, 1);
  cluster.behaviour = () => ({ ...wellBehaved, prepareMs: 5000 });
  const constrained = { Constraints: ['node.labels.zone!=b'] };
  cluster.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...withImage('v2')(spec).TaskTemplate, Placement: constrained } }));
  cluster.pass(1000);
  const [made] = cluster.tasks('web').filter((task) => task.Spec.ContainerSpec?.Image === 'v2');
  cluster.changeNode(made?.NodeID ?? '', { Labels: { zone: 'b' } });
  cluster.pass(10 * minute);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
  expect(images(cluster)).toEqual(['v2']);
});

test('a node that offers less than it did keeps what fits: the newest leave', () => {
  const Reservations = { NanoCPUs: 1e9 };
  const cluster = new StagedCluster();
  const offer = (id: string, NanoCPUs: number): void => {
    const node = cluster.store.get('node', id)!;
    cluster.happen([update('node', { ...node, Description: { ...node.Description!, Resources: { NanoCPUs } } })]);
  };
  cluster.addNode('n1');
  offer('n1', 3e9);
  cluster.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: 3 } }, task: { Resources: { Reservations } } }));
  cluster.pass(minute);
  expect(cluster.running('web')).toHaveLength(3);
  cluster.addNode('n2');
  const [first, second_] = cluster.running('web');
  offer('n1', 2e9);
  const left = cluster.tasks('web').filter((task) => task.Status.State === 'running' && task.DesiredState === 'running');
  expect(left.map(({ ID }) => ID)).toEqual([first?.ID, second_?.ID]);
  expect(cluster.tasks('web').find((task) => task.Status.State === 'rejected')?.Status.Err).toBe('assigned node no longer meets constraints');
});

test.each([0, 1])('six updates in a hurry leave two containers at most (parallelism %i)', (Parallelism) => {
  const cluster = newCluster(2, { UpdateConfig: { Order: 'start-first', Parallelism } }, 1);
  cluster.behaviour = () => ({ ...wellBehaved, prepareMs: 20_000 });
  for (let version = 2; version <= 7; version++) {
    cluster.updateService('web', withImage(`v${version}`));
    cluster.pass(100);
    expect(wanted(cluster)).toBeLessThanOrEqual(2);
    // Somebody serves all the while.
    expect(images(cluster)).toEqual(['v1']);
  }
  cluster.pass(10 * minute);
  expect(images(cluster)).toEqual(['v7']);
});

test('a clock that is set back an hour lengthens no wait beyond twice its time', () => {
  const cluster = newCluster(2, { task: { RestartPolicy: { Delay: 5 * second } }, UpdateConfig: { Delay: 3 * second, Monitor: 4 * second } }, 2);
  const [victim] = cluster.running('web');
  cluster.kill(victim!);
  cluster.pass(1000);
  cluster.setClock(-3_600_000);
  cluster.pass(11_000);
  expect(cluster.running('web')).toHaveLength(2);
  cluster.updateService('web', withImage('v2'));
  cluster.pass(1000);
  cluster.setClock(-3_600_000);
  cluster.pass(30_000);
  expect(images(cluster)).toEqual(['v2', 'v2']);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
});

/** What an orchestrator must not get wrong: entries that do not come, nodes and clocks that change, updates in a hurry. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { update } from '#store/action';
import { Room } from '#store/room';
import { specOf, wellBehaved, withImage, withReplicas, World } from '#test/support/world';

const minute = 60_000;

function newWorld(nodes: number, spec: Parameters<typeof specOf>[2] = {}, replicas = 3): World {
  const world = new World();
  for (let n = 1; n <= nodes; n++) world.addNode(`n${n}`);
  world.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: replicas } }, ...spec }));
  world.run(minute);
  return world;
}

function images(world: World): unknown[] {
  return world.running('web').map((task) => task.Spec.ContainerSpec?.Image);
}

function wanted(world: World): number {
  return world.tasks('web').filter((task) => task.DesiredState === 'running').length;
}

test.each(['stop-first', 'start-first'])('%s: a rollout writes its service twice, whatever its size', (Order) => {
  const world = newWorld(3, { UpdateConfig: { Parallelism: 2, Order, Delay: second } }, 10);
  const before = world.entries.length;
  world.updateService('web', withImage('v2'));
  world.run(10 * minute);
  expect(world.service('web').UpdateStatus?.State).toBe('completed');
  expect(images(world)).toEqual(Array(10).fill('v2'));
  const writes = world.entries.slice(before).filter((events) => events.some(({ kind }) => kind === 'service'));
  // The update itself, with the beginning, and the end.
  expect(writes).toHaveLength(2);
});

test.each(['stop-first', 'start-first'])('%s: an update that is cut over entries is not completed before its tasks are', (Order) => {
  for (let last = 1; last <= 8; last++) {
    const world = newWorld(3, { UpdateConfig: { Parallelism: 0, Order } }, 12);
    world.room = () => new Room({ actions: 3, bytes: 1e6 });
    let entries = 0;
    world.goesOn = () => ++entries < last;
    world.check = ({ store }) => {
      const service = store.get('service', 'web');
      if (service?.UpdateStatus?.State !== 'completed') return;
      const stale = [...store.tasksOfService('web')].filter((task) => task.DesiredState === 'running' && task.Spec.ContainerSpec?.Image !== 'v2');
      expect(stale).toEqual([]);
    };
    world.updateService('web', withImage('v2'));
    // The leader is gone before the entry that would have come.
    world.goesOn = () => true;
    world.failOver();
    world.run(10 * minute);
    expect(world.service('web').UpdateStatus?.State, `after ${last} entries`).toBe('completed');
    expect(images(world)).toEqual(Array(12).fill('v2'));
  }
});

test('no entry is larger than its room, whatever is asked for', () => {
  const world = newWorld(3, {}, 40);
  world.room = () => new Room({ actions: 5, bytes: 1e6 });
  const before = world.entries.length;
  world.updateService('web', (spec) => ({ ...withReplicas(60)(withImage('v2')(spec)), UpdateConfig: { Parallelism: 0 } }));
  world.run(minute);
  world.updateService('web', withReplicas(1));
  world.run(minute);
  world.changeNode('n1', { Availability: 'drain' });
  world.run(minute);
  world.removeService('web');
  world.run(minute);
  expect([...world.store.list('task')]).toEqual([]);
  // A slot is finished once it is begun: its new task, and the old one.
  const statuses = (events: (typeof world.entries)[number]) => events.filter((event) => event.kind === 'task' && event.object?.Status.State === event.previous?.Status.State);
  expect(Math.max(...world.entries.slice(before).map((events) => statuses(events).length))).toBeLessThanOrEqual(7);
});

test('a paused update stops nothing', () => {
  const world = newWorld(2, { UpdateConfig: { Order: 'start-first' } }, 2);
  world.behaviour = (task) => (task.Spec.ContainerSpec?.Image === 'bad' ? { ...wellBehaved, end: 'rejected' } : wellBehaved);
  world.updateService('web', withImage('bad'));
  world.run(3000);
  expect(world.service('web').UpdateStatus?.State).toBe('paused');
  // From now on the bad one would run, and the good one be in its way.
  world.behaviour = () => wellBehaved;
  world.run(10 * minute);
  expect(world.running('web').filter((task) => task.Spec.ContainerSpec?.Image === 'v1')).toHaveLength(2);
});

test('a label of a node that changes moves the tasks, and is no update', () => {
  const world = newWorld(2, { UpdateConfig: { FailureAction: 'rollback' } }, 2);
  world.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints: ['node.labels.zone!=b'] } } }));
  world.run(minute);
  expect(world.service('web').UpdateStatus).toBeUndefined();
  world.behaviour = (task) => (task.NodeID === 'n2' ? { ...wellBehaved, runMs: 50 } : wellBehaved);
  world.changeNode('n1', { Labels: { zone: 'b' } });
  world.run(200);
  const there = world.tasks('web').filter((task) => task.NodeID === 'n1' && task.DesiredState === 'running');
  expect(there).toEqual([]);
  world.behaviour = () => wellBehaved;
  world.run(minute);
  expect(world.running('web').map((task) => task.NodeID)).toEqual(['n2', 'n2']);
  expect(world.service('web').UpdateStatus).toBeUndefined();
  expect(world.service('web').Spec.TaskTemplate.Placement).toEqual({ Constraints: ['node.labels.zone!=b'] });
});

test('a label that changes while an update waits for a task fails nothing', () => {
  const world = newWorld(2, { UpdateConfig: { FailureAction: 'rollback' } }, 1);
  world.behaviour = () => ({ ...wellBehaved, prepareMs: 5000 });
  const constrained = { Constraints: ['node.labels.zone!=b'] };
  world.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...withImage('v2')(spec).TaskTemplate, Placement: constrained } }));
  world.run(1000);
  const [made] = world.tasks('web').filter((task) => task.Spec.ContainerSpec?.Image === 'v2');
  world.changeNode(made?.NodeID ?? '', { Labels: { zone: 'b' } });
  world.run(10 * minute);
  expect(world.service('web').UpdateStatus?.State).toBe('completed');
  expect(images(world)).toEqual(['v2']);
});

test('a node that offers less than it did keeps what fits: the newest leave', () => {
  const Reservations = { NanoCPUs: 1e9 };
  const world = new World();
  const offer = (id: string, NanoCPUs: number): void => {
    const node = world.store.get('node', id)!;
    world.submit([update('node', { ...node, Description: { ...node.Description!, Resources: { NanoCPUs } } })]);
  };
  world.addNode('n1');
  offer('n1', 3e9);
  world.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: 3 } }, task: { Resources: { Reservations } } }));
  world.run(minute);
  expect(world.running('web')).toHaveLength(3);
  world.addNode('n2');
  const [first, second_] = world.running('web');
  offer('n1', 2e9);
  const left = world.tasks('web').filter((task) => task.Status.State === 'running' && task.DesiredState === 'running');
  expect(left.map(({ ID }) => ID)).toEqual([first?.ID, second_?.ID]);
  expect(world.tasks('web').find((task) => task.Status.State === 'rejected')?.Status.Err).toBe('assigned node no longer meets constraints');
});

test.each([0, 1])('six updates in a hurry leave two containers at most (parallelism %i)', (Parallelism) => {
  const world = newWorld(2, { UpdateConfig: { Order: 'start-first', Parallelism } }, 1);
  world.behaviour = () => ({ ...wellBehaved, prepareMs: 20_000 });
  for (let version = 2; version <= 7; version++) {
    world.updateService('web', withImage(`v${version}`));
    world.run(100);
    expect(wanted(world)).toBeLessThanOrEqual(2);
    // Somebody serves all the while.
    expect(images(world)).toEqual(['v1']);
  }
  world.run(10 * minute);
  expect(images(world)).toEqual(['v7']);
});

test('a clock that is set back an hour lengthens no wait beyond twice its time', () => {
  const world = newWorld(2, { task: { RestartPolicy: { Delay: 5 * second } }, UpdateConfig: { Delay: 3 * second, Monitor: 4 * second } }, 2);
  const [victim] = world.running('web');
  world.kill(victim!);
  world.run(1000);
  world.setClock(-3_600_000);
  world.run(11_000);
  expect(world.running('web')).toHaveLength(2);
  world.updateService('web', withImage('v2'));
  world.run(1000);
  world.setClock(-3_600_000);
  world.run(30_000);
  expect(images(world)).toEqual(['v2', 'v2']);
  expect(world.service('web').UpdateStatus?.State).toBe('completed');
});

/** Updates played in virtual time: who starts and stops when, and what UpdateStatus says. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { ServiceSpec, UpdateConfig } from '#model/object/service-spec';
import { expectSettled } from '#test/support/world-checks';
import { specOf, wellBehaved, withImage, withReplicas, World } from '#test/support/world';

function updating(replicas: number, update: UpdateConfig, more: Partial<ServiceSpec> = {}): World {
  const world = new World();
  world.check = expectSettled;
  for (const id of ['n1', 'n2', 'n3']) world.addNode(id);
  world.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: replicas } }, UpdateConfig: update, ...more }));
  world.run(60_000);
  world.behaviour = (task) => (task.Spec.ContainerSpec?.Image === 'bad' ? { ...wellBehaved, runMs: 1000 } : wellBehaved);
  world.story.length = 0;
  return world;
}

test('stop-first, one at a time with a delay', () => {
  const world = updating(3, { Parallelism: 1, Delay: 10 * second, Monitor: 5 * second });
  world.updateService('web', withImage('v2'));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "60.0 web updating: update in progress",
      "60.0 web.1#1 to shutdown",
      "60.0 web.1#2 created ready v2",
      "60.2 web.1#1 is shutdown",
      "60.2 web.1#2 to running",
      "60.3 web.1#2 is running",
      "70.3 web.2#1 to shutdown",
      "70.3 web.2#2 created ready v2",
      "70.5 web.2#1 is shutdown",
      "70.5 web.2#2 to running",
      "70.6 web.2#2 is running",
      "80.6 web.3#1 to shutdown",
      "80.6 web.3#2 created ready v2",
      "80.8 web.3#1 is shutdown",
      "80.8 web.3#2 to running",
      "80.9 web.3#2 is running",
      "85.9 web completed: update completed",
    ]
  `);
});

test('start-first, two at a time', () => {
  const world = updating(3, { Parallelism: 2, Order: 'start-first' });
  world.updateService('web', withImage('v2'));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "60.0 web updating: update in progress",
      "60.0 web.1#2 created running v2",
      "60.0 web.2#2 created running v2",
      "60.2 web.1#2 is running",
      "60.2 web.2#2 is running",
      "60.2 web.1#1 to shutdown",
      "60.2 web.2#1 to shutdown",
      "60.2 web.3#2 created running v2",
      "60.4 web.1#1 is shutdown",
      "60.4 web.2#1 is shutdown",
      "60.4 web.3#2 is running",
      "60.4 web.3#1 to shutdown",
      "60.6 web.3#1 is shutdown",
      "65.4 web completed: update completed",
    ]
  `);
});

test('parallelism 0 takes all at once', () => {
  const world = updating(2, { Parallelism: 0 });
  world.updateService('web', withImage('v2'));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "60.0 web updating: update in progress",
      "60.0 web.1#1 to shutdown",
      "60.0 web.2#1 to shutdown",
      "60.0 web.1#2 created ready v2",
      "60.0 web.2#2 created ready v2",
      "60.2 web.1#1 is shutdown",
      "60.2 web.2#1 is shutdown",
      "60.2 web.1#2 to running",
      "60.2 web.2#2 to running",
      "60.3 web.1#2 is running",
      "60.3 web.2#2 is running",
      "65.3 web completed: update completed",
    ]
  `);
});

test('a failing task pauses the update, and nothing more is rolled until the next change', () => {
  const world = updating(3, { Parallelism: 1 }, { TaskTemplate: { ContainerSpec: { Image: 'v1' }, RestartPolicy: { Delay: 600 * second } } });
  world.updateService('web', withImage('bad'));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "60.0 web updating: update in progress",
      "60.0 web.1#1 to shutdown",
      "60.0 web.1#2 created ready bad",
      "60.2 web.1#1 is shutdown",
      "60.2 web.1#2 to running",
      "60.3 web.1#2 is running",
      "60.3 web.2#1 to shutdown",
      "60.3 web.2#2 created ready bad",
      "60.5 web.2#1 is shutdown",
      "60.5 web.2#2 to running",
      "60.6 web.2#2 is running",
      "60.6 web.3#1 to shutdown",
      "60.6 web.3#2 created ready bad",
      "60.8 web.3#1 is shutdown",
      "60.8 web.3#2 to running",
      "60.9 web.3#2 is running",
      "61.3 web.1#2 is failed",
      "61.3 web paused: update paused due to failure or early termination of task web.1#2",
      "61.3 web.1#2 to shutdown",
      "61.3 web.1#3 created ready bad",
      "61.6 web.2#2 is failed",
      "61.6 web.2#2 to shutdown",
      "61.6 web.2#3 created ready bad",
      "61.9 web.3#2 is failed",
      "61.9 web.3#2 to shutdown",
      "61.9 web.3#3 created ready bad",
    ]
  `);
  world.story.length = 0;
  world.updateService('web', withImage('v3'));
  world.run(60_000);
  expect(world.service('web').UpdateStatus).toMatchObject({ State: 'completed', Message: 'update completed' });
  expect(world.running('web').map((task) => task.Spec.ContainerSpec?.Image)).toEqual(['v3', 'v3', 'v3']);
});

test('a failing task rolls the whole spec back', () => {
  const world = updating(3, { Parallelism: 1, FailureAction: 'rollback' });
  world.updateService('web', (spec) => withReplicas(4)(withImage('bad')(spec)));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "60.0 web updating: update in progress",
      "60.0 web.1#1 to shutdown",
      "60.0 web.4#1 created running bad",
      "60.0 web.1#2 created ready bad",
      "60.2 web.1#1 is shutdown",
      "60.2 web.4#1 is running",
      "60.2 web.1#2 to running",
      "60.3 web.1#2 is running",
      "60.3 web.2#1 to shutdown",
      "60.3 web.2#2 created ready bad",
      "60.5 web.2#1 is shutdown",
      "60.5 web.2#2 to running",
      "60.6 web.2#2 is running",
      "60.6 web.3#1 to shutdown",
      "60.6 web.3#2 created ready bad",
      "60.8 web.3#1 is shutdown",
      "60.8 web.3#2 to running",
      "60.9 web.3#2 is running",
      "61.2 web.4#1 is failed",
      "61.2 web.4#1 to shutdown",
      "61.2 web.4#2 created ready bad",
      "61.3 web.1#2 is failed",
      "61.3 web rollback_started: update rolled back due to failure or early termination of task web.1#2",
      "61.3 web.2#2 to shutdown",
      "61.3 web.2#3 created ready v1",
      "61.3 web.1#1 deleted",
      "61.3 web.1#2 deleted",
      "61.5 web.2#2 is shutdown",
      "61.5 web.2#3 to running",
      "61.6 web.2#3 is running",
      "61.6 web.3#2 to shutdown",
      "61.6 web.3#3 created ready v1",
      "61.8 web.3#2 is shutdown",
      "61.8 web.3#3 to running",
      "61.9 web.3#3 is running",
      "61.9 web.4#2 to shutdown",
      "61.9 web.4#3 created ready v1",
      "62.1 web.4#2 is shutdown",
      "62.1 web.4#3 to running",
      "62.2 web.4#3 is running",
      "67.2 web rollback_completed: rollback completed",
    ]
  `);
  expect(world.service('web').PreviousSpec).toBeUndefined();
  expect(world.service('web').Spec.Mode).toEqual({ Replicated: { Replicas: 3 } });
});

test('start-first: the old task stays until the rollback has tidied up', () => {
  const world = updating(2, { Parallelism: 1, FailureAction: 'rollback', Order: 'start-first' });
  world.updateService('web', withImage('bad'));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "60.0 web updating: update in progress",
      "60.0 web.1#2 created running bad",
      "60.2 web.1#2 is running",
      "60.2 web.1#1 to shutdown",
      "60.2 web.2#2 created running bad",
      "60.4 web.1#1 is shutdown",
      "60.4 web.2#2 is running",
      "60.4 web.2#1 to shutdown",
      "60.6 web.2#1 is shutdown",
      "61.2 web.1#2 is failed",
      "61.2 web rollback_started: update rolled back due to failure or early termination of task web.1#2",
      "61.2 web.1#2 to shutdown",
      "61.2 web.1#3 created running v1",
      "61.4 web.2#2 is failed",
      "61.4 web.1#3 is running",
      "61.4 web.2#2 to shutdown",
      "61.4 web.2#3 created running v1",
      "61.6 web.2#3 is running",
      "66.6 web rollback_completed: rollback completed",
    ]
  `);
});

test('a rollback that fails is paused and stays so', () => {
  const world = updating(2, { Parallelism: 1, FailureAction: 'rollback' }, { RollbackConfig: { Parallelism: 1, FailureAction: 'rollback' } });
  world.behaviour = () => ({ ...wellBehaved, runMs: 1000 });
  world.updateService('web', withImage('v2'));
  world.run(60_000);
  const { State, Message, CompletedAt } = world.service('web').UpdateStatus ?? {};
  expect({ State, CompletedAt }).toEqual({ State: 'rollback_paused', CompletedAt: undefined });
  expect(Message).toMatch(/^rollback paused due to failure or early termination of task t\d+$/);
});

test.each([
  [1, 'completed'],
  [2, 'paused'],
])('with a ratio of a quarter, %i failures of 4 slots: %s', (failures, state) => {
  const world = updating(4, { Parallelism: 1, MaxFailureRatio: 0.25 });
  const fated = new Set<string>();
  world.behaviour = (task) => {
    if (task.Spec.ContainerSpec?.Image === 'v2' && fated.size < failures) fated.add(task.ID);
    return fated.has(task.ID) ? { ...wellBehaved, end: 'rejected' } : wellBehaved;
  };
  world.updateService('web', withImage('v2'));
  world.run(60_000);
  expect(world.service('web').UpdateStatus?.State).toBe(state);
});

test('failure_action continue goes on to the end', () => {
  const world = updating(2, { Parallelism: 1, FailureAction: 'continue' });
  world.updateService('web', withImage('bad'));
  world.run(30_000);
  expect(world.service('web').UpdateStatus).toMatchObject({ State: 'completed', Message: 'update completed' });
});

test('an end after the monitor time is no failure of the update', () => {
  const world = updating(1, { Monitor: 2 * second });
  world.behaviour = () => ({ ...wellBehaved, runMs: 3000 });
  world.updateService('web', withImage('v2'));
  world.run(2900);
  expect(world.service('web').UpdateStatus?.State).toBe('completed');
  world.run(10_000);
  expect(world.service('web').UpdateStatus?.State).toBe('completed');
});

test('changes that touch no task say nothing and start nothing', () => {
  const world = updating(2, {});
  world.updateService('web', (spec) => ({ ...spec, Labels: { a: 'b' }, UpdateConfig: { Delay: second } }));
  world.run(10_000);
  expect(world.story).toEqual([]);
  expect(world.service('web').UpdateStatus).toBeUndefined();
});

test('a rollback by hand', () => {
  const world = updating(1, {});
  world.updateService('web', withImage('v2'));
  world.run(20_000);
  world.story.length = 0;
  world.rollbackService('web');
  world.run(20_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "80.0 web rollback_started: manually requested rollback",
      "80.0 web.1#2 to shutdown",
      "80.0 web.1#3 created ready v1",
      "80.2 web.1#2 is shutdown",
      "80.2 web.1#3 to running",
      "80.3 web.1#3 is running",
      "85.3 web rollback_completed: rollback completed",
    ]
  `);
});

test('an update in flight goes on when its node is drained', () => {
  const world = updating(2, { Parallelism: 1 });
  world.behaviour = () => ({ ...wellBehaved, startMs: 3000 });
  world.updateService('web', withImage('v2'));
  world.run(1000);
  const fresh = world.tasks('web').find((task) => task.Spec.ContainerSpec?.Image === 'v2');
  world.changeNode(fresh?.NodeID ?? '', { Availability: 'drain' });
  world.run(60_000);
  expect(world.service('web').UpdateStatus?.State).toBe('completed');
  expect(world.running('web').map((task) => task.Spec.ContainerSpec?.Image)).toEqual(['v2', 'v2']);
});

test('start-first: a scale while a failed task is tried again does not forget that it fails', () => {
  const world = updating(2, { Parallelism: 1, Order: 'start-first' }, { TaskTemplate: { ContainerSpec: { Image: 'v1' }, RestartPolicy: { Delay: second } } });
  world.behaviour = (task) => (task.Spec.ContainerSpec?.Image === 'bad' ? { ...wellBehaved, end: 'rejected' } : wellBehaved);
  world.updateService('web', withImage('bad'));
  world.run(20_000);
  expect(world.service('web').UpdateStatus?.State).toBe('paused');
  world.updateService('web', (spec) => ({ ...spec, Labels: { touched: 'yes' } }));
  world.run(20_000);
  expect(world.service('web').UpdateStatus?.State).toBe('paused');
  expect(world.running('web').map((task) => task.Spec.ContainerSpec?.Image)).toEqual(['v1', 'v1']);
});

/** Updates played in virtual time: who starts and stops when, and what UpdateStatus says. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { ServiceSpec, UpdateConfig } from '#model/object/service-spec';
import { expectSettled } from '#test/support/staged-cluster-checks';
import { specOf, wellBehaved, withImage, withReplicas, StagedCluster } from '#test/support/staged-cluster';

function updating(replicas: number, update: UpdateConfig, more: Partial<ServiceSpec> = {}): StagedCluster {
  const cluster = new StagedCluster();
  cluster.check = expectSettled;
  for (const id of ['n1', 'n2', 'n3']) cluster.addNode(id);
  cluster.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: replicas } }, UpdateConfig: update, ...more }));
  cluster.pass(60_000);
  cluster.behaviour = (task) => (task.Spec.ContainerSpec?.Image === 'bad' ? { ...wellBehaved, runMs: 1000 } : wellBehaved);
  cluster.story.length = 0;
  return cluster;
}

test('stop-first, one at a time with a delay', () => {
  const cluster = updating(3, { Parallelism: 1, Delay: 10 * second, Monitor: 5 * second });
  cluster.updateService('web', withImage('v2'));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = updating(3, { Parallelism: 2, Order: 'start-first' });
  cluster.updateService('web', withImage('v2'));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = updating(2, { Parallelism: 0 });
  cluster.updateService('web', withImage('v2'));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = updating(3, { Parallelism: 1 }, { TaskTemplate: { ContainerSpec: { Image: 'v1' }, RestartPolicy: { Delay: 600 * second } } });
  cluster.updateService('web', withImage('bad'));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
      "61.3 web.1#2 to shutdown",
      "61.3 web paused: update paused due to failure or early termination of task web.1#2",
      "61.3 web.1#3 created ready bad",
      "61.6 web.2#2 is failed",
      "61.6 web.2#2 to shutdown",
      "61.6 web.2#3 created ready bad",
      "61.9 web.3#2 is failed",
      "61.9 web.3#2 to shutdown",
      "61.9 web.3#3 created ready bad",
    ]
  `);
  cluster.story.length = 0;
  cluster.updateService('web', withImage('v3'));
  cluster.pass(60_000);
  expect(cluster.service('web').UpdateStatus).toMatchObject({ State: 'completed', Message: 'update completed' });
  expect(cluster.running('web').map((task) => task.Spec.ContainerSpec?.Image)).toEqual(['v3', 'v3', 'v3']);
});

test('a failing task rolls the whole spec back', () => {
  const cluster = updating(3, { Parallelism: 1, FailureAction: 'rollback' });
  cluster.updateService('web', (spec) => withReplicas(4)(withImage('bad')(spec)));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
      "61.3 web.1#2 to shutdown",
      "61.3 web.4#2 to remove",
      "61.3 web rollback_started: update rolled back due to failure or early termination of task web.1#2",
      "61.3 web.1#3 created running v1",
      "61.3 web.4#1 deleted",
      "61.5 web.4#2 deleted",
      "61.5 web.1#3 is running",
      "61.5 web.2#2 to shutdown",
      "61.5 web.2#3 created ready v1",
      "61.7 web.2#2 is shutdown",
      "61.7 web.2#3 to running",
      "61.8 web.2#3 is running",
      "61.8 web.3#2 to shutdown",
      "61.8 web.3#3 created ready v1",
      "62.0 web.3#2 is shutdown",
      "62.0 web.3#3 to running",
      "62.1 web.3#3 is running",
      "67.1 web rollback_completed: rollback completed",
    ]
  `);
  expect(cluster.service('web').PreviousSpec).toBeUndefined();
  expect(cluster.service('web').Spec.Mode).toEqual({ Replicated: { Replicas: 3 } });
});

test('start-first: the old task stays until the rollback has tidied up', () => {
  const cluster = updating(2, { Parallelism: 1, FailureAction: 'rollback', Order: 'start-first' });
  cluster.updateService('web', withImage('bad'));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
      "61.2 web.1#2 to shutdown",
      "61.2 web rollback_started: update rolled back due to failure or early termination of task web.1#2",
      "61.2 web.1#3 created running v1",
      "61.4 web.2#2 is failed",
      "61.4 web.2#2 to shutdown",
      "61.4 web.1#3 is running",
      "61.4 web.2#3 created running v1",
      "61.6 web.2#3 is running",
      "66.6 web rollback_completed: rollback completed",
    ]
  `);
});

test('a rollback that fails is paused and stays so', () => {
  const cluster = updating(2, { Parallelism: 1, FailureAction: 'rollback' }, { RollbackConfig: { Parallelism: 1, FailureAction: 'rollback' } });
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 1000 });
  cluster.updateService('web', withImage('v2'));
  cluster.pass(60_000);
  const { State, Message, CompletedAt } = cluster.service('web').UpdateStatus ?? {};
  expect({ State, CompletedAt }).toEqual({ State: 'rollback_paused', CompletedAt: undefined });
  expect(Message).toMatch(/^rollback paused due to failure or early termination of task t\d+$/);
});

test.each([
  [1, 'completed'],
  [2, 'paused'],
])('with a ratio of a quarter, %i failures of 4 slots: %s', (failures, state) => {
  const cluster = updating(4, { Parallelism: 1, MaxFailureRatio: 0.25 });
  const fated = new Set<string>();
  cluster.behaviour = (task) => {
    if (task.Spec.ContainerSpec?.Image === 'v2' && fated.size < failures) fated.add(task.ID);
    return fated.has(task.ID) ? { ...wellBehaved, end: 'rejected' } : wellBehaved;
  };
  cluster.updateService('web', withImage('v2'));
  cluster.pass(60_000);
  expect(cluster.service('web').UpdateStatus?.State).toBe(state);
});

test('failure_action continue goes on to the end', () => {
  const cluster = updating(2, { Parallelism: 1, FailureAction: 'continue' });
  cluster.updateService('web', withImage('bad'));
  cluster.pass(30_000);
  expect(cluster.service('web').UpdateStatus).toMatchObject({ State: 'completed', Message: 'update completed' });
});

test('an end after the monitor time is no failure of the update', () => {
  const cluster = updating(1, { Monitor: 2 * second });
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 3000 });
  cluster.updateService('web', withImage('v2'));
  cluster.pass(2900);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
  cluster.pass(10_000);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
});

test('changes that touch no task say nothing and start nothing', () => {
  const cluster = updating(2, {});
  cluster.updateService('web', (spec) => ({ ...spec, Labels: { a: 'b' }, UpdateConfig: { Delay: second } }));
  cluster.pass(10_000);
  expect(cluster.story).toEqual([]);
  expect(cluster.service('web').UpdateStatus).toBeUndefined();
});

test('a rollback by hand', () => {
  const cluster = updating(1, {});
  cluster.updateService('web', withImage('v2'));
  cluster.pass(20_000);
  cluster.story.length = 0;
  cluster.rollbackService('web');
  cluster.pass(20_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = updating(2, { Parallelism: 1 });
  cluster.behaviour = () => ({ ...wellBehaved, startMs: 3000 });
  cluster.updateService('web', withImage('v2'));
  cluster.pass(1000);
  const fresh = cluster.tasks('web').find((task) => task.Spec.ContainerSpec?.Image === 'v2');
  cluster.changeNode(fresh?.NodeID ?? '', { Availability: 'drain' });
  cluster.pass(60_000);
  expect(cluster.service('web').UpdateStatus?.State).toBe('completed');
  expect(cluster.running('web').map((task) => task.Spec.ContainerSpec?.Image)).toEqual(['v2', 'v2']);
});

test('start-first: a scale while a failed task is tried again does not forget that it fails', () => {
  const cluster = updating(2, { Parallelism: 1, Order: 'start-first' }, { TaskTemplate: { ContainerSpec: { Image: 'v1' }, RestartPolicy: { Delay: second } } });
  cluster.behaviour = (task) => (task.Spec.ContainerSpec?.Image === 'bad' ? { ...wellBehaved, end: 'rejected' } : wellBehaved);
  cluster.updateService('web', withImage('bad'));
  cluster.pass(20_000);
  expect(cluster.service('web').UpdateStatus?.State).toBe('paused');
  cluster.updateService('web', (spec) => ({ ...spec, Labels: { touched: 'yes' } }));
  cluster.pass(20_000);
  expect(cluster.service('web').UpdateStatus?.State).toBe('paused');
  expect(cluster.running('web').map((task) => task.Spec.ContainerSpec?.Image)).toEqual(['v1', 'v1']);
});

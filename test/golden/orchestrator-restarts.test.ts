/** Restarts, scaling, drains, global services and jobs played in virtual time. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { RestartPolicy, ServiceSpec } from '#model/object/service-spec';
import { expectSettled } from '#test/support/world-checks';
import { specOf, wellBehaved, withReplicas, World } from '#test/support/world';

function worldWith(nodes: number): World {
  const world = new World();
  world.check = expectSettled;
  for (let number = 1; number <= nodes; number++) world.addNode(`n${number}`);
  return world;
}

function running(nodes: number, restart: RestartPolicy, rest: Partial<ServiceSpec> = {}): World {
  const world = worldWith(nodes);
  world.createService(specOf('web', 'v1', { task: { RestartPolicy: restart }, ...rest }));
  world.run(10_000);
  world.story.length = 0;
  return world;
}

test('a task that fails is followed by another after the delay', () => {
  const world = running(1, {});
  world.kill(world.running('web')[0]!);
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 is failed",
      "10.0 web.1#1 to shutdown",
      "10.0 web.1#2 created ready v1",
      "15.0 web.1#2 to running",
      "15.1 web.1#2 is running",
    ]
  `);
});

test('max_attempts is the number of restarts', () => {
  const world = running(1, { Delay: second, MaxAttempts: 2 });
  world.behaviour = () => ({ ...wellBehaved, runMs: 1000 });
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "11.0 web.1#1 is failed",
      "11.0 web.1#1 to shutdown",
      "11.0 web.1#2 created ready v1",
      "12.0 web.1#2 to running",
      "12.1 web.1#2 is running",
      "13.1 web.1#2 is failed",
      "13.1 web.1#2 to shutdown",
      "13.1 web.1#3 created ready v1",
      "14.1 web.1#3 to running",
      "14.2 web.1#3 is running",
      "15.2 web.1#3 is failed",
      "15.2 web.1#3 to shutdown",
    ]
  `);
});

test('with a window only the restarts within it count', () => {
  const world = running(1, { Delay: second, MaxAttempts: 2, Window: 4 * second });
  world.behaviour = () => ({ ...wellBehaved, runMs: 5000 });
  world.run(120_000);
  expect(world.story.filter((line) => line.includes('created')).length).toBeGreaterThan(10);
  world.behaviour = () => ({ ...wellBehaved, runMs: 100 });
  world.run(120_000);
  expect(world.running('web')).toEqual([]);
});

test.each([
  ['none', 'failed', 0],
  ['none', 'complete', 0],
  ['on-failure', 'failed', 1],
  ['on-failure', 'complete', 0],
  ['on-failure', 'rejected', 1],
  ['any', 'complete', 1],
  ['', 'complete', 1],
] as const)('condition %j after %s', (condition, state, followers) => {
  const world = running(1, { Condition: condition });
  world.kill(world.running('web')[0]!, state);
  world.run(20_000);
  expect(world.running('web')).toHaveLength(followers);
  world.updateService('web', withReplicas(1));
  world.run(20_000);
  expect(world.running('web')).toHaveLength(followers);
});

test('the task of a node that is down is replaced after the delay, without waiting for its end', () => {
  const world = running(2, {});
  world.changeNode('n1', {}, 'down');
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 to shutdown",
      "10.0 web.1#2 created ready v1",
      "15.0 web.1#2 to running",
      "15.1 web.1#2 is running",
    ]
  `);
});

test('a drain moves tasks at once, each after its predecessor has stopped', () => {
  const world = running(2, {}, { Mode: { Replicated: { Replicas: 2 } } });
  world.changeNode('n1', { Availability: 'drain' });
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 to shutdown",
      "10.0 web.1#2 created ready v1",
      "10.2 web.1#1 is shutdown",
      "10.2 web.1#2 to running",
      "10.3 web.1#2 is running",
    ]
  `);
});

test('a predecessor that does not stop is waited for a minute from the decision on', () => {
  const world = running(2, {});
  world.behaviour = () => ({ ...wellBehaved, stopMs: 1e9 });
  world.changeNode('n1', { Availability: 'drain' });
  world.run(59_900);
  expect(world.running('web')).toHaveLength(0);
  world.run(300);
  expect(world.running('web')).toHaveLength(1);
});

test('unknown, disconnected and paused nodes keep their tasks', () => {
  const world = running(1, {});
  world.changeNode('n1', { Availability: 'pause' }, 'unknown');
  world.changeNode('n1', {}, 'disconnected');
  world.run(60_000);
  expect(world.story).toEqual([]);
});

test('a node that no longer meets the constraints loses the task', () => {
  const world = worldWith(0);
  world.addNode('n1', { Labels: { zone: 'a' } });
  world.addNode('n2', { Labels: { zone: 'b' } });
  world.createService(specOf('web', 'v1', { task: { Placement: { Constraints: ['node.labels.zone==a'] } } }));
  world.run(10_000);
  world.story.length = 0;
  world.changeNode('n1', { Labels: {} });
  expect(world.tasks('web')[0]?.Status).toMatchObject({
    State: 'rejected',
    Message: 'task rejected by constraint enforcer',
    Err: 'assigned node no longer meets constraints',
  });
  world.changeNode('n2', { Labels: { zone: 'a' } });
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 to shutdown",
      "10.0 web.1#1 is rejected",
      "10.0 web.1#2 created ready v1",
      "15.0 web.1#2 to running",
      "15.1 web.1#2 is running",
    ]
  `);
});

test('a change of constraints is rolled, and leaves the tasks whose node suits', () => {
  const world = worldWith(0);
  world.addNode('n1', { Labels: { zone: 'a' } });
  world.addNode('n2', { Labels: { zone: 'b' } });
  world.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: 4 } } }));
  world.run(10_000);
  world.story.length = 0;
  world.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints: ['node.labels.zone==a'] } } }));
  world.run(60_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web updating: update in progress",
      "10.0 web.2#1 to shutdown",
      "10.0 web.2#2 created ready v1",
      "10.2 web.2#1 is shutdown",
      "10.2 web.2#2 to running",
      "10.3 web.2#2 is running",
      "10.3 web.4#1 to shutdown",
      "10.3 web.4#2 created ready v1",
      "10.5 web.4#1 is shutdown",
      "10.5 web.4#2 to running",
      "10.6 web.4#2 is running",
      "15.6 web completed: update completed",
    ]
  `);
});

test('history keeps five tasks a slot', () => {
  const world = running(1, { Delay: second });
  world.behaviour = () => ({ ...wellBehaved, runMs: 1000 });
  world.run(60_000);
  expect(world.tasks('web')).toHaveLength(5);
});

test('scaling down and up', () => {
  const world = running(2, {}, { Mode: { Replicated: { Replicas: 4 } } });
  world.updateService('web', withReplicas(1));
  world.run(10_000);
  world.updateService('web', withReplicas(3));
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.2#1 to remove",
      "10.0 web.3#1 to remove",
      "10.0 web.4#1 to remove",
      "10.2 web.2#1 is shutdown",
      "10.2 web.3#1 is shutdown",
      "10.2 web.4#1 is shutdown",
      "10.2 web.2#1 deleted",
      "10.2 web.3#1 deleted",
      "10.2 web.4#1 deleted",
      "20.0 web.2#2 created running v1",
      "20.0 web.3#2 created running v1",
      "20.2 web.2#2 is running",
      "20.2 web.3#2 is running",
    ]
  `);
});

test('a removed service takes its tasks along', () => {
  const world = running(2, {}, { Mode: { Replicated: { Replicas: 2 } } });
  world.removeService('web');
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 to remove",
      "10.0 web.2#1 to remove",
      "10.2 web.1#1 is shutdown",
      "10.2 web.2#1 is shutdown",
      "10.2 web.1#1 deleted",
      "10.2 web.2#1 deleted",
    ]
  `);
  expect(world.tasks('web')).toEqual([]);
});

test('a global service follows the nodes', () => {
  const world = running(2, {}, { Mode: { Global: {} } });
  world.addNode('n3');
  world.run(1000);
  world.changeNode('n1', { Availability: 'drain' });
  world.changeNode('n2', {}, 'down');
  world.run(10_000);
  world.changeNode('n1', { Availability: 'active' });
  world.changeNode('n2', {}, 'ready');
  world.run(10_000);
  world.removeNode('n3');
  world.run(10_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "10.0 web.n3#1 created running v1",
      "10.2 web.n3#1 is running",
      "11.0 web.n1#1 to shutdown",
      "11.0 web.n2#1 to shutdown",
      "11.2 web.n1#1 is shutdown",
      "21.0 web.n1#2 created running v1",
      "21.0 web.n2#2 created ready v1",
      "21.2 web.n2#1 is shutdown",
      "21.2 web.n1#2 is running",
      "21.2 web.n2#2 to running",
      "21.3 web.n2#2 is running",
      "31.0 web.n3#1 deleted",
    ]
  `);
});

test('a global service restarts on the same node, and leaves a paused one alone', () => {
  const world = running(2, {}, { Mode: { Global: {} } });
  world.kill(world.running('web').find((task) => task.NodeID === 'n1')!);
  world.run(10_000);
  world.changeNode('n1', { Availability: 'pause' });
  world.kill(world.running('web').find((task) => task.NodeID === 'n1')!);
  world.run(10_000);
  expect(world.running('web').map((task) => task.NodeID)).toEqual(['n2']);
  world.changeNode('n1', { Availability: 'active' });
  world.run(10_000);
  expect(world.running('web').map((task) => task.NodeID).sort()).toEqual(['n1', 'n2']);
});

test('a replicated job runs two at a time until five are complete, and again with its next iteration', () => {
  const world = worldWith(2);
  world.behaviour = () => ({ ...wellBehaved, runMs: 1000, end: 'complete' });
  world.createService(specOf('job', 'v1', { Mode: { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 5 } } }));
  world.run(20_000);
  expect(world.story).toMatchInlineSnapshot(`
    [
      "0.0 job.0#1 created complete v1",
      "0.0 job.1#1 created complete v1",
      "0.2 job.0#1 is running",
      "0.2 job.1#1 is running",
      "1.2 job.0#1 is complete",
      "1.2 job.1#1 is complete",
      "1.2 job.2#1 created complete v1",
      "1.2 job.3#1 created complete v1",
      "1.4 job.2#1 is running",
      "1.4 job.3#1 is running",
      "2.4 job.2#1 is complete",
      "2.4 job.3#1 is complete",
      "2.4 job.4#1 created complete v1",
      "2.6 job.4#1 is running",
      "3.6 job.4#1 is complete",
    ]
  `);
  world.updateService('job', (spec) => spec);
  world.run(20_000);
  const states = world.tasks('job').map((task) => `${task.Slot ?? 0} in ${task.JobIteration?.Index} ${task.Status.State}`);
  expect(states.sort()).toEqual([0, 1, 2, 3, 4].map((slot) => `${slot} in 1 complete`));
});

test('a job that fails is tried again until its attempts are used up, and then stays undone', () => {
  const world = worldWith(1);
  world.behaviour = (task) => ({ ...wellBehaved, runMs: 1000, end: task.Slot === 1 ? 'failed' : 'complete' });
  const policy = { Condition: 'on-failure', Delay: second, MaxAttempts: 2 };
  world.createService(specOf('job', 'v1', { Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 3 } }, task: { RestartPolicy: policy } }));
  world.run(60_000);
  const states = world.tasks('job').map((task) => `${task.Slot ?? 0} ${task.Status.State}`);
  expect(states.sort()).toEqual(['0 complete', '1 failed', '1 failed', '1 failed', '2 complete']);
});

test('a global job runs once on every node, also on one that joins later', () => {
  const world = worldWith(2);
  world.behaviour = () => ({ ...wellBehaved, runMs: 1000, end: 'complete' });
  world.createService(specOf('job', 'v1', { Mode: { GlobalJob: {} } }));
  world.run(10_000);
  world.changeNode('n1', { Availability: 'drain' });
  world.changeNode('n1', { Availability: 'active' });
  world.addNode('n3');
  world.run(10_000);
  const states = world.tasks('job').map((task) => `${task.NodeID} ${task.Status.State}`);
  expect(states.sort()).toEqual(['n1 complete', 'n2 complete', 'n3 complete']);
});

/** Restarts, scaling, global services and jobs played in virtual time. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { RestartPolicy, ServiceSpec } from '#model/object/service-spec';
import { expectSettled } from '#test/support/staged-cluster-checks';
import { specOf, wellBehaved, withReplicas, StagedCluster } from '#test/support/staged-cluster';

function clusterWith(nodes: number): StagedCluster {
  const cluster = new StagedCluster();
  cluster.check = expectSettled;
  for (let number = 1; number <= nodes; number++) cluster.addNode(`n${number}`);
  return cluster;
}

function running(nodes: number, restart: RestartPolicy, rest: Partial<ServiceSpec> = {}): StagedCluster {
  const cluster = clusterWith(nodes);
  cluster.createService(specOf('web', 'v1', { task: { RestartPolicy: restart }, ...rest }));
  cluster.pass(10_000);
  cluster.story.length = 0;
  return cluster;
}

test('a task that fails is followed by another after the delay', () => {
  const cluster = running(1, {});
  cluster.kill(cluster.running('web')[0]!);
  cluster.pass(10_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = running(1, { Delay: second, MaxAttempts: 2 });
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 1000 });
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = running(1, { Delay: second, MaxAttempts: 2, Window: 4 * second });
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 5000 });
  cluster.pass(120_000);
  expect(cluster.story.filter((line) => line.includes('created')).length).toBeGreaterThan(10);
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 100 });
  cluster.pass(120_000);
  expect(cluster.running('web')).toEqual([]);
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
  const cluster = running(1, { Condition: condition });
  cluster.kill(cluster.running('web')[0]!, state);
  cluster.pass(20_000);
  expect(cluster.running('web')).toHaveLength(followers);
  cluster.updateService('web', withReplicas(1));
  cluster.pass(20_000);
  expect(cluster.running('web')).toHaveLength(followers);
});

test('the task of a node that is down is replaced at once, without waiting for its end', () => {
  const cluster = running(2, {});
  cluster.changeNode('n1', {}, 'down');
  cluster.pass(10_000);
  expect(cluster.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 to shutdown",
      "10.0 web.1#2 created running v1",
      "10.2 web.1#2 is running",
    ]
  `);
});

test('unknown, disconnected and paused nodes keep their tasks', () => {
  const cluster = running(1, {});
  cluster.changeNode('n1', { Availability: 'pause' }, 'unknown');
  cluster.changeNode('n1', {}, 'disconnected');
  cluster.pass(60_000);
  expect(cluster.story).toEqual([]);
});

test('a node that no longer meets the constraints loses the task', () => {
  const cluster = clusterWith(0);
  cluster.addNode('n1', { Labels: { zone: 'a' } });
  cluster.addNode('n2', { Labels: { zone: 'b' } });
  cluster.createService(specOf('web', 'v1', { task: { Placement: { Constraints: ['node.labels.zone==a'] } } }));
  cluster.pass(10_000);
  cluster.story.length = 0;
  cluster.changeNode('n1', { Labels: {} });
  expect(cluster.tasks('web')[0]?.Status).toMatchObject({
    State: 'rejected',
    Message: 'task rejected by constraint enforcer',
    Err: 'assigned node no longer meets constraints',
  });
  cluster.changeNode('n2', { Labels: { zone: 'a' } });
  cluster.pass(10_000);
  expect(cluster.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 is rejected",
      "10.0 web.1#1 to shutdown",
      "10.0 web.1#2 created ready v1",
      "15.0 web.1#2 to running",
      "15.1 web.1#2 is running",
    ]
  `);
});

test('a change of constraints is rolled, and leaves the tasks whose node suits', () => {
  const cluster = clusterWith(0);
  cluster.addNode('n1', { Labels: { zone: 'a' } });
  cluster.addNode('n2', { Labels: { zone: 'b' } });
  cluster.createService(specOf('web', 'v1', { Mode: { Replicated: { Replicas: 4 } } }));
  cluster.pass(10_000);
  cluster.story.length = 0;
  cluster.updateService('web', (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Constraints: ['node.labels.zone==a'] } } }));
  cluster.pass(60_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = running(1, { Delay: second });
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 1000 });
  cluster.pass(60_000);
  expect(cluster.tasks('web')).toHaveLength(5);
});

test('scaling down and up', () => {
  const cluster = running(2, {}, { Mode: { Replicated: { Replicas: 4 } } });
  cluster.updateService('web', withReplicas(1));
  cluster.pass(10_000);
  cluster.updateService('web', withReplicas(3));
  cluster.pass(10_000);
  expect(cluster.story).toMatchInlineSnapshot(`
    [
      "10.0 web.2#1 to remove",
      "10.0 web.3#1 to remove",
      "10.0 web.4#1 to remove",
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
  const cluster = running(2, {}, { Mode: { Replicated: { Replicas: 2 } } });
  cluster.removeService('web');
  cluster.pass(10_000);
  expect(cluster.story).toMatchInlineSnapshot(`
    [
      "10.0 web.1#1 to remove",
      "10.0 web.2#1 to remove",
      "10.2 web.1#1 deleted",
      "10.2 web.2#1 deleted",
    ]
  `);
  expect(cluster.tasks('web')).toEqual([]);
});

test('a global service follows the nodes', () => {
  const cluster = running(2, {}, { Mode: { Global: {} } });
  cluster.addNode('n3');
  cluster.pass(1000);
  cluster.changeNode('n1', { Availability: 'drain' });
  cluster.changeNode('n2', {}, 'down');
  cluster.pass(10_000);
  cluster.changeNode('n1', { Availability: 'active' });
  cluster.changeNode('n2', {}, 'ready');
  cluster.pass(10_000);
  cluster.removeNode('n3');
  cluster.pass(10_000);
  expect(cluster.story).toMatchInlineSnapshot(`
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
  const cluster = running(2, {}, { Mode: { Global: {} } });
  cluster.kill(cluster.running('web').find((task) => task.NodeID === 'n1')!);
  cluster.pass(10_000);
  cluster.changeNode('n1', { Availability: 'pause' });
  cluster.kill(cluster.running('web').find((task) => task.NodeID === 'n1')!);
  cluster.pass(10_000);
  expect(cluster.running('web').map((task) => task.NodeID)).toEqual(['n2']);
  cluster.changeNode('n1', { Availability: 'active' });
  cluster.pass(10_000);
  expect(cluster.running('web').map((task) => task.NodeID).sort()).toEqual(['n1', 'n2']);
});

test('a replicated job runs two at a time until five are complete, and again with its next iteration', () => {
  const cluster = clusterWith(2);
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 1000, end: 'complete' });
  cluster.createService(specOf('job', 'v1', { Mode: { ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 5 } } }));
  cluster.pass(20_000);
  expect(cluster.story).toMatchInlineSnapshot(`
    [
      "0.0 job.n1#1 created complete v1",
      "0.0 job.1#1 created complete v1",
      "0.2 job.n1#1 is running",
      "0.2 job.1#1 is running",
      "1.2 job.n1#1 is complete",
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
  cluster.updateService('job', (spec) => spec);
  cluster.pass(20_000);
  const states = cluster.tasks('job').map((task) => `${task.Slot ?? 0} in ${task.JobIteration?.Index} ${task.Status.State}`);
  expect(states.sort()).toEqual([0, 1, 2, 3, 4].flatMap((slot) => [`${slot} in 0 complete`, `${slot} in 1 complete`]));
});

test('a job that fails is tried again until its attempts are used up, and then stays undone', () => {
  const cluster = clusterWith(1);
  cluster.behaviour = (task) => ({ ...wellBehaved, runMs: 1000, end: task.Slot === 1 ? 'failed' : 'complete' });
  const policy = { Condition: 'on-failure', Delay: second, MaxAttempts: 2 };
  cluster.createService(specOf('job', 'v1', { Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 3 } }, task: { RestartPolicy: policy } }));
  cluster.pass(60_000);
  const states = cluster.tasks('job').map((task) => `${task.Slot ?? 0} ${task.Status.State}`);
  expect(states.sort()).toEqual(['0 complete', '1 failed', '1 failed', '1 failed', '2 complete']);
});

test('a global job runs once on every node, also on one that joins later', () => {
  const cluster = clusterWith(2);
  cluster.behaviour = () => ({ ...wellBehaved, runMs: 1000, end: 'complete' });
  cluster.createService(specOf('job', 'v1', { Mode: { GlobalJob: {} } }));
  cluster.pass(10_000);
  cluster.changeNode('n1', { Availability: 'drain' });
  cluster.changeNode('n1', { Availability: 'active' });
  cluster.addNode('n3');
  cluster.pass(10_000);
  const states = cluster.tasks('job').map((task) => `${task.NodeID} ${task.Status.State}`);
  expect(states.sort()).toEqual(['n1 complete', 'n2 complete', 'n3 complete']);
});

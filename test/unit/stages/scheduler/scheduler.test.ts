import { expect, test } from 'vitest';
import type { Task } from '#model/object/task';
import { remove, update } from '#store/action';
import { schedule } from '#stages/scheduler/scheduler';
import { aNode, aTask, runStage, startTime, storeOf } from '#test/support/cluster-objects';

const unlabelled = { Spec: { Placement: { Constraints: ['node.labels.disk==ssd'] } } };

function placesOf(store: ReturnType<typeof storeOf>): Record<string, string> {
  return Object.fromEntries([...store.list('task')].map((task) => [task.ID, task.NodeID]));
}

test('a pending task gets a node, and a second run does nothing', () => {
  const store = storeOf({ node: [aNode('n1')], task: [aTask('t', 'pending')] });
  runStage(store, schedule);
  expect(store.get('task', 't')).toMatchObject({ NodeID: 'n1', Status: { State: 'assigned', Message: 'scheduler assigned task to node' } });
  expect(runStage(store, schedule)).toEqual([]);
});

test.each<[string, Partial<Task>]>([
  ['new', { Status: { Timestamp: '', State: 'new', Message: '' } }],
  ['to be removed', { DesiredState: 'remove' }],
  ['running', { Status: { Timestamp: '', State: 'running', Message: '' }, NodeID: 'n1' }],
])('a task that is %s is left alone', (_, change) => {
  const store = storeOf({ node: [aNode('n1')], task: [aTask('t', 'pending', change)] });
  expect(runStage(store, schedule)).toEqual([]);
});

test('a task that never had a node and is not wanted any more ends', () => {
  const store = storeOf({ node: [aNode('n1')], task: [aTask('t', 'pending', { DesiredState: 'shutdown' }), aTask('u', 'new', { DesiredState: 'shutdown' })] });
  runStage(store, schedule);
  for (const id of ['t', 'u']) expect(store.get('task', id)).toMatchObject({ NodeID: '', Status: { State: 'shutdown' } });
});

test('why there is no node is written once, and the task is placed when there is one, though its service moved on', () => {
  const store = storeOf({ node: [aNode('n1')], task: [aTask('t', 'pending', unlabelled)] });
  runStage(store, schedule);
  const Err = 'no suitable node (scheduling constraints not satisfied on 1 node)';
  expect(store.get('task', 't')?.Status).toMatchObject({ State: 'pending', Err });
  expect(runStage(store, schedule)).toEqual([]);
  const node = store.get('node', 'n1')!;
  store.apply(5, { actions: [update('node', { ...node, Spec: { ...node.Spec, Labels: { disk: 'ssd' } } })], now: startTime });
  runStage(store, schedule);
  expect(store.get('task', 't')).toMatchObject({ NodeID: 'n1', Status: { State: 'assigned' } });
  expect(store.get('task', 't')?.Status).not.toHaveProperty('Err');
});

test('without any node there is nothing to explain', () => {
  const store = storeOf({ task: [aTask('t', 'pending')] });
  runStage(store, schedule);
  expect(store.get('task', 't')?.Status.Err).toBe('no suitable node');
});

test('tasks of a group spread, and those that find no room say why', () => {
  const half = { Spec: { Resources: { Reservations: { NanoCPUs: 2e9 } } } };
  const tasks = ['t1', 't2', 't3', 't4', 't5'].map((id) => aTask(id, 'pending', half));
  const store = storeOf({ node: [aNode('n1'), aNode('n2'), aNode('n3', { Spec: { Role: 'worker', Availability: 'drain' } })], task: tasks });
  runStage(store, schedule);
  expect(placesOf(store)).toEqual({ t1: 'n1', t2: 'n2', t3: 'n1', t4: 'n2', t5: '' });
  expect(store.get('task', 't5')?.Status.Err).toBe('no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)');
});

test("groups of one run see each other's tasks", () => {
  const ports = { ...aTask('x', 'new').Shoal, Ports: [{ TargetPort: 80, PublishedPort: 80, PublishMode: 'host' as const }] };
  const store = storeOf({
    node: [aNode('n1'), aNode('n2')],
    task: [
      aTask('a', 'pending', { ServiceID: 'a', Shoal: ports }),
      aTask('b', 'pending', { ServiceID: 'b', Shoal: ports }),
      aTask('c', 'pending', { ServiceID: 'c', Shoal: ports }),
    ],
  });
  runStage(store, schedule);
  expect(placesOf(store)).toEqual({ a: 'n1', b: 'n2', c: '' });
  expect(store.get('task', 'c')?.Status.Err).toBe('no suitable node (host-mode port already in use on 2 nodes)');
});

test('a preassigned task is confirmed, or says why its node will not do', () => {
  const store = storeOf({
    node: [aNode('n1'), aNode('n2')],
    task: [aTask('good', 'pending', { NodeID: 'n2' }), aTask('bad', 'pending', { NodeID: 'n1', ...unlabelled }), aTask('lost', 'pending', { NodeID: 'gone' })],
  });
  runStage(store, schedule);
  expect(store.get('task', 'good')).toMatchObject({
    NodeID: 'n2',
    Status: { State: 'assigned', Message: 'scheduler confirmed task can run on preassigned node' },
  });
  expect(store.get('task', 'bad')?.Status).toMatchObject({ State: 'pending', Err: 'scheduling constraints not satisfied on 1 node' });
  expect(store.get('task', 'lost')?.Status).toMatchObject({ State: 'pending' });
  expect(runStage(store, schedule)).toEqual([]);
});

test('named resources are claimed, and given again when the task has ended', () => {
  const gpus = ['g1', 'g2'].map((Value) => ({ NamedResourceSpec: { Kind: 'gpu', Value } }));
  const node = aNode('n1');
  const wants = { Spec: { Resources: { Reservations: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }] } } } };
  const store = storeOf({
    node: [{ ...node, Description: { ...node.Description!, Resources: { GenericResources: gpus } } }],
    task: ['a', 'b', 'c'].map((id) => aTask(id, 'pending', wants)),
  });
  runStage(store, schedule);
  expect([...store.list('task')].map((task) => task.GenericResources)).toEqual([[gpus[0]], [gpus[1]], undefined]);
  const first = store.get('task', 'a')!;
  store.apply(6, { actions: [update('task', { ...first, Status: { ...first.Status, State: 'failed' } })], now: startTime });
  runStage(store, schedule);
  expect(store.get('task', 'c')).toMatchObject({ NodeID: 'n1', GenericResources: [gpus[0]] });
});

test('a node where the tasks keep failing is left, and tried again after five minutes', () => {
  const failures = ['f1', 'f2', 'f3', 'f4'].map((id) => aTask(id, 'failed', { NodeID: 'n1', DesiredState: 'shutdown' }));
  const busy = ['o1', 'o2', 'o3'].map((id) => aTask(id, 'running', { NodeID: 'n2', ServiceID: 'other' }));
  const store = storeOf({ node: [aNode('n1'), aNode('n2')], task: [...failures, ...busy, aTask('t', 'pending')] });
  runStage(store, schedule, startTime + 1000);
  expect(store.get('task', 't')?.NodeID).toBe('n2');
  store.apply(9, { actions: [remove('task', 't'), { type: 'create', kind: 'task', object: aTask('u', 'pending') }], now: startTime });
  runStage(store, schedule, startTime + 301_000);
  expect(store.get('task', 'u')?.NodeID).toBe('n1');
});

import { expect, test } from 'vitest';
import { update } from '#store/action';
import { orphanTasks } from '#stages/dispatcher/orphans';
import { aNode, aTask, contextAt, runStage, startTime, storeOf } from '#test/support/cluster-objects';

const day = 24 * 60 * 60 * 1000;

function downNode() {
  return storeOf({
    node: [aNode('n1', { Status: { State: 'down', Addr: '' } }), aNode('n2')],
    task: [aTask('a', 'running', { NodeID: 'n1' }), aTask('b', 'failed', { NodeID: 'n1' }), aTask('c', 'running', { NodeID: 'n2' })],
  });
}

test('tasks of a node that is down for a day are orphaned; before that the stage asks to be called then', () => {
  const store = downNode();
  runStage(store, orphanTasks);
  expect(store.get('node', 'n1')?.Shoal).toEqual({ DownSince: startTime });
  expect(orphanTasks(store, contextAt(startTime + day - 1))).toEqual({
    actions: [],
    wakes: [
      { kind: 'node', id: 'n1', at: startTime + day },
      { kind: 'node', id: 'n2' },
    ],
  });
  runStage(store, orphanTasks, startTime + day);
  expect([...store.list('task')].map((task) => task.Status.State)).toEqual(['orphaned', 'failed', 'running']);
  expect(store.get('task', 'a')?.Status.Shoal?.AppliedAt).toBe(startTime + day);
  expect(orphanTasks(store, contextAt(startTime + day)).actions).toEqual([]);
});

test('another write of the node does not start the time anew, and coming back ends it', () => {
  const store = downNode();
  runStage(store, orphanTasks);
  const write = (change: object): unknown =>
    store.apply(store.index + 1, { actions: [update('node', { ...store.get('node', 'n1')!, ...change })], now: startTime + day / 2 });
  write({ Spec: { Role: 'worker', Availability: 'active', Labels: { a: 'b' } } });
  expect(orphanTasks(store, contextAt(startTime + day / 2)).wakes).toContainEqual({ kind: 'node', id: 'n1', at: startTime + day });
  write({ Status: { State: 'ready', Addr: '' } });
  runStage(store, orphanTasks, startTime + day);
  expect(store.get('node', 'n1')?.Shoal).toEqual({});
  expect(store.get('task', 'a')?.Status.State).toBe('running');
});

test('a clock that was set back makes it a day from now at most', () => {
  const store = downNode();
  runStage(store, orphanTasks);
  runStage(store, orphanTasks, startTime - day);
  expect(store.get('node', 'n1')?.Shoal).toEqual({ DownSince: startTime - day });
});

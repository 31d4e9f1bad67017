import { expect, test } from 'vitest';
import { orphanTasks } from '#stages/dispatcher/orphans';
import { aNode, aTask, contextAt, runStage, startTime, storeOf } from '#test/support/cluster-objects';

const day = 24 * 60 * 60 * 1000;

test('tasks of a node that is down for a day are orphaned; before that the stage asks to be called then', () => {
  const store = storeOf({
    node: [aNode('n1', { Status: { State: 'down', Addr: '' } }), aNode('n2')],
    task: [aTask('a', 'running', { NodeID: 'n1' }), aTask('b', 'failed', { NodeID: 'n1' }), aTask('c', 'running', { NodeID: 'n2' })],
  });
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

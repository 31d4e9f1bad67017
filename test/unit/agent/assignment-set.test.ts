/** Messages that build up a node's assignments. */
import { expect, test } from 'vitest';
import { AssignmentSet } from '#agent/assignment-set';
import type { AssignmentChange } from '#model/assignment';
import type { Task } from '#model/task';
import { makeNetwork, makeSecret, makeTask } from '#test/support/worker';

const task = (id: string, changes: Partial<Task> = {}): AssignmentChange => ({ action: 'update', kind: 'task', item: makeTask(id, {}, changes) });
const secret: AssignmentChange = { action: 'update', kind: 'secret', item: makeSecret('s1', 'k', 'x') };
const network: AssignmentChange = { action: 'update', kind: 'network', item: { Network: makeNetwork('n1', 'x', '10.0.0.0/24'), Gateway: '10.0.0.1' } };

function filled(): AssignmentSet {
  const set = new AssignmentSet();
  set.apply({ type: 'complete', appliesTo: 0, resultsIn: 5, changes: [secret, network, task('t1'), task('t2')] });
  return set;
}

test('a complete set replaces all, and tells who came and went', () => {
  const set = filled();
  const touched = set.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [task('t2'), task('t3')] });
  expect([...touched.tasks].toSorted()).toEqual(['t1', 't2', 't3']);
  expect([...set.tasks.keys(), set.secrets.size, set.networks.size]).toEqual(['t2', 't3', 0, 0]);
  expect([...set.departed.keys()]).toEqual(['t1']);
});

test('increments follow on one another', () => {
  const set = filled();
  expect(set.apply({ type: 'incremental', appliesTo: 5, resultsIn: 6, changes: [{ action: 'remove', kind: 'task', id: 't1' }] })).toEqual({
    tasks: new Set(['t1']),
    network: false,
  });
  expect(set.apply({ type: 'incremental', appliesTo: 6, resultsIn: 7, changes: [{ action: 'remove', kind: 'network', id: 'n1' }] }).network).toBe(true);
  expect([set.departed.has('t1'), set.tasks.has('t1'), set.networks.size]).toEqual([true, false, 0]);
  expect(() => set.apply({ type: 'incremental', appliesTo: 6, resultsIn: 7, changes: [] })).toThrow(/apply to 6, the last ones resulted in 7/);
});

test('what is wanted never goes back', () => {
  const set = filled();
  set.apply({ type: 'incremental', appliesTo: 5, resultsIn: 6, changes: [task('t1', { DesiredState: 'shutdown' })] });
  set.apply({ type: 'incremental', appliesTo: 6, resultsIn: 7, changes: [task('t1')] });
  set.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [task('t1')] });
  expect(set.tasks.get('t1')?.DesiredState).toBe('shutdown');
});

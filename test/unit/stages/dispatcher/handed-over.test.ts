/** What the dispatcher hands to nodes: a task, with what it holds, is its own node's alone, and nothing is taken back that was never given. */
import { expect, test } from 'vitest';
import type { AssignmentUpdate } from '#model/object/assignment';
import { Counts } from '#stages/dispatcher/audience';
import { Deliveries, type Audience } from '#stages/dispatcher/deliveries';
import { makeTask } from '#test/support/worker';

const task: AssignmentUpdate = { action: 'update', kind: 'task', item: { ...makeTask('t1'), NodeID: 'n1' } };

test.each<[string, Audience]>([
  ['all nodes', 'all'],
  ['another node', new Set(['n2'])],
  ['its node and another', new Set(['n1', 'n2'])],
])('a task is not told to %s', (_whom, audience) => {
  expect(() => new Deliveries().add(task, audience)).toThrow('task t1 would be told to others than its node');
});

test('a task is told to its node', () => {
  const deliveries = new Deliveries();
  deliveries.add(task, new Set(['n1']));
  expect(deliveries.all().map(({ changes }) => changes)).toEqual([[task]]);
});

test('what was never given is not taken back', () => {
  const counts = new Counts<string, string>();
  counts.add('a', 'x');
  expect(counts.take('a', 'x')).toBe(true);
  expect(() => counts.take('a', 'x')).toThrow('x is taken from a, which does not have it');
});

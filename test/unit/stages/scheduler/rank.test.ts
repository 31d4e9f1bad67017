import { expect, test } from 'vitest';
import { Candidate } from '#stages/scheduler/candidate';
import { betterFor, failureLimitFor, groupOf, isRecentFailure } from '#stages/scheduler/rank';
import { aNode, aTask, startTime } from '#test/support/cluster-objects';

/** A node with so many tasks of the service, of others, and failures. */
function candidate(id: string, own: number, others: number, failures: number): Candidate {
  const result = new Candidate(aNode(id));
  for (let i = 0; i < own + others; i++) result.add(aTask(`${id}${i}`, 'running', { ServiceID: i < own ? 'web' : 'other' }));
  for (let i = 0; i < failures; i++) result.addFailure(groupOf(aTask('t', 'failed')));
  return result;
}

type Counts = [own: number, others: number, failures: number];

test.each<[string, Counts, Counts]>([
  ['fewer tasks of the service', [1, 9, 0], [2, 0, 0]],
  ['then fewer tasks', [1, 1, 0], [1, 2, 0]],
  ['fewer failures where one has five', [9, 9, 4], [0, 0, 5]],
  ['fewer failures where both have many', [9, 9, 5], [0, 0, 6]],
  ['few failures do not outweigh tasks', [0, 0, 4], [1, 0, 0]],
  ['few failures break a tie', [1, 1, 0], [1, 1, 1]],
])('the better node has %s', (_, better, worse) => {
  const isBetter = betterFor(aTask('t', 'pending'), 5);
  // The worse one has the lower id, so that it is not the id that decides.
  const [good, bad] = [candidate('b', ...better), candidate('a', ...worse)];
  expect([isBetter(good, bad), isBetter(bad, good)]).toEqual([true, false]);
});

test('nodes that are alike go by id', () => {
  const isBetter = betterFor(aTask('t', 'pending'), 5);
  expect([isBetter(candidate('a', 1, 1, 0), candidate('b', 1, 1, 0)), isBetter(candidate('b', 1, 1, 0), candidate('a', 1, 1, 0))]).toEqual([true, false]);
});

test.each([
  ['a failure just now', 'failed', 0, true],
  ['a rejection four minutes ago', 'rejected', 240_000, true],
  ['a failure five minutes ago', 'failed', 300_000, false],
  ['an orphan', 'orphaned', 0, false],
  ['a success', 'complete', 0, false],
] as const)('%s', (_, state, ageMs, recent) => {
  expect(isRecentFailure(aTask('t', state, { NodeID: 'n' }), startTime + ageMs)).toBe(recent);
});

test("the leader's time of a failure goes before the node's", () => {
  const task = aTask('t', 'failed', { NodeID: 'n' });
  const late = { ...task, Status: { ...task.Status, Shoal: { AppliedAt: startTime + 250_000 } } };
  expect(isRecentFailure(late, startTime + 400_000)).toBe(true);
});

test.each([
  [5, 4],
  [10, 5],
  [-1, 5],
  [2, 1],
  [0, 1],
])('with a history of %i tasks %i failures are many', (history, limit) => {
  expect(failureLimitFor(history)).toBe(limit);
});

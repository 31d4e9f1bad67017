import { expect, test } from 'vitest';
import { compareStates, isFailure, isTerminal, type TaskState } from '#model/object/task-state';

const inOrder: readonly TaskState[] = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
];

test('states are in the order of a life', () => {
  const shuffled = inOrder.toReversed().toSorted(compareStates);
  expect(shuffled).toEqual(inOrder);
});

test('what ended, and what ended badly', () => {
  expect(inOrder.filter(isTerminal)).toEqual(['complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned']);
  expect(inOrder.filter(isFailure)).toEqual(['failed', 'rejected', 'orphaned']);
});

import { expect, test } from 'vitest';
import { placedError } from '#reconciler/rendered';

test('of a refusal that holds a whole line of a file as much is told as people read', () => {
  const stack = { Name: 'web', Path: 'stacks/web', Commit: 'c', errors: [] };
  expect(placedError(stack, 'x'.repeat(1_000_000))).toBe(`stacks/web: ${'x'.repeat(1000)}…`);
  expect(placedError(stack, 'short')).toBe('stacks/web: short');
});

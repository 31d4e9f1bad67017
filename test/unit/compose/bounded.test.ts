/** What variables may put into a file, and how often they may be asked for. */
import { expect, test } from 'vitest';
import { bounded } from '#compose/variables/bounded';

function answered(value: string | undefined, most: number): number {
  const lookup = bounded(() => value);
  for (let count = 0; count < most; count++) {
    try {
      lookup('A');
    } catch (error) {
      expect((error as Error).message).toContain('variables put more than 4194304 characters');
      return count;
    }
  }
  return most;
}

test('variables are bounded by what they put in, and those that hold little or nothing by their number', () => {
  expect(answered('x'.repeat(1024 * 1024), 100)).toBe(4);
  for (const value of [undefined, '', 'x']) expect(answered(value, 1_000_000)).toBe(262_144);
});

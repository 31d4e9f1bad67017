import { expect, test } from 'vitest';
import { shownName } from '#base/text/shown-name';

test('what a name may do to a terminal is taken from it, and its length has an end', () => {
  expect(shownName('\u001b[31mana\nroot\u009b ')).toBe('[31mana root');
  expect(shownName('a'.repeat(5000))).toHaveLength(200);
});

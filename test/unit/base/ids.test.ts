import { expect, test } from 'vitest';
import { newId } from '#base/ids';
import { seededRandom } from '#base/random';

test('an id has 25 characters of base 36 and does not repeat', () => {
  const random = seededRandom(1);
  const ids = Array.from({ length: 1000 }, () => newId(random));
  for (const id of ids) expect(id).toMatch(/^[0-9a-z]{25}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

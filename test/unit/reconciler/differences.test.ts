import { expect, test } from 'vitest';
import { differences } from '#reconciler/differences';

test.each([
  [{ a: 1 }, { a: 1 }, []],
  [{ a: { b: 1 }, c: 2 }, { a: { b: 3 }, c: 2 }, ['a.b: 1 → 3']],
  [{}, { Image: 'x' }, ['Image: nothing → "x"']],
  [{ List: [1] }, { List: [1, 2] }, ['List: [1] → [1,2]']],
  [{ C: { Env: ['A=secret', 'B=1'] } }, { C: { Env: ['A=other', 'B=1', 'N=2'] } }, ['C.Env: A, N']],
])('%o against %o', (live, wanted, lines) => expect(differences(live, wanted)).toEqual(lines));

test('long values and long lists are cut', () => {
  const [line = ''] = differences({ a: 'x'.repeat(500) }, { a: 'y' });
  expect(line.length).toBeLessThan(100);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index]));
  expect(differences({}, many).at(-1)).toBe('and 30 more');
});

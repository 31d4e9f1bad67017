import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal } from '#base/equal';

test.each([
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: undefined }, {}, true],
  [{ a: null }, {}, false],
  [{ a: [] }, { a: {} }, false],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2 }] } }, true],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 3 }] } }, false],
  [NaN, NaN, true],
  ['1', 1, false],
  [null, undefined, false],
])('equal(%j, %j) is %s', (a, b, expected) => {
  expect(equal(a, b)).toBe(expected);
  expect(equal(b, a)).toBe(expected);
});

test('a copy is equal, and two values are equal when their JSON in key order is', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(equal(value, structuredClone(value))).toBe(true);
    }),
    { seed: 13 },
  );
});

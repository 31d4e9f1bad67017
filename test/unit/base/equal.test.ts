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

test('a key is what the value itself has: what every object has under a name is none', () => {
  const key = fc.constantFrom('constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__', 'a');
  const value = fc.dictionary(key, fc.constantFrom('x', 'y'), { noNullPrototype: true });
  const text = (of: Readonly<Record<string, string>>): string => JSON.stringify(Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(equal(a, b)).toBe(text(a) === text(b));
    }),
    { seed: 14 },
  );
});

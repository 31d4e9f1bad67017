import { expect, test } from 'vitest';
import { Repetition } from '#base/pace/repetition';

test('each kind is told once in a while, with how often it was left out', () => {
  const repetition = new Repetition(1000);
  expect(repetition.tell('a', 0)).toBe(0);
  expect(repetition.tell('a', 1)).toBeUndefined();
  expect(repetition.tell('b', 2)).toBe(0);
  expect(repetition.tell('a', 999)).toBeUndefined();
  expect(repetition.tell('a', 1000)).toBe(2);
  expect(repetition.tell('a', 2000)).toBe(0);
});

test('however many kinds come, it remembers a bounded number: the latest', () => {
  const repetition = new Repetition(1000);
  for (let kind = 0; kind < 5000; kind++) expect(repetition.tell(String(kind), 0)).toBe(0);
  expect(repetition.tell('4999', 1)).toBeUndefined();
  expect(repetition.tell('0', 1)).toBe(0);
});

import { expect, test } from 'vitest';
import { RateLimit } from '#base/pace/rate-limit';

test('so often within the while, each key by itself, and then again', () => {
  const limit = new RateLimit(2, 1000);
  limit.count('a', 0);
  expect(limit.waitMs('a', 0)).toBe(0);
  limit.count('a', 400);
  expect([limit.waitMs('a', 400), limit.waitMs('a', 999), limit.waitMs('a', 1000), limit.waitMs('b', 400)]).toEqual([600, 1, 0, 0]);
  limit.count('a', 1000);
  expect(limit.waitMs('a', 1000)).toBe(0);
});

test('it remembers no more than so many keys, the latest', () => {
  const limit = new RateLimit(1, 1000);
  for (let i = 0; i <= 10_000; i++) limit.count(`key ${i}`, 0);
  expect([limit.waitMs('key 0', 0), limit.waitMs('key 1', 0), limit.waitMs('key 10000', 0)]).toEqual([0, 1000, 1000]);
});

test('a clock that was set back begins a new while', () => {
  const limit = new RateLimit(1, 1000);
  limit.count('a', 5000);
  limit.count('a', 0);
  expect(limit.waitMs('a', 0)).toBe(1000);
});

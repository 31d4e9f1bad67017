import { expect, test } from 'vitest';
import { Deadlines } from '#manager/deadlines';

test('the earliest comes first, and the last word on each counts', () => {
  const deadlines = new Deadlines();
  deadlines.set({ kind: 'service', id: 'a', at: 30 });
  deadlines.set({ kind: 'node', id: 'a', at: 20 });
  deadlines.set({ kind: 'service', id: 'b', at: 10 });
  expect(deadlines.next()).toBe(10);
  deadlines.set({ kind: 'service', id: 'b', at: 40 });
  deadlines.set({ kind: 'node', id: 'a' });
  expect(deadlines.next()).toBe(30);
  expect(deadlines.take(30)).toEqual([{ kind: 'service', id: 'a', at: 30 }]);
  expect(deadlines.take(39)).toEqual([]);
  expect(deadlines.take(100)).toEqual([{ kind: 'service', id: 'b', at: 40 }]);
  expect(deadlines.next()).toBeUndefined();
});

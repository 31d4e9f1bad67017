import { expect, test } from 'vitest';
import { arrivalsMs, Pacing } from '#rpc/admission/pacing';

function setUp(count: number) {
  let now = 0;
  const soon: (() => void)[] = [];
  const clock = { monotonicNow: () => now, soon: (run: () => void) => void soon.push(run) };
  const pacing = new Pacing(clock);
  const read = new Set<number>();
  const holds = new Map<number, number>();
  const leave = Array.from({ length: count }, (_, at) => {
    read.add(at);
    const change = (by: number): void => {
      const next = (holds.get(at) ?? 0) + by;
      holds.set(at, next);
      if (next === 0) read.add(at);
      else read.delete(at);
    };
    return pacing.add({ hold: () => change(1), release: () => change(-1) });
  });
  /** One after the other says something, each so many ms of work, as long as they are heard; then the turn ends. Returns who was heard. */
  const turn = (waiting: Set<number>, ms: number): number[] => {
    const heard: number[] = [];
    for (const at of waiting) {
      if (!read.has(at)) continue;
      waiting.delete(at);
      heard.push(at);
      pacing.came();
      now += ms;
    }
    for (const run of soon.splice(0)) run();
    return heard;
  };
  return { pacing, read, turn, leave, holds, pending: () => soon.length };
}

const all = (count: number): Set<number> => new Set(Array.from({ length: count }, (_, at) => at));

test('of a thousand who speak at once so many are heard in a turn as there is time for, and all in the end', () => {
  const { turn, read, holds, pending } = setUp(1000);
  const waiting = all(1000);
  const turns: number[][] = [];
  while (waiting.size > 0) turns.push(turn(waiting, 0.5));
  expect(Math.max(...turns.map(({ length }) => length))).toBeLessThanOrEqual(arrivalsMs / 0.5 + 1);
  expect(turns.flat().toSorted((a, b) => a - b)).toEqual([...all(1000)]);
  expect(turns.length).toBeLessThan(100);
  while (pending() > 0) turn(new Set(), 0);
  expect(read.size).toBe(1000);
  expect([...holds.values()].every((count) => count === 0)).toBe(true);
});

test('where there is time for all nobody waits', () => {
  const { turn, holds } = setUp(1000);
  for (let times = 0; times < 5; times++) expect(turn(all(1000), 0.001)).toHaveLength(1000);
  expect(holds.size).toBe(0);
});

test('who needs not wait any more is heard at once, and not held again', () => {
  const { turn, leave, holds, pending } = setUp(100);
  const waiting = all(100);
  leave[99]?.();
  turn(waiting, 1);
  expect([holds.get(99), holds.get(98)]).toEqual([undefined, 1]);
  leave[98]?.();
  expect(holds.get(98)).toBe(0);
  while (pending() > 0) turn(waiting, 1);
  expect([holds.get(99), holds.get(98)]).toEqual([undefined, 0]);
});

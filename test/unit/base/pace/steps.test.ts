import { expect, test } from 'vitest';
import type { Clock } from '#base/clock';
import { finish, inTurns, Pace, type Steps } from '#base/pace/steps';

/** Every look at it takes a millisecond; `turns` counts those that were left to others. */
function tickingClock(): Clock & { turns: number } {
  let time = 0;
  const clock = {
    turns: 0,
    now: () => time,
    monotonicNow: () => ++time,
    after: () => () => {},
    soon(run: () => void) {
      clock.turns++;
      queueMicrotask(run);
    },
  };
  return clock;
}

function* counting(to: number, seen: number[] = []): Steps<number> {
  for (let n = 0; n < to; n++) {
    seen.push(n);
    yield;
  }
  return to;
}

test('all steps at once give the result', () => {
  expect(finish(counting(1000))).toBe(1000);
});

test('what takes longer than a turn may leaves others theirs', async () => {
  const clock = tickingClock();
  expect(await inTurns(counting(100), clock)).toBe(100);
  expect(clock.turns).toBeGreaterThanOrEqual(10);
});

test('after a pause nothing goes on that rests on what has changed', async () => {
  const clock = tickingClock();
  const seen: number[] = [];
  expect(await inTurns(counting(100, seen), clock, { goOn: () => clock.turns < 3 })).toBeUndefined();
  expect(seen.length).toBeLessThan(100);
});

test('a pace is due at every so many looks', () => {
  const pace = new Pace(3);
  expect([1, 2, 3, 4, 5, 6].map(() => pace.isDue)).toEqual([false, false, true, false, false, true]);
});

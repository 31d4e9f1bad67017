import { expect, test } from 'vitest';
import { inTurns, type Steps } from '#base/pace/steps';
import { turnMs, turnOf } from '#base/pace/turn';

/** What works take is said by `work`; `turn` ends a turn of the event loop. */
function manualClock() {
  let time = 0;
  let next: (() => void)[] = [];
  return {
    monotonicNow: () => time,
    soon: (run: () => void) => void next.push(run),
    work: (ms: number) => void (time += ms),
    async turn() {
      const due = next;
      next = [];
      for (const run of due) run();
      for (let step = 0; step < 10; step++) await Promise.resolve();
    },
  };
}

function* steps(count: number, ms: number, clock: { work(ms: number): void }, seen: string[], name = ''): Steps<number> {
  for (let at = 0; at < count; at++) {
    clock.work(ms);
    seen.push(name);
    yield;
  }
  return count;
}

test('long works that fall into one turn share what it may take, and each goes on in every turn', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  const works = Promise.all(['a', 'b', 'c'].map((name) => inTurns(steps(40, 1, clock, seen, name), clock)));
  const lengths: number[] = [];
  for (let over = false, before = 0; !over; before = clock.monotonicNow()) {
    await clock.turn();
    lengths.push(clock.monotonicNow() - before);
    void works.then(() => (over = true));
    await Promise.resolve();
  }
  expect(await works).toEqual([40, 40, 40]);
  // A share of a millisecond is everybody's.
  expect(Math.max(...lengths.slice(1))).toBeLessThanOrEqual(turnMs + 2);
  const early = seen.slice(0, 40);
  for (const name of ['a', 'b', 'c']) expect(early.filter((each) => each === name).length).toBeGreaterThan(3);
});

test('what was done before in the turn leaves so much less to a long work', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  turnOf(clock).begin();
  clock.work(turnMs - 2);
  void inTurns(steps(100, 1, clock, seen), clock);
  expect(seen).toHaveLength(2);
  await clock.turn();
  expect(seen).toHaveLength(2 + turnMs);
});

test('who comes late in a turn does a little all the same', () => {
  const clock = manualClock();
  const seen: string[] = [];
  turnOf(clock).begin();
  clock.work(1000);
  void inTurns(steps(100, 1, clock, seen), clock);
  expect(seen).toHaveLength(1);
});

import { expect, test } from 'vitest';
import { inTurns, type Steps } from '#base/pace/steps';
import { shareTurns, turnMs, turnOf } from '#base/pace/turn';

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
      for (const run of due) {
        run();
        for (let step = 0; step < 20; step++) await Promise.resolve();
      }
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

/** What each turn took until `works` are done. */
async function turnsOf(clock: ReturnType<typeof manualClock>, works: Promise<unknown>): Promise<number[]> {
  let over = false;
  void works.then(() => (over = true));
  const lengths: number[] = [];
  for (let turn = 0; !over && turn < 10_000; turn++) {
    const before = clock.monotonicNow();
    await clock.turn();
    lengths.push(clock.monotonicNow() - before);
  }
  expect(over).toBe(true);
  return lengths;
}

test('however many long works there are, a turn takes no longer, and each has its turn', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  const names = Array.from({ length: 60 }, (_, at) => `w${at}`);
  const works = Promise.all(names.map((name) => inTurns(steps(20, 0.5, clock, seen, name), clock)));
  const lengths = await turnsOf(clock, works);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(turnMs + 0.5);
  // Nobody has a third share before everybody had one.
  expect(new Set(seen.slice(0, 11 * names.length)).size).toBe(names.length);
});

test('who goes first has a share of every turn, beside whoever waits', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  const others = Array.from({ length: 60 }, () => inTurns(steps(100, 0.5, clock, seen, 'other'), clock));
  const first = inTurns(steps(50, 0.5, clock, seen, 'first'), clock, { goesFirst: true });
  // 25 ms of work, in shares of half a turn.
  expect((await turnsOf(clock, first)).length).toBeLessThanOrEqual(14);
  expect(seen).toContain('other');
  await turnsOf(clock, Promise.all(others));
});

test('what was done before in the turn leaves so much less to a long work; who comes when it is used up waits for the next', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  turnOf(clock).begin();
  clock.work(turnMs - 2);
  void inTurns(steps(100, 1, clock, seen, 'a'), clock);
  void inTurns(steps(100, 1, clock, seen, 'b'), clock);
  expect(seen).toEqual(['a', 'a']);
  await clock.turn();
  expect(seen.slice(2)).toContain('b');
});

test('a work that fails, or is given up in a pause, leaves the turn to the others', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  const failing = inTurns(
    (function* (): Steps<void> {
      yield* steps(10, 1, clock, seen, 'a');
      throw new Error('it fails');
    })(),
    clock,
  ).catch((error: unknown) => (error as Error).message);
  const listener = inTurns(steps(1, 1, clock, seen, 'd'), clock, {
    turned: () => {
      throw new Error('the listener fails');
    },
  }).catch((error: unknown) => (error as Error).message);
  const given = inTurns(steps(100, 1, clock, seen, 'b'), clock, { goOn: () => false });
  const last = inTurns(steps(10, 1, clock, seen, 'c'), clock);
  await turnsOf(clock, Promise.all([failing, listener, given, last]));
  expect([await failing, await listener, await given, await last]).toEqual(['it fails', 'the listener fails', undefined, 10]);
});

test('clocks of one event loop share their turns', () => {
  const [clock, other, apart] = [manualClock(), manualClock(), manualClock()];
  shareTurns(other, clock);
  expect(turnOf(other)).toBe(turnOf(clock));
  expect(turnOf(apart)).not.toBe(turnOf(clock));
});

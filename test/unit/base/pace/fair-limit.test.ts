import { expect, test } from 'vitest';
import { afterLimit } from '#base/pace/fair-limit';
import { VirtualClock } from '#test/support/virtual-clock';

function set(limitMs: number) {
  const clock = new VirtualClock();
  const calls: number[] = [];
  const began = clock.monotonicNow();
  const cancel = afterLimit(clock, limitMs, () => calls.push(clock.monotonicNow() - began));
  return { clock, calls, cancel };
}

test('a limit is over in time, but what has arrived by then goes first', async () => {
  const { clock, calls } = set(700);
  await clock.advance(699);
  expect(calls).toEqual([]);
  await clock.advance(1);
  expect(calls).toEqual([700]);
  const first = new VirtualClock();
  const order: string[] = [];
  first.after(100, () => setImmediate(() => order.push('answer')));
  afterLimit(first, 100, () => order.push('over'));
  await first.advance(100);
  expect(order).toEqual(['answer', 'over']);
});

test('a process that did not run puts its limits off by as much, some times', async () => {
  const { clock, calls } = set(700);
  clock.sleep(1200);
  await clock.advance(0);
  // 500 ms too late.
  expect([calls, clock.next]).toEqual([[], clock.monotonicNow() + 500]);
  await clock.advance(500);
  expect(calls).toEqual([1700]);
  const starved = set(700);
  for (let at = 0; at < 8; at++) {
    starved.clock.sleep(5000);
    await starved.clock.advance(0);
  }
  expect(starved.calls).toHaveLength(1);
});

test('what is cancelled is never over, not even at the last moment', () => {
  const calls: string[] = [];
  const kept: (() => void)[] = [];
  const keep = (run: () => void): void => void kept.push(run);
  const cancel = afterLimit({ monotonicNow: () => 0, after: (_, run) => (keep(run), () => undefined), soon: keep }, 0, () => calls.push('over'));
  kept.shift()?.();
  cancel();
  for (const run of kept) run();
  expect(calls).toEqual([]);
});

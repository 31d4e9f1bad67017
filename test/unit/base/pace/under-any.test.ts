import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { isDoneWithin } from '#base/clock';
import { underAny } from '#base/pace/under-any';
import { VirtualClock } from '#test/support/virtual-clock';

/** What a signal keeps of those who listen to it, and of the signals that were made of it. */
function heldBy(signal: AbortSignal): number {
  const sizes = Object.getOwnPropertySymbols(signal).map((key) => (signal as unknown as Record<symbol, { size?: number } | undefined>)[key]?.size ?? 0);
  return getEventListeners(signal, 'abort').length + sizes.reduce((sum, size) => sum + size, 0);
}

test('work is ended by the first of the signals, for its reason, and by one that was aborted before', async () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const reason = new Error('over');
  const ended = underAny([one.signal, other.signal], (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason))));
  other.abort(reason);
  one.abort();
  expect(await ended).toBe(reason);
  expect(await underAny([other.signal], async (signal) => [signal.aborted, signal.reason])).toEqual([true, reason]);
});

test('a signal that lives long keeps nothing of works that are done, well or not', async () => {
  const long = new AbortController().signal;
  const clock = new VirtualClock();
  const before = heldBy(long);
  for (let number = 0; number < 20; number++) {
    expect(await underAny([long, new AbortController().signal], async () => number)).toBe(number);
    await expect(underAny([long], () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await isDoneWithin(clock, Promise.resolve(), 1000, long)).toBe(true);
    const late = isDoneWithin(clock, new Promise(() => undefined), 1000, long);
    await clock.advance(1000);
    expect(await late).toBe(false);
  }
  expect(heldBy(long)).toBe(before);
  const ending = new AbortController();
  const never = isDoneWithin(clock, new Promise(() => undefined), 1000, ending.signal);
  ending.abort();
  expect([await never, await isDoneWithin(clock, new Promise(() => undefined), 1000, ending.signal)]).toEqual([false, false]);
});

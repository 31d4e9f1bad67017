/** The daemon's own clock. */
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '#node/system';

afterEach(() => void vi.useRealTimers());

test('who waits for longer than a timer of Node can is called when it is time, and not before', () => {
  vi.useFakeTimers();
  const month = 31 * 24 * 3_600_000;
  const called: string[] = [];
  systemClock.after(month, () => called.push('month'));
  const cancel = systemClock.after(2 * month, () => called.push('never'));
  vi.advanceTimersByTime(month - 1);
  expect(called).toEqual([]);
  cancel();
  vi.advanceTimersByTime(3 * month);
  expect(called).toEqual(['month']);
});

/** A limit for an answer of another: a process that was itself kept from its work must not take its own lateness for the other's. */
import type { Clock } from '../clock.ts';

/** A timer that comes this much too late (ms) says that this process did not run; less is usual where machines are busy. */
const latenessMs = 200;
/** So often the limit is put off at most. */
const mostPutOff = 4;

export type Times = Pick<Clock, 'after' | 'monotonicNow' | 'soon'>;

/** Calls `over` once after `limitMs`, and after what has arrived by then; later by as much as this process was late itself. The returned function cancels it. */
export function afterLimit(clock: Times, limitMs: number, over: () => void): () => void {
  let cancelled = false;
  let cancelTimer = (): void => undefined;
  const wait = (delayMs: number, left: number): void => {
    const due = clock.monotonicNow() + delayMs;
    cancelTimer = clock.after(delayMs, () => {
      const lateMs = clock.monotonicNow() - due;
      if (lateMs >= latenessMs && left > 0) return wait(Math.min(lateMs, limitMs), left - 1);
      clock.soon(() => {
        if (!cancelled) over();
      });
    });
  };
  wait(limitMs, mostPutOff);
  return () => {
    cancelled = true;
    cancelTimer();
  };
}

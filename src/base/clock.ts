/** Time as an argument: pure code takes numbers, drivers take a Clock. */
import { underAny } from './pace/under-any.ts';

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Milliseconds since some moment: how long things take, whatever anybody does to the clock on the wall. Not comparable between processes. */
  monotonicNow(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls `run` after what has arrived in this turn of the event loop. */
  soon(run: () => void): void;
}

/** Resolves in a later turn of the event loop: what has arrived meanwhile goes first. */
export function nextTurn(clock: Pick<Clock, 'soon'>): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}

/** Resolves after `delayMs`, or at once when `signal` is aborted. */
export function pause(clock: Pick<Clock, 'after'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** True when `done` is settled within `limitMs`; it goes on where it is not. */
export async function isDoneWithin(clock: Pick<Clock, 'after'>, done: Promise<unknown>, limitMs: number, signal?: AbortSignal): Promise<boolean> {
  const isOver = (): boolean => true;
  const over = new AbortController();
  const late = underAny(signal ? [over.signal, signal] : [over.signal], (ended) => pause(clock, limitMs, ended)).then(() => false);
  const inTime = await Promise.race([done.then(isOver, isOver), late]);
  over.abort();
  return inTime;
}

/** What was asked for last: a pass stamps hundreds of tasks with one time. */
let latest = { ms: 0, text: new Date(0).toISOString() };

/** RFC 3339 text of a time in milliseconds, as the Engine API writes it. */
export function timeText(ms: number): string {
  if (ms !== latest.ms) latest = { ms, text: new Date(ms).toISOString() };
  return latest.text;
}

/** Milliseconds of an RFC 3339 text; nanoseconds are cut off. NaN when it is no time. */
export function timeOf(text: string): number {
  return Date.parse(text);
}

/** Where year 0 begins: before it years have a sign. */
const earliestMs = Date.parse('0000-01-01T00:00:00Z');
/** Of year 10000, where the text of a time gets a sign and two digits more. */
const tooLateMs = Date.UTC(10_000);

/** A time as the Engine API writes it, of whatever somebody wrote as one; '' for what is none between the years 0 and 9999. */
export function canonicalTime(text: string): string {
  const ms = timeOf(text);
  return ms >= earliestMs && ms < tooLateMs ? timeText(ms) : '';
}

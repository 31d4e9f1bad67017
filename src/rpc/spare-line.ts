/** For calls that must not wait for a connection which is stuck: after a break of a link a stream of TCP comes back only when its next try is due. */
import { setTimeout as pause } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';

/** An answer that takes this long is asked for on another connection, each of which is given up as fast. Longer than a busy leader is: a thousand nodes that connect are more work than their beats. */
const patienceMs = 700;
const attemptMs = 500;

/** What may be closed when it is not needed any more. */
interface Line {
  close(): void;
}

/** The answer of `asked`, or of `again` on a line of its own, whichever comes first; it is tried until one of them does. */
export async function besideSpare<L extends Line, T>(asked: Promise<T>, open: () => L, again: (line: L, limitMs: number) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const spare = trySpares(open, again, ending.signal);
  spare.catch(() => undefined);
  try {
    return await Promise.race([asked, spare]);
  } finally {
    asked.catch(() => undefined);
    ending.abort();
  }
}

async function trySpares<L extends Line, T>(open: () => L, again: (line: L, limitMs: number) => Promise<T>, signal: AbortSignal): Promise<T> {
  await pause(patienceMs, undefined, { signal });
  for (;;) {
    signal.throwIfAborted();
    const line = open();
    const over = pause(attemptMs, undefined, { signal });
    over.catch(() => undefined);
    try {
      return await again(line, attemptMs);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      // What is refused at once is not asked again at once.
      await over;
    } finally {
      line.close();
    }
  }
}

function isUnreachable(error: unknown): boolean {
  const { code } = error as ServiceError;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
}

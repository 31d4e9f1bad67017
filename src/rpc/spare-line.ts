/** For calls that must not wait for a connection which is stuck: after a break of a link a stream of TCP comes back only when its next try is due. */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import { afterLimit, type Times } from '#base/pace/fair-limit';
import { placeParts } from '#model/manager-address';

/** After this time without an answer the link is looked at: its other end's kernel answers, however busy the program is. */
const patienceMs = 700;
const lookMs = 300;
/** Once it is silent it is looked at again so often, whatever became of the looks before: of the time for which the managers wait for a node, a break that is over may use up little more. */
const againMs = 100;
/** Over a link that stands the answer is late because a leader is busy: a thousand nodes that all come over a second connection would keep it so. A stream that a break of before has stuck goes on by itself within that. */
const busyMs = 2500;
/** How long another connection is tried: over a link that was just broken less, for it may break again. */
const attemptMs = { mended: 1500, busy: 5000 };

/** Of this process. */
export const ownTimes: Times = {
  monotonicNow: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};

/** What may be closed when it is not needed any more. */
interface Line {
  close(): void;
}

export interface Spare<L extends Line> {
  /** HOST:PORT of the other end. */
  address: string;
  open: () => L;
}

/** The answer of `asked`, or of `again` on a line of its own, whichever comes first; it is tried until one of them does. */
export function besideSpare<L extends Line, T>(asked: Promise<T>, spare: Spare<L>, again: (line: L, limitMs: number) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let ending: AbortController | undefined;
    // Most answers come at once: until then nothing but a timer is there for the others.
    const cancel = afterLimit(ownTimes, patienceMs, () => {
      ending = new AbortController();
      trySpares(spare, again, ending.signal).then(resolve, reject);
    });
    const end = (): void => {
      cancel();
      ending?.abort();
    };
    asked.finally(end).then(resolve, reject);
  });
}

async function trySpares<L extends Line, T>({ address, open }: Spare<L>, again: (line: L, limitMs: number) => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let mended = false; ;) {
    if (!(await reaches(address, lookMs))) {
      mended = true;
      await reachedAgain(address, signal);
    } else if (!mended) await pause(busyMs, undefined, { signal });
    signal.throwIfAborted();
    const line = open();
    try {
      return await again(line, mended ? attemptMs.mended : attemptMs.busy);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      await pause(lookMs, undefined, { signal });
    } finally {
      line.close();
    }
  }
}

/** Each look has its time, for a line may be long, and the first of them that arrives counts. */
function reachedAgain(address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (then: () => void): void => {
      clearInterval(looks);
      signal.removeEventListener('abort', cancelled);
      then();
    };
    const look = (): void => {
      if (signal.aborted) cancelled();
      else void reaches(address, lookMs).then((there) => there && end(resolve));
    };
    const cancelled = (): void => end(() => reject(signal.reason as Error));
    const looks = setInterval(look, againMs);
    signal.addEventListener('abort', cancelled, { once: true });
    look();
  });
}

function isUnreachable(error: unknown): boolean {
  const { code } = error as ServiceError;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
}

/** Whether a connection to the address comes to be: no more than that. */
export function reaches(address: string, limitMs: number): Promise<boolean> {
  const socket = connect(placeParts(address));
  return new Promise((resolve) => {
    const end = (there: boolean) => () => {
      cancel();
      socket.destroy();
      resolve(there);
    };
    const cancel = afterLimit(ownTimes, limitMs, end(false));
    socket.once('connect', end(true)).once('error', end(false));
  });
}

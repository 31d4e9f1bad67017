/** The present turn of the event loop: long works that fall into one share what it may take. */
import type { Clock } from '../clock.ts';

/**
 * What the works of one turn may take together, ms.
 * @internal
 */
export const turnMs = 5;
/** What each of them has in any case, ms: none waits without end for others. */
const ownMs = 1;

type Turns = Pick<Clock, 'monotonicNow' | 'soon'>;

/** One for all who go by the same clock. */
const known = new WeakMap<Turns, Turn>();

export function turnOf(clock: Turns): Turn {
  let turn = known.get(clock);
  if (!turn) known.set(clock, (turn = new Turn(clock)));
  return turn;
}

export class Turn {
  readonly #clock: Turns;
  /** When the first work of this turn began; undefined while there was none. */
  #began: number | undefined;

  constructor(clock: Turns) {
    this.#clock = clock;
  }

  /** Notes that a work begins, long or not; returns when. */
  begin(): number {
    const now = this.#clock.monotonicNow();
    if (this.#began !== undefined) return now;
    this.#began = now;
    this.#clock.soon(() => (this.#began = undefined));
    return now;
  }

  /** A work that began now, in this turn, must leave the others theirs from this moment (ms) on. */
  endOf(workBegan: number): number {
    return Math.max((this.#began ?? workBegan) + turnMs, workBegan + ownMs);
  }
}

/** The present turn of the event loop: long works stand in one line, and share what it may take. */
import type { Clock } from '../clock.ts';

/**
 * What the works of one turn may take together, ms.
 * @internal
 */
export const turnMs = 5;
/** What a work that waits for its turn has of it at least, ms, whatever else was done in it. */
const ownMs = 1;
/** What one has where others wait, ms. */
const sharedMs = turnMs / 2;

export type Turns = Pick<Clock, 'monotonicNow' | 'soon'>;

/** One for all who go by the same clock. */
const known = new WeakMap<Turns, Turn>();

export function turnOf(clock: Turns): Turn {
  let turn = known.get(clock);
  if (!turn) known.set(clock, (turn = new Turn(clock)));
  return turn;
}

/** Whoever goes by `clock` shares the turns of those who go by `other`: both are of one event loop. */
export function shareTurns(clock: Turns, other: Turns): void {
  known.set(clock, turnOf(other));
}

export class Turn {
  readonly #clock: Turns;
  /** When the first work of this turn began; undefined while there was none. */
  #began: number | undefined;
  /** Works that wait for their turn, in their order. */
  readonly #line: (() => void)[] = [];
  /** One of the line is at work. */
  #busy = false;
  /** The next of the line is called in the next turn. */
  #calling = false;

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
    const end = Math.max((this.#began ?? workBegan) + turnMs, workBegan + ownMs);
    return this.#line.length > 0 ? Math.min(end, workBegan + sharedMs) : end;
  }

  /** Undefined: the work may begin at once. Otherwise it waits in the line, at its head where it `goesFirst`. It must `leave`, and enter again for more. */
  enter(goesFirst = false): Promise<void> | undefined {
    if (!this.#busy && this.#line.length === 0 && this.#hasRoom()) {
      this.#busy = true;
      return undefined;
    }
    return new Promise((resolve) => {
      if (goesFirst) this.#line.unshift(resolve);
      else this.#line.push(resolve);
      this.#call();
    });
  }

  leave(): void {
    this.#busy = false;
    if (this.#line.length === 0) return;
    if (this.#hasRoom()) this.#next();
    else this.#call();
  }

  #hasRoom(): boolean {
    return this.#began === undefined || this.#clock.monotonicNow() < this.#began + turnMs;
  }

  #next(): void {
    const go = this.#line.shift();
    if (!go) return;
    this.#busy = true;
    go();
  }

  #call(): void {
    if (this.#calling || this.#busy) return;
    this.#calling = true;
    this.#clock.soon(() => {
      this.#calling = false;
      if (!this.#busy) this.#next();
    });
  }
}

/**
 * What nodes say in one turn of the event loop: a thousand connections may have something at once, each a part of a millisecond, and whatever else arrived
 * waits for the last of them. So much is read in a turn, and the others in turns to come, who waited longest first.
 */
import type { Turns } from '#base/pace/turn';
import type { Reading } from './reading.ts';

/**
 * For what nodes say in one turn, ms: as much is left of it for what follows from that.
 * @internal
 */
export const arrivalsMs = 7;
/** Connections that are read again in the next turn; twice as many in each that follows, until it is too much again. */
const firstReleased = 32;

const ownTurns: Turns = { monotonicNow: () => performance.now(), soon: (run) => void setImmediate(run) };

export class Pacing {
  readonly #clock: Turns;
  readonly #read = new Set<Reading>();
  /** Longest held first. */
  readonly #held = new Set<Reading>();
  /** When the first of this turn came. */
  #began: number | undefined;
  #releasing = false;
  #atOnce = firstReleased;

  constructor(clock: Turns = ownTurns) {
    this.#clock = clock;
  }

  /** From now on the connection waits where there is too much; returns the way out, after which it is read. */
  add(reading: Reading): () => void {
    this.#read.add(reading);
    return () => {
      this.#read.delete(reading);
      if (this.#held.delete(reading)) reading.release();
    };
  }

  /** Something came over one of the connections. */
  came(): void {
    const now = this.#clock.monotonicNow();
    if (this.#began === undefined) {
      this.#began = now;
      this.#clock.soon(() => (this.#began = undefined));
    } else if (now - this.#began >= arrivalsMs) this.#hold();
  }

  #hold(): void {
    if (this.#read.size === 0) return;
    this.#atOnce = firstReleased;
    for (const reading of this.#read) {
      reading.hold();
      this.#held.add(reading);
    }
    this.#read.clear();
    this.#releaseSoon();
  }

  #releaseSoon(): void {
    if (this.#releasing || this.#held.size === 0) return;
    this.#releasing = true;
    this.#clock.soon(() => {
      this.#releasing = false;
      this.#release();
    });
  }

  #release(): void {
    let left = this.#atOnce;
    this.#atOnce *= 2;
    for (const reading of this.#held) {
      if (left-- === 0) break;
      this.#held.delete(reading);
      this.#read.add(reading);
      reading.release();
    }
    this.#releaseSoon();
  }
}

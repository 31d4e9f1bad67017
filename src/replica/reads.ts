/** Linearizable reads that wait for the group's word and then for the state to come that far. */
import { Refusal } from '#base/refusal';

interface Waiting {
  /** Known once the group confirmed that this much was committed when the read came. */
  index: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Refusal) => void;
}

/** Reads that may wait; more are refused rather than held in memory without end. */
const limit = 10_000;

export class Reads {
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;

  get full(): boolean {
    return this.#waiting.size >= limit;
  }

  add(): { id: string; done: Promise<void> } {
    const id = String(++this.#count);
    return { id, done: new Promise((resolve, reject) => this.#waiting.set(id, { index: undefined, resolve, reject })) };
  }

  confirmed(id: string, index: number): void {
    const read = this.#waiting.get(id);
    if (read) read.index = index;
  }

  /** The state holds everything up to `applied`. */
  release(applied: number): void {
    for (const [id, read] of this.#waiting) {
      if (read.index === undefined || read.index > applied) continue;
      this.#waiting.delete(id);
      read.resolve();
    }
  }

  fail(id: string, reason: Refusal): void {
    this.#waiting.get(id)?.reject(reason);
    this.#waiting.delete(id);
  }

  failAll(reason: string): void {
    for (const id of this.#waiting.keys()) this.fail(id, new Refusal('unavailable', reason));
  }
}

/** How long the disk has kept a write waiting: of the time in which this process ran, for one that had to wait itself has not read the answer that is there. */

export class Writes {
  readonly #everyMs: number;
  /** When those began that the disk has not done yet, oldest first; later by what did not count. */
  readonly #began: number[] = [];
  #lookedAt: number | undefined;

  /** @param everyMs how often it is looked at by who has nothing else to do */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Times are monotonic, in milliseconds. */
  begin(now: number): void {
    this.#began.push(now);
  }

  /** The oldest is done. */
  done(): void {
    this.#began.shift();
  }

  /** How long the oldest waits, in milliseconds; 0: none does. */
  look(now: number): number {
    const lateMs = now - (this.#lookedAt ?? now) - this.#everyMs;
    this.#lookedAt = now;
    // A look that came in time counts whole, so that a disk is found out that is slow and not more.
    if (lateMs > this.#everyMs) for (const [at, began] of this.#began.entries()) this.#began[at] = Math.min(now, began + lateMs);
    return now - (this.#began[0] ?? now);
  }
}

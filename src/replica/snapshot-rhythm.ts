/** When the next snapshot is due, and how much of the log stays behind it: so many entries or so many bytes of them, whichever comes first. */

interface Amount {
  readonly entries: number;
  readonly bytes: number;
}

export class SnapshotRhythm {
  readonly #limits: Amount;
  readonly #keeps: Amount;
  /** Bytes of the entries applied last, as many as may be kept. */
  #recent: number[] = [];
  #entries = 0;
  #bytes = 0;
  #index: number;
  #wanted = false;

  constructor(index: number, limits: Amount, keeps: Amount) {
    this.#index = index;
    this.#limits = limits;
    this.#keeps = keeps;
  }

  /** An entry of so many bytes was applied. */
  count(bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
    this.#recent.push(bytes);
    if (this.#recent.length > 2 * this.#keeps.entries) this.#recent = this.#newest();
  }

  /** How many of the entries applied last stay in memory behind a snapshot, for members that are a little late. */
  get kept(): number {
    let bytes = 0;
    const recent = this.#newest();
    const tooMuch = recent.findLastIndex((each) => (bytes += each) > this.#keeps.bytes);
    return recent.length - 1 - tooMuch;
  }

  /** Somebody can be helped only by a newer one. */
  want(): void {
    this.#wanted = true;
  }

  get due(): boolean {
    return this.#entries > 0 && (this.#wanted || this.#entries >= this.#limits.entries || this.#bytes >= this.#limits.bytes);
  }

  /** Index of the newest one. */
  get index(): number {
    return this.#index;
  }

  taken(index: number): void {
    this.#index = index;
    this.#entries = 0;
    this.#bytes = 0;
    this.#wanted = false;
  }

  #newest(): number[] {
    return this.#recent.slice(Math.max(0, this.#recent.length - this.#keeps.entries));
  }
}

/** When the next snapshot is due: after so many entries or so many bytes of them, whichever comes first. */

export class SnapshotRhythm {
  readonly #limits: { readonly entries: number; readonly bytes: number };
  #entries = 0;
  #bytes = 0;
  #index: number;
  #wanted = false;

  constructor(index: number, limits: { readonly entries: number; readonly bytes: number }) {
    this.#index = index;
    this.#limits = limits;
  }

  /** An entry of so many bytes was applied. */
  count(bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
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
}

/** Where on the disk each entry of the log is, so that its bytes need not stay in memory. */
import { assert } from '#base/assert';
import type { Entry } from '#raft/message';

export interface Place {
  readonly term: number;
  /** Number of the segment, and the byte where the entry's frame begins. */
  readonly segment: number;
  readonly at: number;
}

export class LogIndex {
  /** Index of the first place. */
  #first = 1;
  #places: Place[] = [];

  get first(): number {
    return this.#first;
  }

  /** Index of the last entry; one below `first` when there is none. */
  get last(): number {
    return this.#first + this.#places.length - 1;
  }

  at(index: number): Place | undefined {
    return this.#places[index - this.#first];
  }

  /** Nothing before the entry behind `index` counts any more. */
  reset(index: number): void {
    this.#first = index + 1;
    this.#places = [];
  }

  /** Entries of one frame: they replace everything at and behind the first one's index. Returns false when they leave a gap. */
  put(entries: readonly Entry[], segment: number, at: number): boolean {
    const first = entries[0]?.index;
    if (first === undefined) return true;
    if (this.#places.length === 0 || first < this.#first) this.reset(first - 1);
    if (first > this.last + 1) return false;
    this.#places.length = first - this.#first;
    for (const entry of entries) {
      assert(entry.index === this.last + 1, `entry ${entry.index} follows ${this.last} in one record`);
      this.#places.push({ term: entry.term, segment, at });
    }
    return true;
  }

  /** Forgets entries in segments below `segment`, which are about to go. */
  dropBefore(segment: number): void {
    const kept = this.#places.findIndex((place) => place.segment >= segment);
    const count = kept < 0 ? this.#places.length : kept;
    this.#places = this.#places.slice(count);
    this.#first += count;
  }
}

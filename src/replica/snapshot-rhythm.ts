/** When the next snapshot is due, and how much of the log stays behind it: so many entries or so many bytes of them, whichever comes first. */
import { isMember } from '#raft/membership/changer';
import type { Configuration } from '#raft/message';

interface Amount {
  readonly entries: number;
  readonly bytes: number;
}

/** Numbers of the log's entries, and of snapshots that stay beside the newest. */
export interface SnapshotPace {
  readonly everyEntries: number;
  readonly keptEntries: number;
  readonly olderSnapshots: number;
}

export class SnapshotRhythm {
  readonly #limits: Amount;
  readonly #keeps: Amount;
  readonly #pace: () => SnapshotPace | undefined;
  /** Bytes of the entries applied last, as many as may be kept. */
  #recent: number[] = [];
  #entries = 0;
  #bytes = 0;
  #index: number;
  #wanted = false;

  /** @param pace goes before the numbers of entries in the others */
  constructor(index: number, limits: Amount, keeps: Amount, pace: () => SnapshotPace | undefined = () => undefined) {
    this.#pace = pace;
    this.#index = index;
    this.#limits = limits;
    this.#keeps = keeps;
  }

  /** An entry of so many bytes was applied. */
  count(bytes: number): void {
    this.#entries++;
    this.#bytes += bytes;
    this.#recent.push(bytes);
    if (this.#recent.length > 2 * this.#keptEntries) this.#recent = this.#newest();
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

  /** Who takes part is another: whoever is new has nothing, and is sent the whole state as soon as he answers. */
  change(before: Configuration, after: Configuration): void {
    if (after.learners.some((id) => !isMember(before, id))) this.want();
  }

  get due(): boolean {
    return this.#entries > 0 && (this.#wanted || this.#entries >= (this.#pace()?.everyEntries ?? this.#limits.entries) || this.#bytes >= this.#limits.bytes);
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

  /** How many snapshots stay beside the newest: one at least, for that may turn out to be damaged. */
  get older(): number {
    return Math.max(1, this.#pace()?.olderSnapshots ?? 1);
  }

  get #keptEntries(): number {
    return this.#pace()?.keptEntries ?? this.#keeps.entries;
  }

  #newest(): number[] {
    return this.#recent.slice(Math.max(0, this.#recent.length - this.#keptEntries));
  }
}

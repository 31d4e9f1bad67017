/** The log in memory: everything since the last compaction, how much of it the disk has, how much is committed and applied. */
import { assert } from '#base/assert';
import { Amnesia } from './amnesia.ts';
import type { Entry, SnapshotMeta } from './message.ts';

export class Log {
  #baseIndex: number;
  #baseTerm: number;
  #entries: Entry[];
  /** Last index known to be on disk with its present term. */
  stable: number;
  /** Last index handed to the disk. */
  handedOut: number;
  committed: number;
  /** Last index handed to the state machine. */
  applying: number;
  applied: number;

  /** `entries` follow `snapshot` without a gap and are on disk. */
  constructor(snapshot: Pick<SnapshotMeta, 'index' | 'term'>, entries: readonly Entry[], commit: number) {
    this.#baseIndex = snapshot.index;
    this.#baseTerm = snapshot.term;
    this.#entries = [...entries];
    this.#assertContiguous(0);
    this.stable = this.handedOut = this.lastIndex;
    this.committed = snapshot.index;
    this.commitTo(commit);
    this.applying = this.applied = snapshot.index;
  }

  get firstIndex(): number {
    return this.#baseIndex + 1;
  }

  get lastIndex(): number {
    return this.#baseIndex + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  /** Term of the entry at `index`; undefined when it is compacted away or not there yet, which is never the same as term 0. */
  termAt(index: number): number | undefined {
    if (index === this.#baseIndex) return this.#baseTerm;
    return this.#entries[index - this.#baseIndex - 1]?.term;
  }

  /** Entries in [from, to] up to `maxBytes`, at least one if there is any; undefined when `from` is compacted away. */
  slice(from: number, to: number, maxBytes: number): Entry[] | undefined {
    if (from <= this.#baseIndex) return undefined;
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= Math.min(to, this.lastIndex); index++) {
      const entry = this.#entries[index - this.#baseIndex - 1];
      assert(entry, `entry ${index} is missing`);
      bytes += entry.bytes.length;
      if (found.length > 0 && bytes > maxBytes) break;
      found.push(entry);
    }
    return found;
  }

  /** True when a log that ends in (lastTerm, lastIndex) holds at least what this one may have committed. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** The leader's own entries. */
  append(entries: readonly Entry[]): void {
    const from = this.#entries.length;
    this.#entries.push(...entries);
    this.#assertContiguous(from);
  }

  /**
   * Takes a leader's entries that follow (prevIndex, prevTerm). Equal ones stay; the first that differs replaces the rest.
   * Returns the last index now known equal to the leader's, or undefined when the place before does not match.
   */
  accept(prevIndex: number, prevTerm: number, entries: readonly Entry[]): number | undefined {
    if (this.termAt(prevIndex) !== prevTerm) return undefined;
    const differs = entries.findIndex((entry) => this.termAt(entry.index) !== entry.term);
    if (differs >= 0) {
      const fresh = entries.slice(differs);
      this.#truncateFrom(prevIndex + differs + 1);
      this.append(fresh);
    }
    return prevIndex + entries.length;
  }

  #truncateFrom(index: number): void {
    if (index > this.lastIndex) return;
    assert(index > this.committed, `entry ${index} is committed (up to ${this.committed}) and cannot be replaced`);
    this.#entries.length = index - this.#baseIndex - 1;
    this.stable = Math.min(this.stable, index - 1);
    this.handedOut = Math.min(this.handedOut, index - 1);
  }

  /** The largest (index, term) here with index ≤ `index` and term ≤ `term`: one probe per term finds where two logs part. */
  hint(index: number, term: number): { index: number; term: number } {
    for (let at = Math.min(index, this.lastIndex); at > this.#baseIndex; at--) {
      const found = this.termAt(at);
      if (found !== undefined && found <= term) return { index: at, term: found };
    }
    return { index: this.#baseIndex, term: this.#baseTerm };
  }

  /** Raises the commit index; returns whether it moved. */
  commitTo(index: number): boolean {
    if (index <= this.committed) return false;
    if (index > this.lastIndex) {
      throw new Amnesia(`commit ${index} is beyond the last entry ${this.lastIndex}: this member lost entries it had acknowledged`, {
        promised: index,
        held: this.lastIndex,
      });
    }
    this.committed = index;
    return true;
  }

  /** Entries for the disk, now counted as handed out. */
  takeUnstable(): Entry[] {
    const entries = this.#entries.slice(this.handedOut - this.#baseIndex);
    this.handedOut = this.lastIndex;
    return entries;
  }

  /** The disk has everything up to (index, term) as it was in the current election term. */
  markStable(index: number, term: number): void {
    if (index > this.stable && this.termAt(index) === term) this.stable = index;
  }

  /**
   * Committed entries that are on this disk too, now counted as handed to the state machine. One batch at a time: the next
   * comes when this one is reported, so that a slow state machine bounds what waits for it.
   */
  takeCommitted(maxBytes: number): Entry[] {
    const end = Math.min(this.committed, this.stable);
    if (this.applying >= end || this.applying > this.applied) return [];
    const entries = this.slice(this.applying + 1, end, maxBytes) ?? [];
    this.applying += entries.length;
    return entries;
  }

  /** Returns the entries newly applied. None when a snapshot has overtaken the batch that was under way. */
  appliedTo(index: number): readonly Entry[] {
    if (index <= this.applied) return [];
    assert(index <= this.applying, `applied ${index} is beyond ${this.applying}, the last one handed out`);
    const entries = this.slice(this.applied + 1, index, Infinity) ?? [];
    this.applied = index;
    return entries;
  }

  /** Replaces everything by a snapshot that is already on disk. */
  restore(meta: SnapshotMeta): void {
    assert(meta.index > this.committed, `snapshot ${meta.index} is not ahead of commit ${this.committed}`);
    this.#baseIndex = meta.index;
    this.#baseTerm = meta.term;
    this.#entries = [];
    this.stable = this.handedOut = this.committed = this.applying = this.applied = meta.index;
  }

  /** Forgets entries up to `index`, which a snapshot holds. */
  compact(index: number): void {
    if (index <= this.#baseIndex) return;
    assert(index <= this.applied, `entry ${index} is not applied (up to ${this.applied}) and cannot be compacted`);
    const term = this.termAt(index);
    assert(term !== undefined, `entry ${index} is missing`);
    this.#entries = this.#entries.slice(index - this.#baseIndex);
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  #assertContiguous(from: number): void {
    for (let at = from; at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      const before = at === 0 ? this.#baseTerm : (this.#entries[at - 1]?.term ?? 0);
      assert(entry?.index === this.#baseIndex + at + 1, `entry ${entry?.index} stands at place ${this.#baseIndex + at + 1}`);
      assert(entry.term >= before, `entry ${entry.index} of term ${entry.term} follows term ${before}`);
    }
  }
}

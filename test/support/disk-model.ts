/** What a log must hold: every state it went through, of which a crash may leave any from the last acknowledged one on. */
import type { Initial } from '#raft/core';
import type { Entry, HardState, SnapshotMeta } from '#raft/message';
import { Violation } from '#test/simulation/tier';

export interface LogState {
  readonly hardState: HardState;
  /** The snapshot that the entries follow: an installed one, or the beginning. */
  readonly base: number;
  readonly entries: readonly Entry[];
}

const beginning: LogState = { hardState: { term: 0, vote: undefined, commit: 0 }, base: 0, entries: [] };

export class DiskModel {
  /** By number of the write that made it; older than what was acknowledged they are forgotten. */
  #states = new Map<number, LogState>([[0, beginning]]);
  #issued = 0;
  #acknowledged = 0;
  /** Snapshots that may be found: content by `index-term`. */
  readonly #snapshots = new Map<string, string>();
  #markedIndex = 0;

  /** What the log is once all writes are done. */
  get now(): LogState {
    return this.#states.get(this.#issued) ?? beginning;
  }

  get lastIndex(): number {
    return this.now.base + this.now.entries.length;
  }

  /** Index of the newest snapshot that is certain. */
  get marked(): number {
    return this.#markedIndex;
  }

  /** A write is on its way; returns its number. */
  issue(hardState: HardState | undefined, entries: readonly Entry[], installed?: SnapshotMeta): number {
    const before = this.now;
    const base = installed ? installed.index : before.base;
    const kept = installed ? [] : before.entries.slice(0, entries[0] ? entries[0].index - base - 1 : undefined);
    this.#states.set(++this.#issued, { hardState: hardState ?? before.hardState, base, entries: [...kept, ...entries] });
    return this.#issued;
  }

  acknowledge(number: number): void {
    if (number < this.#acknowledged) throw new Violation('order', `write ${number} is acknowledged after ${this.#acknowledged}`);
    this.#acknowledged = number;
    for (const each of this.#states.keys()) if (each < number) this.#states.delete(each);
  }

  snapshotIssued(meta: SnapshotMeta, content: string): void {
    this.#snapshots.set(`${meta.index}-${meta.term}`, content);
  }

  snapshotMarked(index: number): void {
    this.#markedIndex = Math.max(this.#markedIndex, index);
  }

  /** A snapshot that is read while running. */
  holds(index: number, term: number, content: string | undefined): void {
    if (content !== this.#snapshots.get(`${index}-${term}`)) throw new Violation('content', `the snapshot of ${index} is read as something else`);
  }

  /** Compares what a start found with all that it may have found, and goes on from there. */
  recovered({ hardState, snapshot, entries }: Initial, content: string | undefined): void {
    const found = [...this.#states].find(([, state]) => fits(state, hardState, snapshot.index, entries));
    if (!found) throw new Violation('prefix', `${this.#described(hardState, snapshot, entries)}`);
    if (snapshot.index < this.#markedIndex)
      throw new Violation('snapshot', `the snapshot of ${this.#markedIndex} was certain, and that of ${snapshot.index} was used`);
    const expected = this.#snapshots.get(`${snapshot.index}-${snapshot.term}`);
    if (snapshot.index > 0 && content !== expected) throw new Violation('content', `the snapshot of ${snapshot.index} holds something else`);
    this.#states = new Map([[found[0], found[1]]]);
    this.#issued = this.#acknowledged = found[0];
    this.#markedIndex = snapshot.index;
  }

  #described(hardState: HardState, snapshot: SnapshotMeta, entries: readonly Entry[]): string {
    const own = (state: LogState): string => `${JSON.stringify(state.hardState)} to ${state.base + state.entries.length}`;
    const may = [...this.#states.values()].map(own);
    return `found ${JSON.stringify(hardState)} to ${snapshot.index + entries.length} behind snapshot ${snapshot.index}, of ${may.length} that may be: ${may[0]} … ${may.at(-1)}`;
  }
}

function fits(state: LogState, hardState: HardState, snapshotIndex: number, entries: readonly Entry[]): boolean {
  const { term, vote, commit } = state.hardState;
  if (hardState.term !== term || hardState.vote !== vote || hardState.commit !== commit) return false;
  const expected = state.entries.slice(snapshotIndex - state.base);
  if (snapshotIndex < state.base || expected.length !== entries.length) return false;
  return expected.every((entry, at) => {
    const other = entries[at];
    return other?.index === entry.index && other.term === entry.term && other.kind === entry.kind && Buffer.compare(other.bytes, entry.bytes) === 0;
  });
}

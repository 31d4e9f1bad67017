/** A simulated disk: what a crash leaves of one member. */
import type { Configuration, Entry, HardState, SnapshotMeta } from '#raft/message';
import type { Write } from '#raft/ready';

/** A snapshot: what it describes, and the state machine's hash there. */
export interface Saved {
  readonly meta: SnapshotMeta;
  readonly hash: number;
}

export class Durable {
  hardState: HardState = { term: 0, vote: undefined, commit: 0 };
  saved: Saved;
  /** Without a gap; may begin before the snapshot. */
  entries: Entry[] = [];

  constructor(configuration: Configuration) {
    this.saved = { meta: { index: 0, term: 0, configuration }, hash: 0 };
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.saved.meta.index;
  }

  /** True when the disk holds the entry (term, index), be it in a snapshot. */
  holds(index: number, term: number): boolean {
    const { meta } = this.saved;
    if (index < meta.index) return true;
    if (index === meta.index) return meta.term === term;
    const first = this.entries[0]?.index ?? 0;
    return this.entries[index - first]?.term === term;
  }

  /** Does one write wholly; a crash leaves a write whole or not at all. */
  persist(write: Write, arrived: ReadonlyMap<number, Saved>): void {
    if (write.installed) {
      const saved = arrived.get(write.installed.index);
      if (!saved) throw new Error(`no bytes of snapshot ${write.installed.index}`);
      this.saved = saved;
      this.entries = [];
    }
    if (write.hardState) this.hardState = write.hardState;
    const first = write.entries[0];
    if (!first) return;
    while ((this.entries.at(-1)?.index ?? 0) >= first.index) this.entries.pop();
    this.entries.push(...write.entries);
  }

  /** A snapshot of the member's own; `keep` entries before it stay. */
  save(saved: Saved, keep: number): void {
    if (saved.meta.index <= this.saved.meta.index) return;
    this.saved = saved;
    this.entries = this.entries.filter((entry) => entry.index > saved.meta.index - keep);
  }

  /** What a start finds behind the snapshot. */
  get tail(): Entry[] {
    return this.entries.filter((entry) => entry.index > this.saved.meta.index);
  }
}

/** What must hold in a group at every moment, checked from outside. */
import { Violation } from '#test/simulation/tier';
import type { Entry } from '#raft/message';
import type { Status } from '#raft/raft';

interface Viewed {
  status(): Status;
  termAt(index: number): number | undefined;
}

export class RaftChecks {
  /** The one history: what any member has applied at an index. */
  readonly history = new Map<number, string>();
  readonly #leaders = new Map<number, string>();
  #highest = 0;
  /** Highest index of a write its client knows of. */
  acknowledged = 0;
  reads = 0;

  #require(holds: boolean, what: string): void {
    if (!holds) throw new Violation('safety', what);
  }

  /** State-machine safety: nobody ever applies something else at the same place. */
  applied(id: string, entry: Entry): void {
    const value = `${entry.term}:${entry.kind}:${Buffer.from(entry.bytes).toString()}`;
    const known = this.history.get(entry.index);
    this.#require(known === undefined || known === value, `${id} applies ${value} at ${entry.index}, where ${known} was applied`);
    this.history.set(entry.index, value);
    this.#highest = Math.max(this.#highest, entry.index);
  }

  /** Election safety, and leader completeness for a leader just elected. */
  observed(raft: Viewed): void {
    const { id, role, term, firstIndex } = raft.status();
    if (role !== 'leader') return;
    const known = this.#leaders.get(term);
    this.#require(known === undefined || known === id, `${id} and ${known} both lead term ${term}`);
    if (known) return;
    this.#leaders.set(term, id);
    for (let index = firstIndex; index <= this.#highest; index++) {
      const held = raft.termAt(index);
      this.#require(this.history.get(index)?.startsWith(`${held}:`) ?? true, `leader ${id} of term ${term} lacks committed entry ${index}`);
    }
  }

  /** Log matching: where two logs agree on a term, they agree on everything before. */
  matching(a: Viewed, b: Viewed): void {
    const left = a.status();
    const right = b.status();
    let agreed = false;
    for (let index = Math.min(left.lastIndex, right.lastIndex); index >= Math.max(left.firstIndex, right.firstIndex); index--) {
      const same = a.termAt(index) === b.termAt(index);
      this.#require(same || !agreed, `logs of ${left.id} and ${right.id} differ at ${index} but agree behind it`);
      agreed ||= same;
    }
  }

  /** A read must see every write that was acknowledged before it began. */
  read(index: number, acknowledgedBefore: number): void {
    this.reads++;
    this.#require(index >= acknowledgedBefore, `a read sees entry ${index}, but ${acknowledgedBefore} was acknowledged before it began`);
  }
}

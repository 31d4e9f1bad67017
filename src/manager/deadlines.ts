/** When the next look is due at which service or node; or at everything. */
import { Heap } from '#base/heap';
import type { Wake } from '#store/stage';

/** As stages ask for it, or `all`: something went wrong, and everything is looked at again. */
export type Deadline = Wake | { kind: 'all'; id: ''; at: number };

interface Entry {
  deadline: Deadline;
  at: number;
}

export class Deadlines {
  readonly #entries = new Map<string, Entry>();
  /** Holds entries that were replaced too, until they come up. */
  readonly #heap = new Heap<Entry>(isEarlier);

  /** Replaces what was known of the same service or node. */
  set(deadline: Deadline): void {
    const key = `${deadline.kind} ${deadline.id}`;
    if (deadline.at === undefined) {
      this.#entries.delete(key);
      return;
    }
    if (this.#entries.get(key)?.at === deadline.at) return;
    const entry = { deadline, at: deadline.at };
    this.#entries.set(key, entry);
    this.#heap.push(entry);
  }

  /** When (ms) it is due; undefined when it is not waited for. */
  of(kind: Deadline['kind'], id: string): number | undefined {
    return this.#entries.get(`${kind} ${id}`)?.at;
  }

  /** The earliest time (ms); undefined when nothing is due ever. */
  next(): number | undefined {
    for (let entry = this.#heap.peek(); entry; entry = this.#heap.peek()) {
      if (this.#entries.get(keyOf(entry)) === entry) return entry.at;
      this.#heap.pop();
    }
    return undefined;
  }

  /** Takes out what is due at `time` (ms). */
  take(time: number): Deadline[] {
    const due: Deadline[] = [];
    for (let at = this.next(); at !== undefined && at <= time; at = this.next()) {
      const entry = this.#heap.pop();
      if (!entry) break;
      this.#entries.delete(keyOf(entry));
      due.push(entry.deadline);
    }
    return due;
  }
}

function keyOf({ deadline }: Entry): string {
  return `${deadline.kind} ${deadline.id}`;
}

function isEarlier(a: Entry, b: Entry): boolean {
  return a.at < b.at;
}

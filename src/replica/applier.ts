/** Hands what is committed to the state machine, one entry at a time and in order, however long each takes. */
import { assert } from '#base/assert';
import type { Entry, SnapshotMeta } from '#raft/message';
import type { Outcome, StateMachine } from './replicated-log.ts';

export interface ApplierParts {
  machine: StateMachine;
  /** The bytes of a snapshot that was taken over from the leader. */
  read: (meta: SnapshotMeta) => AsyncIterable<Uint8Array>;
  /** The state holds everything up to the entry. */
  applied: (entry: Entry, outcome: Outcome) => void;
  /** The state is the snapshot's. */
  restored: (meta: SnapshotMeta) => void;
  failed: (error: Error) => void;
}

const nothingToDo: Outcome = { applied: true };

export class Applier {
  readonly #parts: ApplierParts;
  #entries: readonly Entry[] = [];
  #next = 0;
  #restore: { readonly meta: SnapshotMeta; readonly durable: Promise<void> } | undefined;
  #busy = false;
  #stopped = false;
  /** Index of the last entry that the state holds. */
  #index: number;

  constructor(index: number, parts: ApplierParts) {
    this.#index = index;
    this.#parts = parts;
  }

  /** Index of the last entry that the state holds. */
  get index(): number {
    return this.#index;
  }

  /** Nothing is under way: the state is the one at `index`. */
  get idle(): boolean {
    return !this.#busy && this.#restore === undefined && this.#next === this.#entries.length;
  }

  /** A snapshot overtakes everything that is still to be applied; it counts once the disk says that it does. */
  restore(meta: SnapshotMeta, durable: Promise<void>): void {
    this.#restore = { meta, durable };
    this.#entries = [];
    this.#next = 0;
    this.#run();
  }

  apply(entries: readonly Entry[]): void {
    assert(this.#next === this.#entries.length, 'a batch comes when the one before is applied');
    this.#entries = entries;
    this.#next = 0;
    this.#run();
  }

  /** What is under way ends; nothing further begins. */
  stop(): void {
    this.#stopped = true;
  }

  #run(): void {
    while (!this.#busy && !this.#stopped) {
      if (this.#restore) {
        this.#beginRestore(this.#restore.meta, this.#restore.durable);
        return;
      }
      const entry = this.#entries[this.#next];
      if (!entry) return;
      assert(entry.index === this.#index + 1, `entry ${entry.index} is applied after ${this.#index}`);
      const outcome = entry.kind === 'normal' && entry.bytes.length > 0 ? this.#parts.machine.apply(entry) : nothingToDo;
      if (outcome instanceof Promise) {
        void this.#await(outcome, (known) => this.#done(entry, known));
        return;
      }
      this.#done(entry, outcome);
    }
  }

  #done(entry: Entry, outcome: Outcome): void {
    this.#index = entry.index;
    // A snapshot that came meanwhile has taken the batch's place.
    if (this.#entries[this.#next] === entry) this.#next++;
    this.#parts.applied(entry, outcome);
  }

  #beginRestore(meta: SnapshotMeta, durable: Promise<void>): void {
    this.#restore = undefined;
    const { machine, read } = this.#parts;
    const work = durable.then(() => machine.restore(meta.index, read(meta)));
    void this.#await(work, () => {
      this.#index = meta.index;
      this.#parts.restored(meta);
    });
  }

  async #await<T>(work: Promise<T>, done: (result: T) => void): Promise<void> {
    this.#busy = true;
    try {
      const result = await work;
      this.#busy = false;
      done(result);
      this.#run();
    } catch (error) {
      this.#parts.failed(error as Error);
    }
  }
}

/** The state that the log's entries make: the store behind its formats. */
import { assert } from '#base/assert';
import { nextTurn } from '#base/clock';
import { inTurns } from '#base/pace/steps';
import { turnOf, type Turns } from '#base/pace/turn';
import { Refusal } from '#base/refusal';
import { needOf } from '#store/feature-level';
import type { Entry, StoreEvent } from '#store/action';
import { Store } from '#store/store';
import { Divergence } from './divergence.ts';
import { decodeEntry, EntryDecoder } from './entry-format.ts';
import type { Committed, Outcome, StateMachine } from './replicated-log.ts';
import { encodeState, StateDecoder } from './state-format.ts';

/** Entries above this are read in slices, a pause after each: what they change is a turn's work by itself. */
const sliceBytes = 64 * 1024;

const ownTurns: Turns = { monotonicNow: () => performance.now(), soon: (run) => void setImmediate(run) };

/** Handed to the log when it is made, and to the manager that reads it. */
export class ReplicatedState implements StateMachine {
  readonly store = new Store();
  readonly #clock: Turns;
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();
  readonly #restoreListeners = new Set<() => void>();
  #counting = false;

  /** `clock`: that of the others whose work falls into the same turns. */
  constructor(clock: Turns = ownTurns) {
    this.#clock = clock;
  }

  /** How many listen. */
  get listening(): number {
    return this.#listeners.size + this.#restoreListeners.size;
  }

  apply(committed: Committed): Outcome | Promise<Outcome> {
    if (committed.bytes.length > sliceBytes) return this.#applyInSlices(committed);
    return this.#applyEntry(
      committed,
      this.#read(committed.index, () => decodeEntry(committed.bytes)),
    );
  }

  snapshot(): Iterable<Uint8Array> {
    return encodeState(this.store.image());
  }

  async restore(index: number, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const decoding = new StateDecoder();
    for await (const piece of pieces) {
      for (const _step of decoding.take(piece)) await nextTurn(this.#clock);
      await nextTurn(this.#clock);
    }
    const image = decoding.finish();
    assert(image.index <= index && this.store.index <= index, `the state of entry ${image.index} comes as that of ${index}, after ${this.store.index}`);
    this.store.become(image);
    for (const listener of this.#restoreListeners) listener();
    this.#countSoon();
  }

  /** Calls `listener` with each entry's events in the turn that applied it; returns the way out. */
  watch(listener: (events: readonly StoreEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener` when everything was replaced by a snapshot; returns the way out. */
  onRestore(listener: () => void): () => void {
    this.#restoreListeners.add(listener);
    return () => void this.#restoreListeners.delete(listener);
  }

  async #applyInSlices(committed: Committed): Promise<Outcome> {
    const decoding = this.#read(committed.index, () => new EntryDecoder(committed.bytes));
    while (!decoding.done) {
      turnOf(this.#clock).begin();
      this.#read(committed.index, () => decoding.step());
      await nextTurn(this.#clock);
    }
    return this.#applyEntry(committed, decoding.finish());
  }

  #applyEntry({ index, term }: Committed, entry: Entry): Outcome {
    turnOf(this.#clock).begin();
    if (entry.term !== undefined && entry.term !== term)
      return { applied: false, reason: `it was decided in term ${entry.term}, and the log has it in term ${term}` };
    this.#refuseUnknown(index, entry);
    const reason = this.store.misfit(entry);
    if (reason !== undefined) return { applied: false, reason };
    this.#compare(entry);
    const events = this.store.apply(index, entry);
    for (const listener of this.#listeners) listener(events);
    this.#countSoon();
    return { applied: true };
  }

  /** In turns to come, on every manager alike: whoever compares finds the hash counted. */
  #countSoon(): void {
    if (this.#counting || !this.store.hashIsBehind) return;
    this.#counting = true;
    this.#clock.soon(() => void inTurns(this.store.countHash(), this.#clock).then(() => (this.#counting = false)));
  }

  #refuseUnknown(index: number, { actions }: Entry): void {
    const unknown = actions.find((action) => needOf(action) === undefined);
    if (!unknown) return;
    throw new Refusal(
      'failedPrecondition',
      `entry ${index} of the log would ${unknown.type} a ${unknown.kind}, which this program does not know: run the version of the other managers here`,
    );
  }

  /** The state must be the one that the leader had. */
  #compare({ check }: Entry): void {
    if (check === undefined) return;
    const own = this.store.hashSoon();
    // One that has come by a snapshot lately may still be counting: the next check will do.
    if (own === undefined) return;
    // Another version makes its hash in another way.
    if (own[0] === check[0] && own !== check) throw new Divergence(this.store.index, check, own);
  }

  #read<T>(index: number, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw new Refusal('failedPrecondition', `entry ${index} of the log cannot be read: ${(error as Error).message}`);
    }
  }
}

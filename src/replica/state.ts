/** The state that the log's entries make: the store behind its codec. */
import { decode, encode } from '#base/codec';
import type { Entry, StoreEvent } from '#store/action';
import { Store, type StoreImage } from '#store/store';
import type { StateMachine } from './replicated-log.ts';

/** Handed to the log when it is made, and to the manager that reads it. */
export class ReplicatedState implements StateMachine {
  readonly store = new Store();
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();
  readonly #restoreListeners = new Set<() => void>();

  /** How many listen. */
  get listening(): number {
    return this.#listeners.size + this.#restoreListeners.size;
  }

  apply(index: number, bytes: Uint8Array): void {
    const events = this.store.apply(index, decode<Entry>(bytes));
    for (const listener of this.#listeners) listener(events);
  }

  snapshot(): Uint8Array {
    return encode(this.store.image());
  }

  restore(index: number, bytes: Uint8Array): void {
    this.store.restore({ ...decode<StoreImage>(bytes), index });
    for (const listener of this.#restoreListeners) listener();
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
}

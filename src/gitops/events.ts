/** What the reconciler did and why, for whoever listens and for whoever comes late. */
import type { HealthState } from '#model/object/states';

export interface ReconcileEvent {
  /** RFC 3339 */
  time: string;
  type: 'stack' | 'repository';
  name: string;
  action: 'applied' | 'held' | 'refused' | 'drift reverted' | 'removed' | 'noted' | 'synced' | 'degraded' | 'unavailable' | HealthState;
  message: string;
}

const kept = 256;

export class ReconcileEvents {
  readonly #listeners = new Set<(event: ReconcileEvent) => void>();
  readonly #recent: ReconcileEvent[] = [];

  emit(event: ReconcileEvent): void {
    this.#recent.push(event);
    if (this.#recent.length > kept) this.#recent.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** The last 256, oldest first. */
  recent(): readonly ReconcileEvent[] {
    return this.#recent;
  }

  /** Returns the way out. */
  watch(listener: (event: ReconcileEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Tells those who listen when this member leads and serves, and when that ends. */
import type { LeadershipListener } from './replicated-log.ts';

export class Leadership {
  readonly #listeners = new Set<LeadershipListener>();
  #term: number | undefined;

  /** The term in which this member leads and serves; undefined while it does not. */
  get term(): number | undefined {
    return this.#term;
  }

  listen(listener: LeadershipListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is true now; whoever listens hears of it in this turn if it is new. */
  set(term: number | undefined): void {
    if (term === this.#term) return;
    if (this.#term !== undefined) {
      this.#term = undefined;
      for (const listener of this.#listeners) listener.ended();
    }
    this.#term = term;
    if (term !== undefined) for (const listener of this.#listeners) listener.began(term);
  }
}

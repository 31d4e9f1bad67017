/** What the manager asks of consensus: an ordered, durable log of entries. The replica is one. */

/** One committed entry. */
export interface Committed {
  readonly index: number;
  /** Of the leader that proposed it. */
  readonly term: number;
  readonly bytes: Uint8Array;
}

/** An entry took effect, or none of it did and why: it was decided on a state that never came to be. */
export type Outcome = { readonly applied: true } | { readonly applied: false; readonly reason: string };

/** The state that the log's entries make. What takes long comes as a promise; the next call waits for it. */
export interface StateMachine {
  /** Called once per committed entry, in order. Throws only what must end the process. */
  apply(entry: Committed): Outcome | Promise<Outcome>;
  /** The whole state as of the entry applied last; made in pieces as they are asked for, whatever is applied meanwhile. */
  snapshot(): Iterable<Uint8Array>;
  /** Replaces the state; `index` is that of the last entry the snapshot holds. The pieces may be cut differently. */
  restore(index: number, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
}

/** Hears when this node begins to lead and when that ends, each in the turn in which it happens and always in turns. */
export interface LeadershipListener {
  /** The state holds everything of the terms before `term`. */
  began(term: number): void;
  ended(): void;
}

export interface ReplicatedLog {
  /** Opens the files, restores and applies what is committed, and resolves when this node can serve (a lone voter: as leader). */
  start(): Promise<void>;
  /** Tells `listener` from now on; returns the way out. */
  leadership(listener: LeadershipListener): () => void;
  /**
   * Resolves once the entry is committed, durable here and applied, with what became of it. Refuses `unavailable` when this
   * node does not lead `term`; with the fact `outcome: 'unknown'` when leadership went while the entry was under way: it may
   * still take effect.
   */
  propose(bytes: Uint8Array, term: number): Promise<Outcome>;
  /** Resolves when the state holds everything that was committed before the call: linearizable reads. */
  readIndex(): Promise<void>;
  leads(): boolean;
  /** Waits for writes under way, closes the files. */
  stop(): Promise<void>;
}

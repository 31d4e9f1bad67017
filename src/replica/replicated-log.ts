/** What the manager asks of consensus: an ordered, durable log of entries. The raft driver is one. */

/** The state that the log's entries make. */
export interface StateMachine {
  /** Called once per committed entry, in order. */
  apply(index: number, bytes: Uint8Array): void;
  /** The whole state as of the entry applied last. */
  snapshot(): Uint8Array;
  /** Replaces the state; `index` is that of the last entry the snapshot holds. */
  restore(index: number, bytes: Uint8Array): void;
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
  /** Resolves with the index once the entry is committed, durable here and applied. Refuses `unavailable` when this node does not lead `term`. */
  propose(bytes: Uint8Array, term: number): Promise<number>;
  /** Resolves when the state holds everything that was committed before the call: linearizable reads. */
  readIndex(): Promise<void>;
  leads(): boolean;
  /** Waits for writes under way, closes the files. */
  stop(): Promise<void>;
}

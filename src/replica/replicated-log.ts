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

export interface Member {
  readonly id: string;
  /** `host:port` of its door for managers. */
  readonly address: string;
}

/** Changes of who the managers are. All are the leader's to make: others refuse `unavailable`. */
export interface MemberChanges {
  /**
   * Resolves when the member belongs to the group as a learner, durably at a majority: it may then be started, with a
   * folder that begins with nobody, and votes by itself once it has caught up. Repeating it is harmless; for a member with
   * another address it changes that.
   */
  add(member: Member): Promise<void>;
  /**
   * Resolves when the member is out, durably at a majority of the others: it may then be switched off. Refuses
   * `failedPrecondition` what would cost the quorum, counted over those who answer, and the last manager. A leader that is
   * to go hands over first and refuses `unavailable`: the next leader is to be asked.
   */
  remove(id: string): Promise<void>;
  /** Refuses as `remove` would, at once and without doing anything. */
  checkRemoval(id: string): void;
  /** This member is reached at another address from now on: as soon as it leads it tells the group by itself. */
  movedTo(address: string): void;
  /** Hands leadership to the manager that is furthest; resolves with whether this one leads no longer. */
  transfer(): Promise<boolean>;
}

export interface MemberState extends Member {
  readonly voter: boolean;
  readonly reachable: boolean;
  /** When it was last heard here, milliseconds; undefined: never. */
  readonly heardAt: number | undefined;
}

/** The group as this member sees it. */
export interface Standing {
  /** This member. */
  readonly id: string;
  readonly leader: string | undefined;
  readonly term: number;
  readonly members: readonly MemberState[];
  /** Since when too few managers answer for any to lead (milliseconds); absent while that is not so. */
  readonly quorumLostAt?: number;
}

export interface ReplicatedLog {
  /** Opens the files, restores and applies what is committed, and resolves when this node can serve (a lone voter: as leader). */
  start(): Promise<void>;
  /** Tells `listener` from now on; returns the way out. */
  leadership(listener: LeadershipListener): () => void;
  /**
   * Resolves once the entry is committed, durable here and applied, with what became of it. Refuses `unavailable` when this
   * node does not lead `term`; with the fact `outcome: 'unknown'` when leadership went while the entry was under way: it may
   * still take effect; with `outcome: 'none'` while this node hands its leadership on: the next leader takes what is asked again.
   */
  propose(bytes: Uint8Array, term: number): Promise<Outcome>;
  /** Resolves when the state holds everything that was committed before the call: linearizable reads. */
  readIndex(): Promise<void>;
  leads(): boolean;
  readonly members: MemberChanges;
  /** Undefined before the start. */
  standing(): Standing | undefined;
  /** Waits for writes under way, closes the files. */
  stop(): Promise<void>;
}

/** A ReplicatedLog in memory, with failures and delays on demand. */
import { Refusal } from '#base/refusal';
import { decodeEntry } from '#replica/entry-format';
import type { LeadershipListener, MemberChanges, Outcome, ReplicatedLog, StateMachine } from '#replica/replicated-log';

export class MemoryLog implements ReplicatedLog {
  /** Every committed entry, in order: a new manager can be started from it. */
  readonly entries: Uint8Array[];
  /** Errors that the next proposals end with, one each. */
  readonly failures: unknown[] = [];
  /** When set, proposals wait for it before they commit. */
  gate: Promise<void> | undefined;
  /** When set, it takes as long until this node knows that it still leads. */
  reading: Promise<void> | undefined;
  proposals = 0;
  /** An entry that an earlier leader left: it commits before the next proposal does. */
  before: Uint8Array | undefined;
  /** Which proposals had an effect. */
  readonly outcomes: boolean[] = [];
  leading = true;
  term = 0;
  readonly #listeners = new Set<LeadershipListener>();
  readonly #state: StateMachine;

  constructor(state: StateMachine, entries: Uint8Array[] = []) {
    this.#state = state;
    this.entries = entries;
  }

  async start(): Promise<void> {
    for (const [position, bytes] of this.entries.entries()) await this.#state.apply({ index: position + 1, term: decodeEntry(bytes).term ?? 0, bytes });
    this.lead();
  }

  /** Gives this node leadership, in a new term. */
  lead(): void {
    this.leading = true;
    this.term++;
    for (const listener of this.#listeners) listener.began(this.term);
  }

  /** Takes leadership away. */
  depose(): void {
    this.leading = false;
    for (const listener of this.#listeners) listener.ended();
  }

  /** It is alone. */
  readonly members: MemberChanges = { add: refused, remove: refused, checkRemoval: () => undefined, movedTo: () => undefined, transfer: async () => false };

  standing(): undefined {
    return undefined;
  }

  leadership(listener: LeadershipListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async propose(bytes: Uint8Array, term: number): Promise<Outcome> {
    this.proposals++;
    await this.gate;
    if (!this.leading || term !== this.term) throw new Refusal('unavailable', 'this node does not lead');
    if (this.failures.length > 0) throw this.failures.shift();
    if (this.before) await this.#commit(this.before, 0);
    this.before = undefined;
    const outcome = await this.#commit(bytes, term);
    this.outcomes.push(outcome.applied);
    return outcome;
  }

  async #commit(bytes: Uint8Array, term: number): Promise<Outcome> {
    this.entries.push(bytes);
    return this.#state.apply({ index: this.entries.length, term, bytes });
  }

  async readIndex(): Promise<void> {
    await this.reading;
    if (!this.leading) throw new Refusal('unavailable', 'this node does not lead');
  }

  leads(): boolean {
    return this.leading;
  }

  async stop(): Promise<void> {}
}

function refused(): Promise<never> {
  return Promise.reject(new Refusal('unimplemented', 'this log has one member'));
}

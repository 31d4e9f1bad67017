/** A ReplicatedLog in memory, with failures and delays on demand. */
import { Refusal } from '#base/refusal';
import type { ReplicatedLog, StateMachine } from '#replica/replicated-log';

export class MemoryLog implements ReplicatedLog {
  /** Every committed entry, in order: a new manager can be started from it. */
  readonly entries: Uint8Array[];
  /** Errors that the next proposals end with, one each. */
  readonly failures: unknown[] = [];
  /** When set, proposals wait for it before they commit. */
  gate: Promise<void> | undefined;
  proposals = 0;
  leading = true;
  readonly #state: StateMachine;

  constructor(state: StateMachine, entries: Uint8Array[] = []) {
    this.#state = state;
    this.entries = entries;
  }

  async start(): Promise<void> {
    this.entries.forEach((bytes, position) => this.#state.apply(position + 1, bytes));
  }

  async propose(bytes: Uint8Array): Promise<number> {
    this.proposals++;
    await this.gate;
    if (!this.leading) throw new Refusal('unavailable', 'this node does not lead');
    if (this.failures.length > 0) throw this.failures.shift();
    this.entries.push(bytes);
    this.#state.apply(this.entries.length, bytes);
    return this.entries.length;
  }

  async readIndex(): Promise<void> {
    if (!this.leading) throw new Refusal('unavailable', 'this node does not lead');
  }

  leads(): boolean {
    return this.leading;
  }

  async stop(): Promise<void> {}
}

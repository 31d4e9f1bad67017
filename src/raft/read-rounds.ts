/** Linearizable reads without a log entry: the leader asks a quorum whether it still leads, in numbered rounds. */
import type { ReadState } from './message.ts';

interface Waiting extends ReadState {
  /** Who asked. */
  readonly from: string;
  /** The round that confirms it. */
  readonly round: number;
}

export interface Asked {
  readonly requestId: string;
  readonly from: string;
}

export class ReadRounds {
  /** Rounds begun in this term. The leader makes the numbers, so a late answer can never confirm a newer read. */
  sequence = 0;
  /** Answers for this member's own callers. */
  done: ReadState[] = [];
  /** Own requests that will get no answer: ask again. */
  failed: string[] = [];
  /** Came before the first commit of the leader's term. */
  #early: Asked[] = [];
  #waiting: Waiting[] = [];
  /** Own requests sent to a leader. */
  readonly #forwarded = new Set<string>();
  readonly #limit: number;
  #roundOpen = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#early.length + this.#waiting.length + this.#forwarded.size >= this.#limit;
  }

  /** Confirmations of an earlier role mean nothing in the next one. */
  reset(): void {
    this.failed.push(...this.#forwarded, ...this.#early.map((one) => one.requestId), ...this.#waiting.map((one) => one.requestId));
    this.#forwarded.clear();
    this.#early = [];
    this.#waiting = [];
    this.sequence = 0;
    this.#roundOpen = false;
  }

  forward(requestId: string): void {
    this.#forwarded.add(requestId);
  }

  answered(requestId: string, index: number): void {
    if (this.#forwarded.delete(requestId)) this.done.push({ requestId, index });
  }

  addEarly(asked: Asked): void {
    this.#early.push(asked);
  }

  takeEarly(): Asked[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  /** Puts a read into the next round; all reads of one turn share it. */
  add(asked: Asked, index: number): void {
    this.#roundOpen = true;
    this.#waiting.push({ ...asked, index, round: this.sequence + 1 });
  }

  /** Begins the next round if a read waits for it; returns whether heartbeats must go out. */
  startRound(): boolean {
    if (!this.#roundOpen) return false;
    this.#roundOpen = false;
    this.sequence++;
    return true;
  }

  /** Reads confirmed by a quorum that answered round `round` or a later one. */
  takeConfirmed(round: number): Waiting[] {
    const confirmed = this.#waiting.filter((one) => one.round <= round);
    if (confirmed.length > 0) this.#waiting = this.#waiting.filter((one) => one.round > round);
    return confirmed;
  }
}

/** Linearizable reads without a log entry: the leader asks a quorum whether it still leads, in numbered rounds. */
import type { ReadState } from './message.ts';

export interface Asked {
  readonly requestId: string;
  /** Who asked. */
  readonly from: string;
  /** Tick at which it is given up. */
  readonly deadline: number;
}

interface Waiting extends Asked {
  readonly index: number;
  /** The round that confirms it. */
  readonly round: number;
}

export interface ReadOptions {
  /** The member whose reads these are. */
  readonly id: string;
  /** Unique for every start of the member: an answer to a read of an earlier life must not answer one of this life. */
  readonly incarnation: string;
  /** Reads that may wait. */
  readonly limit: number;
  /** Ticks after which a read without an answer fails. */
  readonly timeoutTicks: number;
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
  /** Own requests sent to a leader, by the id that they have on the wire. */
  readonly #forwarded = new Map<string, Asked>();
  readonly #options: ReadOptions;
  #now = 0;

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#early.length + this.#waiting.length + this.#forwarded.size >= this.#options.limit;
  }

  asked(requestId: string, from: string): Asked {
    return { requestId, from, deadline: this.#now + this.#options.timeoutTicks };
  }

  /** Confirmations of an earlier role mean nothing in the next one. Other members' reads end by their own clocks. */
  reset(): void {
    for (const asked of [...this.#forwarded.values(), ...this.#early, ...this.#waiting]) this.#fail(asked);
    this.#forwarded.clear();
    this.#early = [];
    this.#waiting = [];
    this.sequence = 0;
  }

  #fail(asked: Asked): void {
    if (asked.from === this.#options.id) this.failed.push(asked.requestId);
  }

  /** Time passes: what has waited too long fails. */
  tick(): void {
    this.#now++;
    const late = (asked: Asked): boolean => asked.deadline <= this.#now;
    for (const [wireId, asked] of this.#forwarded) {
      if (!late(asked)) continue;
      this.#forwarded.delete(wireId);
      this.#fail(asked);
    }
    for (const asked of [...this.#early, ...this.#waiting]) if (late(asked)) this.#fail(asked);
    this.#early = this.#early.filter((asked) => !late(asked));
    this.#waiting = this.#waiting.filter((asked) => !late(asked));
  }

  /** Own requests sent to a leader that is gone. */
  failForwarded(): void {
    for (const asked of this.#forwarded.values()) this.#fail(asked);
    this.#forwarded.clear();
  }

  /** Notes an own request that goes to the leader; returns its id on the wire. */
  forward(requestId: string): string {
    const wireId = `${this.#options.incarnation}/${requestId}`;
    this.#forwarded.set(wireId, this.asked(requestId, this.#options.id));
    return wireId;
  }

  answered(wireId: string, index: number): void {
    const asked = this.#forwarded.get(wireId);
    if (!asked) return;
    this.#forwarded.delete(wireId);
    this.done.push({ requestId: asked.requestId, index });
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
    this.#waiting.push({ ...asked, index, round: this.sequence + 1 });
  }

  /** Begins the next round if a read waits for it; returns whether heartbeats must go out. */
  startRound(): boolean {
    if (!this.#waiting.some(({ round }) => round > this.sequence)) return false;
    this.sequence++;
    return true;
  }

  /** Reads that are confirmed; `upTo` says of an asker up to which round a quorum confirms its reads. */
  takeConfirmed(upTo: (asker: string) => number): Waiting[] {
    const rounds = new Map<string, number>();
    const isConfirmed = ({ from, round }: Waiting): boolean => {
      const known = rounds.get(from) ?? upTo(from);
      rounds.set(from, known);
      return round <= known;
    };
    const confirmed = this.#waiting.filter(isConfirmed);
    if (confirmed.length > 0) this.#waiting = this.#waiting.filter((one) => !isConfirmed(one));
    return confirmed;
  }
}

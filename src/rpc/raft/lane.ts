/** What waits to be said to one manager on one kind of line: bounded, never waited for, and lost with the line. */
import type { RaftFrame } from '../generated/shoal/v1/raft.ts';
import { sizeOf, toFrames, type Spoken } from './raft-wire.ts';

/** One end of a stream, whoever began it. */
export interface Line {
  write(frame: RaftFrame): boolean;
  once(event: 'drain', listener: () => void): unknown;
  /** Ends it, whatever is under way. */
  cut(): void;
}

export interface LaneLimits {
  readonly messages: number;
  readonly bytes: number;
}

export class Lane {
  readonly #limits: LaneLimits;
  readonly #lost: () => void;
  #line: Line | undefined;
  #waiting: Spoken[] = [];
  #bytes = 0;
  /** The rest of the message that is being written. */
  #frames: Iterator<RaftFrame> | undefined;
  #blocked = false;

  /** @param lost told when something that was to be said is not */
  constructor(limits: LaneLimits, lost: () => void) {
    this.#limits = limits;
    this.#lost = lost;
  }

  get open(): boolean {
    return this.#line !== undefined;
  }

  send(message: Spoken): void {
    if (!this.#line) return this.#lost();
    this.#waiting.push(message);
    this.#bytes += sizeOf(message);
    while (this.#waiting.length > this.#limits.messages || (this.#bytes > this.#limits.bytes && this.#waiting.length > 1)) this.#drop();
    this.#pump();
  }

  /** From now on `line` is used; what was under way on another is lost. */
  use(line: Line | undefined): void {
    if (line === this.#line) return;
    const unsaid = this.#waiting.length > 0 || this.#frames !== undefined;
    this.#line = line;
    this.#frames = undefined;
    this.#waiting = [];
    this.#bytes = 0;
    this.#blocked = false;
    if (unsaid || !line) this.#lost();
  }

  /** A heartbeat says nothing that the next does not; else the newest goes, for those before it are what it rests on. */
  #drop(): void {
    const heartbeat = this.#waiting.findIndex(({ type }) => type === 'heartbeat' || type === 'heartbeatReply');
    const [dropped] = this.#waiting.splice(heartbeat >= 0 ? heartbeat : this.#waiting.length - 1, 1);
    this.#bytes -= dropped ? sizeOf(dropped) : 0;
    this.#lost();
  }

  #pump(): void {
    const line = this.#line;
    while (line && !this.#blocked) {
      const frame = this.#next();
      if (!frame) return;
      // Whoever writes may end the line by that.
      const goesOn = line.write(frame);
      if (line !== this.#line) return;
      if (goesOn) continue;
      this.#blocked = true;
      line.once('drain', () => {
        if (line !== this.#line) return;
        this.#blocked = false;
        this.#pump();
      });
    }
  }

  #next(): RaftFrame | undefined {
    for (;;) {
      const next = this.#frames?.next();
      if (next?.done === false) return next.value;
      const message = this.#waiting.shift();
      this.#frames = message && toFrames(message);
      if (!message) return undefined;
      this.#bytes -= sizeOf(message);
    }
  }
}

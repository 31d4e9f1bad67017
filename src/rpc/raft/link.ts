/** One kind of line to one manager: dialled where its address is known, else the one that it dialled; made anew whenever it breaks. */
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#base/clock';
import { afterLimit } from '#base/pace/fair-limit';
import type { Random } from '#base/random';
import type { RaftFrame } from '../generated/shoal/v1/raft.ts';
import { Lane, type LaneLimits, type Line } from './lane.ts';
import { Frames, type Spoken } from './raft-wire.ts';

export type Dialled = ClientDuplexStream<RaftFrame, RaftFrame>;
export type Accepted = ServerDuplexStream<RaftFrame, RaftFrame>;

/** A call and the end of all that it needed. */
export interface Dialling {
  readonly call: Dialled;
  close(): void;
}

export interface LinkParts {
  /** The other manager. */
  readonly peer: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: LaneLimits;
  /** Undefined while nobody can be dialled. */
  readonly dial: (address: string) => Dialling | undefined;
  readonly heard: (message: Record<string, unknown>) => void;
  readonly lost: () => void;
  /** A line is there, and there was none. */
  readonly opened: () => void;
  /** Why a line was not to be had, or ended. */
  readonly failed: (error: Error) => void;
}

/** A manager that is there answers at once; one that is not is asked again soon, for it may lead the group back to a majority. */
const retry = { firstMs: 50, quickTries: 8, mostMs: 1000 };
const answerLimitMs = 2000;
/** Who just joins opens its door after it became a member, and calls then: each try before that is a handshake's work for nothing, in every manager, while somebody waits for the join. */
const enteringMs = 400;
/** Over the line of who has called he is answered: another one beside it, for the day when that breaks, has time until what he calls for is done. A join is full of such calls. */
const besideMs = 1500;

export class Link {
  readonly lane: Lane;
  readonly #parts: LinkParts;
  #address: string | undefined;
  #dialling: Dialling | undefined;
  #dialled: Line | undefined;
  #accepted: Line | undefined;
  #attempts = 0;
  #cancel: (() => void) | undefined;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.lane = new Lane(parts.limits, parts.lost);
  }

  /** Where it is dialled from now on; undefined: nowhere. `isNew`: it takes part from now on, and listens a moment later at the earliest. */
  at(address: string | undefined, isNew = false): void {
    if (address === this.#address) return;
    this.#address = address;
    this.#attempts = 0;
    this.#hangUp();
    if (this.#accepted) this.#redial(besideMs);
    else if (isNew) this.#redial(enteringMs);
    else this.#dial();
  }

  /** The other end has called: it is there, and can be answered that way. */
  accept(call: Accepted): void {
    this.#accepted?.cut();
    const line: Line = { write: (frame) => call.write(frame), once: (event, listener) => call.once(event, listener), cut: () => call.end() };
    this.#accepted = line;
    this.#listen(call, line, () => {
      if (this.#accepted !== line) return;
      this.#accepted = undefined;
      this.#choose();
      this.there();
    });
    this.#choose();
    if (!this.#dialling) this.#redial(besideMs);
  }

  /** The other end is known to be there: who waits before the next try waits no longer. */
  there(): void {
    if (!this.#dialling) this.#redial(0);
  }

  stop(): void {
    this.#address = undefined;
    this.#hangUp();
    this.#accepted?.cut();
    this.#accepted = undefined;
    this.#choose();
  }

  #choose(): void {
    const { open } = this.lane;
    this.lane.use(this.#dialled ?? this.#accepted);
    if (!open && this.lane.open) this.#parts.opened();
  }

  #dial(): void {
    this.#cancel?.();
    if (this.#address === undefined) return;
    const dialling = this.#parts.dial(this.#address);
    if (!dialling) return this.#redial(retry.mostMs);
    this.#dialling = dialling;
    const { call } = dialling;
    const line: Line = { write: (frame) => call.write(frame), once: (event, listener) => call.once(event, listener), cut: () => call.cancel() };
    const late = afterLimit(this.#parts.clock, answerLimitMs, () => line.cut());
    call.once('metadata', () => {
      late();
      if (this.#dialling !== dialling) return;
      this.#attempts = 0;
      this.#dialled = line;
      this.#choose();
    });
    this.#listen(call, line, () => {
      late();
      dialling.close();
      if (this.#dialling !== dialling) return;
      this.#dialling = undefined;
      this.#dialled = undefined;
      this.#choose();
      const slower = Math.max(0, ++this.#attempts - retry.quickTries);
      this.#redial(Math.min(retry.mostMs, retry.firstMs * 2 ** slower) * (0.5 + this.#parts.random.next()));
    });
  }

  #redial(delayMs: number): void {
    this.#cancel?.();
    if (this.#address !== undefined) this.#cancel = this.#parts.clock.after(delayMs, () => this.#dial());
  }

  #hangUp(): void {
    this.#cancel?.();
    const dialling = this.#dialling;
    this.#dialling = undefined;
    this.#dialled = undefined;
    this.#choose();
    dialling?.call.cancel();
  }

  /** What comes is put together and handed on; what makes no sense ends the line, and nothing of it reaches the process. */
  #listen(call: Dialled | Accepted, line: Line, gone: () => void): void {
    const { peer, nodeId, heard, failed } = this.#parts;
    const frames = new Frames({ from: peer, to: nodeId });
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      line.cut();
      gone();
    };
    call.on('data', (frame: RaftFrame) => {
      if (over) return;
      try {
        const message = frames.add(frame);
        if (message) heard(message);
      } catch (error) {
        failed(error as Error);
        end();
      }
    });
    call.on('error', (error: Error) => {
      if (!over) failed(error);
      end();
    });
    call.on('end', end);
    call.on('close', end);
    call.on('cancelled', end);
  }
}

/** What goes behind entries, and what never must. */
export function kindOf(message: Spoken): 'entries' | 'pulse' {
  return message.type === 'append' || message.type === 'appendReply' ? 'entries' : 'pulse';
}

/** One snapshot on its way to another manager: a call that breaks is followed by one that goes on where the other end is. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { encode } from '#base/codec';
import type { InstallSnapshot } from '#raft/message';
import type { SnapshotFrame, SnapshotProgress } from '../generated/shoal/v1/raft.ts';
import { pieceBytes } from './raft-wire.ts';

export type SnapshotCall = ClientDuplexStream<SnapshotFrame, SnapshotProgress>;

export interface SendingParts {
  /** Unique for each. */
  readonly transfer: string;
  readonly open: () => { readonly call: SnapshotCall; readonly close: () => void };
  /** Between 0 and 1. */
  readonly jitter: () => number;
  readonly signal: AbortSignal;
}

/** Bytes that are under way and may have to be sent again. */
const windowBytes = 4 * 1024 * 1024;
const attempts = 6;
const retryMs = 200;
const answerLimitMs = 5000;
/** What another call may put right. */
const passing: readonly (status | undefined)[] = [status.UNAVAILABLE, status.CANCELLED, status.DEADLINE_EXCEEDED, status.INTERNAL];

export class SnapshotSending {
  readonly #message: InstallSnapshot;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #parts: SendingParts;
  readonly #digest = createHash('sha256');
  /** What was asked for and is not known to have arrived, one behind the other from `#from` on. */
  #kept: Uint8Array[] = [];
  #from = 0;
  #end = 0;
  #all = false;

  constructor(message: InstallSnapshot, pieces: AsyncIterable<Uint8Array>, parts: SendingParts) {
    this.#message = message;
    this.#pieces = cut(pieces)[Symbol.asyncIterator]();
    this.#parts = parts;
  }

  /** Resolves with whether the other end has stored it. */
  async run(): Promise<boolean> {
    try {
      for (let attempt = 1; attempt <= attempts && !this.#parts.signal.aborted; attempt++) {
        const outcome = await this.#once();
        if (outcome !== 'again') return outcome === 'done';
        await pause(retryMs * attempt * (0.5 + this.#parts.jitter()), undefined, { signal: this.#parts.signal }).catch(() => undefined);
      }
      return false;
    } finally {
      await this.#pieces.return?.().catch(() => undefined);
    }
  }

  async #once(): Promise<'done' | 'again' | 'never'> {
    const { call, close } = this.#parts.open();
    const talk = new Talk(call, this.#parts.signal);
    try {
      const { term, meta } = this.#message;
      const configuration = encode(meta.configuration);
      call.write({ frame: { $case: 'begin', value: { transfer: this.#parts.transfer, term, index: meta.index, snapshotTerm: meta.term, configuration } } });
      const begin = await talk.first();
      if (begin.done) return 'done';
      await this.#send(talk, begin.offset);
      await talk.until(() => talk.done);
      return 'done';
    } catch (error) {
      const { code } = error as ServiceError;
      return code === undefined || passing.includes(code) ? 'again' : 'never';
    } finally {
      talk.end();
      close();
    }
  }

  async #send(talk: Talk, offset: number): Promise<void> {
    if (offset < this.#from || offset > this.#end) throw Object.assign(new Error('the other end is somewhere else'), { code: status.OUT_OF_RANGE });
    for (let at = offset; ;) {
      this.#forget(Math.max(talk.offset, offset));
      const piece = at < this.#end ? this.#keptAt(at) : await this.#next();
      if (!piece) break;
      talk.write({ frame: { $case: 'piece', value: piece } });
      at += piece.length;
      await talk.until(() => talk.writable && at - Math.max(talk.offset, offset) < windowBytes);
    }
    talk.write({ frame: { $case: 'end', value: { bytes: this.#end, digest: this.#digest.copy().digest() } } });
  }

  async #next(): Promise<Uint8Array | undefined> {
    const next = this.#all ? undefined : await this.#pieces.next();
    if (!next || next.done === true) {
      this.#all = true;
      return undefined;
    }
    this.#digest.update(next.value);
    this.#kept.push(next.value);
    this.#end += next.value.length;
    return next.value;
  }

  #forget(offset: number): void {
    for (let piece = this.#kept[0]; piece && this.#from + piece.length <= offset; piece = this.#kept[0]) {
      this.#kept.shift();
      this.#from += piece.length;
    }
  }

  #keptAt(at: number): Uint8Array {
    let from = this.#from;
    for (const piece of this.#kept) {
      if (at < from + piece.length) return piece.subarray(at - from);
      from += piece.length;
    }
    throw new Error(`byte ${at} is not kept`);
  }
}

/** One call: what the other end says, and waiting for it. */
class Talk {
  offset = 0;
  done = false;
  writable = true;
  readonly #call: SnapshotCall;
  /** The manager outlives its calls, and would keep them all. */
  readonly #over = new AbortController();
  #heard: SnapshotProgress | undefined;
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(call: SnapshotCall, signal: AbortSignal) {
    this.#call = call;
    call.on('data', (progress: SnapshotProgress) => {
      this.#heard ??= progress;
      this.offset = Math.max(this.offset, progress.offset);
      this.done ||= progress.done;
      this.#wake();
    });
    call.on('error', (error: Error) => this.#fail(error));
    call.on('end', () => this.#fail(new Error('the other end has hung up')));
    call.on('drain', () => {
      this.writable = true;
      this.#wake();
    });
    signal.addEventListener('abort', () => this.#fail(new Error('the manager is shutting down')), { signal: this.#over.signal });
  }

  async first(): Promise<SnapshotProgress> {
    const late = setTimeout(() => this.#fail(new Error('no answer')), answerLimitMs);
    try {
      await this.until(() => this.#heard !== undefined);
      return this.#heard as SnapshotProgress;
    } finally {
      clearTimeout(late);
    }
  }

  write(frame: SnapshotFrame): void {
    this.writable = this.#call.write(frame);
  }

  /** Rejects when the call is over before. */
  async until(is: () => boolean): Promise<void> {
    while (!is()) {
      if (this.#error) throw this.#error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  end(): void {
    this.#over.abort();
    this.#call.cancel();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }
}

async function* cut(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) for (let at = 0; at < piece.length; at += pieceBytes) yield piece.subarray(at, at + pieceBytes);
}

/** One snapshot that another manager sends, over as many calls as that takes. */
import { createHash } from 'node:crypto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#base/clock';
import { decode } from '#base/codec';
import { Refusal } from '#base/refusal';
import type { Receiver } from '#raft/transport';
import type { SnapshotBegin, SnapshotEnd, SnapshotFrame, SnapshotProgress } from '../generated/shoal/v1/raft.ts';
import { toServiceError } from '../refusals.ts';

export type ReceivingCall = ServerDuplexStream<SnapshotFrame, SnapshotProgress>;

/** More than a sender may have under way is no snapshot of ours. */
const queueBytes = 16 * 1024 * 1024;
/** How long a broken call may be followed by another. */
const resumeMs = 10_000;

export class SnapshotReceiving {
  readonly transfer: string;
  readonly #clock: Clock;
  readonly #digest = createHash('sha256');
  #call: ReceivingCall | undefined;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #received = 0;
  #end: SnapshotEnd | undefined;
  #state: 'under way' | 'stored' | Error = 'under way';
  #broken: Error | undefined;
  #wake: () => void = () => {};
  #cancel: (() => void) | undefined;

  constructor({ transfer }: SnapshotBegin, clock: Clock) {
    this.transfer = transfer;
    this.#clock = clock;
  }

  /** Whether raft has still to do with it. */
  get underWay(): boolean {
    return this.#state === 'under way';
  }

  /** Hands it to raft; called once. */
  async store(way: { readonly from: string; readonly to: string }, begin: SnapshotBegin, receiver: Receiver): Promise<void> {
    try {
      const meta = { index: begin.index, term: begin.snapshotTerm, configuration: decode(begin.configuration) };
      await receiver.snapshot(way.from, { type: 'snapshot', ...way, term: begin.term, meta }, this.#pieces());
      this.#state = 'stored';
    } catch (error) {
      this.#state = error as Error;
    }
    this.#cancel?.();
    this.#answer();
  }

  /** The call that goes on from here; one before it is over. */
  take(call: ReceivingCall): void {
    this.#cancel?.();
    this.#call?.end();
    this.#call = call;
    if (this.#state !== 'under way') return this.#answer();
    call.write({ offset: this.#received, done: false });
  }

  /** A further frame of `call`. Throws what no sender of ours sends. */
  add(call: ReceivingCall, { frame }: SnapshotFrame): void {
    if (call !== this.#call || this.#broken) return;
    if (frame?.$case === 'end') this.#end = frame.value;
    else if (frame?.$case === 'piece' && frame.value.length > 0 && !this.#end) {
      this.#queue.push(frame.value);
      this.#queued += frame.value.length;
      this.#received += frame.value.length;
      this.#digest.update(frame.value);
      if (this.#queued > queueBytes) throw new Refusal('invalidArgument', 'more bytes are under way than agreed');
    } else throw new Refusal('invalidArgument', 'this is no piece of a snapshot');
    this.#wake();
  }

  /** The call is over; another may follow. */
  gone(call: ReceivingCall): void {
    if (call !== this.#call) return;
    this.#call = undefined;
    if (this.#state === 'under way') this.#cancel = this.#clock.after(resumeMs, () => this.give(new Refusal('unavailable', 'the line broke')));
  }

  /** It will not be completed: what came of it is kept no longer. */
  give(reason: Error): void {
    this.#broken ??= reason;
    this.#queue = [];
    this.#queued = 0;
    this.#wake();
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#queue.shift();
      if (piece) {
        this.#queued -= piece.length;
        yield piece;
        // What was taken makes room for more.
        this.#call?.write({ offset: this.#received - this.#queued, done: false });
      } else if (this.#broken) throw this.#broken;
      else if (this.#end) return this.#check(this.#end);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #check({ bytes, digest }: SnapshotEnd): void {
    if (bytes !== this.#received || !this.#digest.digest().equals(digest)) throw new Refusal('invalidArgument', 'the snapshot is not what was sent');
  }

  #answer(): void {
    const call = this.#call;
    if (!call) return;
    if (this.#state === 'stored') {
      call.write({ offset: this.#received, done: true });
      call.end();
    } else call.emit('error', toServiceError(this.#state));
  }
}

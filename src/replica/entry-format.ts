/** Entries of the log as bytes: a head and pieces of bounded size, so that the largest is made and read in slices. */
import { decode } from '#base/codec';
import { Refusal } from '#base/refusal';
import type { Action, Entry } from '#store/action';

/** 1: everything in one JSON text, as written before there were several managers. 2: this one. */
const format = 2;
/** A piece takes about a millisecond to make or read; a single larger object is a piece of its own. */
const pieceBytes = 256 * 1024;
/** Copied in one step. */
const joinedBytes = 4 * 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

type Head = Omit<Entry, 'actions'>;

/** Makes an entry's bytes; the caller may pause between its steps until it is `done`. */
export class EntryEncoder {
  readonly #entry: Entry;
  readonly #pieces: Uint8Array[] = [];
  #at = 0;
  #bytes = 1;
  /** Put together as far as `#copied`, piece `#piece` being the next. */
  #whole: Uint8Array | undefined;
  #copied = 1;
  #piece = 0;

  constructor(entry: Entry) {
    const { actions: _actions, ...head } = entry;
    this.#entry = entry;
    this.#add(JSON.stringify(head));
  }

  get done(): boolean {
    return this.#at === this.#entry.actions.length && this.#piece === this.#pieces.length;
  }

  /** Makes the next piece, or puts some of them together. */
  step(): void {
    const making = this.#at < this.#entry.actions.length;
    if (making) this.#make();
    // What is small is done in one step.
    if (!making || (this.#at === this.#entry.actions.length && this.#bytes <= joinedBytes)) this.#join();
  }

  finish(): Uint8Array {
    while (!this.done) this.step();
    return this.#whole as Uint8Array;
  }

  #make(): void {
    const texts: string[] = [];
    let bytes = 0;
    const { actions } = this.#entry;
    while (this.#at < actions.length && bytes < pieceBytes) {
      const text = JSON.stringify(actions[this.#at++]);
      texts.push(text);
      bytes += text.length;
    }
    this.#add(`[${texts.join()}]`);
  }

  /** Memory that is new costs its first touch. */
  #join(): void {
    const whole = (this.#whole ??= new Uint8Array(Buffer.allocUnsafeSlow(this.#bytes).buffer));
    whole[0] = format;
    const end = this.#copied + joinedBytes;
    for (let piece = this.#pieces[this.#piece]; piece && this.#copied < end; piece = this.#pieces[this.#piece]) {
      new DataView(whole.buffer).setUint32(this.#copied, piece.length);
      whole.set(piece, this.#copied + 4);
      this.#copied += 4 + piece.length;
      this.#piece++;
    }
  }

  #add(text: string): void {
    const piece = encoder.encode(text);
    this.#pieces.push(piece);
    this.#bytes += 4 + piece.length;
  }
}

/** Reads an entry's bytes piece by piece. Refuses a format that this program does not know. */
export class EntryDecoder {
  readonly #bytes: Uint8Array;
  readonly #actions: Action[] = [];
  #head: Head | undefined;
  #at = 1;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    if (bytes[0] === 1) {
      const { actions, ...head } = decode<Entry>(bytes);
      this.#head = head;
      this.#actions.push(...actions);
      this.#at = bytes.length;
    } else if (bytes[0] !== format) {
      throw new Refusal(
        'failedPrecondition',
        `it is written in format ${bytes[0] ?? 'none'}, and this program reads formats 1 to ${format}: run the version of the other managers here`,
      );
    }
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Reads the next piece. */
  step(): void {
    const length = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(this.#at);
    const start = this.#at + 4;
    const piece = JSON.parse(decoder.decode(this.#bytes.subarray(start, start + length))) as unknown;
    if (!this.#head) this.#head = piece as Head;
    else for (const action of piece as Action[]) this.#actions.push(action);
    this.#at = start + length;
  }

  finish(): Entry {
    return { ...(this.#head as Head), actions: this.#actions };
  }
}

export function decodeEntry(bytes: Uint8Array): Entry {
  const decoding = new EntryDecoder(bytes);
  while (!decoding.done) decoding.step();
  return decoding.finish();
}

/** Entries of the log as bytes: a head and pieces of bounded size, so that the largest is made and read in slices. */
import { decode } from '#base/codec';
import { Refusal } from '#base/refusal';
import { actionText } from '#store/action-text';
import type { Action, Entry } from '#store/action';

/** 1: everything in one JSON text, as written before there were several managers. 2: this one. */
const format = 2;
/** A piece takes about a millisecond to make or read; a single larger object is a piece of its own. */
const pieceBytes = 256 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

type Head = Omit<Entry, 'actions'>;

/** Makes an entry's bytes; `done` says how many of its actions are in by now, and the caller may pause in between. */
export class EntryEncoder {
  readonly #entry: Entry;
  readonly #pieces: Uint8Array[] = [];
  #at = 0;
  #bytes = 1;

  constructor(entry: Entry) {
    const { actions: _actions, ...head } = entry;
    this.#entry = entry;
    this.#add(JSON.stringify(head));
  }

  get done(): boolean {
    return this.#at === this.#entry.actions.length;
  }

  /** Makes the next piece. */
  step(): void {
    const texts: string[] = [];
    let bytes = 0;
    const { actions } = this.#entry;
    while (this.#at < actions.length && bytes < pieceBytes) {
      const text = actionText(actions[this.#at++] as Action);
      texts.push(text);
      bytes += text.length;
    }
    this.#add(`[${texts.join()}]`);
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes);
    bytes[0] = format;
    let at = 1;
    for (const piece of this.#pieces) {
      new DataView(bytes.buffer).setUint32(at, piece.length);
      bytes.set(piece, at + 4);
      at += 4 + piece.length;
    }
    return bytes;
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

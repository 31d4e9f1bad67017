/** Snapshots of the store as bytes: frames of bounded size behind a head, so that the largest state is made and read in slices. */
import { assert } from '#base/assert';
import { decode } from '#base/codec';
import type { Steps } from '#base/pace/steps';
import { Refusal } from '#base/refusal';
import { Store, type StoreImage } from '#store/store';

/** 1: everything in one JSON text, as written before there were several managers. 2: this one. */
const format = 2;
/** Objects of a frame; the frame's bytes are bounded too, and a single larger object is a frame of its own. */
const frameObjects = 500;
const frameBytes = 256 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** One frame after the other; `image` must not change meanwhile. */
export function* encodeState(image: StoreImage): Generator<Uint8Array, void> {
  const { objects, ...head } = image;
  yield frame(head, format);
  for (const [kind, list] of Object.entries(objects)) yield* framesOf(kind, list);
}

function* framesOf(kind: string, objects: readonly unknown[]): Generator<Uint8Array, void> {
  let texts: string[] = [];
  let bytes = 0;
  for (const object of objects) {
    const text = JSON.stringify(object);
    texts.push(text);
    bytes += text.length;
    if (texts.length < frameObjects && bytes < frameBytes) continue;
    yield frameOf(`{"${kind}":[${texts.join()}]}`);
    texts = [];
    bytes = 0;
  }
  if (texts.length > 0) yield frameOf(`{"${kind}":[${texts.join()}]}`);
}

function frame(value: unknown, version: number): Uint8Array {
  const bytes = frameOf(JSON.stringify(value));
  const first = new Uint8Array(bytes.length + 1);
  first[0] = version;
  first.set(bytes, 1);
  return first;
}

function frameOf(text: string): Uint8Array {
  const body = encoder.encode(text);
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}

/** Objects that are filled in in one step. */
const objectsAStep = 100;

/** Takes a snapshot's bytes however they are cut, and fills a store with them. */
export class StateDecoder {
  readonly store = new Store();
  #begun = false;
  #version: number | undefined;
  #rest = new Uint8Array(0);
  /** Of the format that cannot be read in parts. */
  readonly #whole: Uint8Array[] = [];

  /** Takes the next bytes; the caller may pause between the steps. Refuses a format that this program does not know. */
  *take(piece: Uint8Array): Steps<void> {
    if (piece.length === 0) return;
    const first = this.#version === undefined;
    if (first) this.#version = piece[0];
    if (this.#version === 1) {
      this.#whole.push(piece);
      return;
    }
    if (this.#version !== format) {
      throw new Refusal(
        'failedPrecondition',
        `the snapshot is written in format ${this.#version}, and this program reads formats 1 to ${format}: run the version of the other managers here`,
      );
    }
    this.#rest = joined(this.#rest, first ? piece.subarray(1) : piece);
    yield* this.#takeFrames();
  }

  /** The filled store. */
  finish(): Store {
    if (this.#version === 1) {
      const { index, objects } = decode<StoreImage>(this.#whole.reduce(joined));
      this.store.restore({ index, objects });
      return this.store;
    }
    assert(this.#begun && this.#rest.length === 0, 'the snapshot ends in the middle of a frame');
    return this.store;
  }

  *#takeFrames(): Steps<void> {
    let at = 0;
    const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, this.#rest.byteLength);
    while (this.#rest.length - at >= 4) {
      const end = at + 4 + view.getUint32(at);
      if (end > this.#rest.length) break;
      yield* this.#takeFrame(JSON.parse(decoder.decode(this.#rest.subarray(at + 4, end))) as unknown);
      at = end;
      yield;
    }
    if (at > 0) this.#rest = this.#rest.slice(at);
  }

  *#takeFrame(value: unknown): Steps<void> {
    if (!this.#begun) {
      this.#begun = true;
      this.store.begin(value as Omit<StoreImage, 'objects'>);
      return;
    }
    for (const [kind, objects] of Object.entries(value as Record<string, never[]>)) {
      for (let from = 0; from === 0 || from < objects.length; from += objectsAStep) {
        yield;
        if (this.store.load(kind, objects.slice(from, from + objectsAStep))) continue;
        throw new Refusal('failedPrecondition', `the snapshot holds objects of the unknown kind ${kind}: run the version of the other managers here`);
      }
    }
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a, 0);
  bytes.set(b, a.length);
  return bytes;
}

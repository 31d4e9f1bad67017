/** Docker's multiplexed log stream: an 8-byte head (stream, three zeros, length in network order), then the text. */

/** `place` is ours, between managers: how far the line before it brings its task. */
export type FrameStream = 'stdout' | 'stderr' | 'systemError' | 'place';

export interface LogFrame {
  stream: FrameStream;
  text: string;
}

const streamNumbers: Readonly<Record<FrameStream, number>> = { stdout: 1, stderr: 2, systemError: 3, place: 4 };
/** By number; 0 is a container's standard input, which Docker shows as output. */
const streams: readonly FrameStream[] = ['stdout', 'stdout', 'stderr', 'systemError', 'place'];
const headBytes = 8;
/** Docker cuts lines at 16 KiB; a longer frame means that this is no log stream. */
const longestFrameBytes = 8 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface FramePiece {
  stream: FrameStream;
  bytes: Uint8Array;
}

export function frame(stream: FrameStream, text: string): Uint8Array {
  return framed(stream, encoder.encode(text));
}

export function framed(stream: FrameStream, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headBytes + payload.length);
  bytes[0] = streamNumbers[stream];
  new DataView(bytes.buffer).setUint32(4, payload.length);
  bytes.set(payload, headBytes);
  return bytes;
}

/** Takes a stream apart as its bytes come. */
export class LogFrames {
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Bytes that the next frame takes at least: until they are there nothing is put together, however small the pieces. */
  #wantedBytes = headBytes;

  /** Adds bytes and gives the frames that are whole. Throws when it is no log stream. */
  push(chunk: Uint8Array): LogFrame[] {
    return this.pieces(chunk).map(({ stream, bytes }) => ({ stream, text: decoder.decode(bytes) }));
  }

  /** The same as bytes, for what need not be text. */
  pieces(chunk: Uint8Array): FramePiece[] {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#wantedBytes) return [];
    const bytes = joined(this.#held, this.#heldBytes);
    const frames: FramePiece[] = [];
    let at = 0;
    let wanted = headBytes;
    while (bytes.length - at >= wanted) {
      wanted = headBytes + payloadBytes(bytes, at);
      if (bytes.length - at < wanted) break;
      frames.push({ stream: streams[bytes[at] ?? 0] ?? 'systemError', bytes: bytes.subarray(at + headBytes, at + wanted) });
      at += wanted;
      wanted = headBytes;
    }
    this.#held = [bytes.subarray(at)];
    this.#heldBytes = bytes.length - at;
    this.#wantedBytes = wanted;
    return frames;
  }
}

function payloadBytes(bytes: Uint8Array, at: number): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(4);
  if (length > longestFrameBytes) throw new Error(`log frame of ${length} bytes`);
  return length;
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0] ?? new Uint8Array(0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

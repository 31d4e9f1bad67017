/** Frames of a log segment: one sealed record under one checksum, chained to the frame before. */
import { crc32 } from 'node:zlib';
import type { FileKey } from './key.ts';

export const frameHeaderBytes = 26;
const magic = 0x5ea1;
const types = { record: 1, seal: 2 } as const;
const headerCrcAt = 22;
/** What a disk writes whole or not at all, at the least. */
const sectorBytes = 512;
/** So many zeros at the end of a sector's part are no sealed bytes: nobody wrote them. */
const unwrittenBytes = 8;
/** What is sealed and summed in one turn of the event loop: about two milliseconds' work. */
const turnBytes = 1024 * 1024;

/** A `seal` holds nothing: it says that the frame before it was whole. */
export type FrameType = keyof typeof types;

export interface FrameHeader {
  readonly type: FrameType;
  /** Bytes of the sealed body. */
  readonly length: number;
  readonly sequence: number;
  /** Header checksum of the frame before: an old frame in a reused place never fits. */
  readonly previous: number;
  readonly bodyCrc: number;
  /** Checksum of this header, which covers the body's. */
  readonly crc: number;
}

export interface Frame {
  /** To be written one behind the other. */
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
  /** Checksum of its header, for the next one. */
  readonly crc: number;
}

/** Seals a frame whose body is `parts`, one behind the other. A large one takes many turns of the event loop: `pause` ends each. */
export async function sealFrame(
  key: FileKey,
  type: FrameType,
  { sequence, crc: previous }: { readonly sequence: number; readonly crc: number },
  parts: readonly Uint8Array[],
  pause: () => Promise<void>,
): Promise<Frame> {
  const sealing = key.sealing(sequence, bound(sequence, previous));
  const sealed: Buffer[] = [];
  let [length, bodyCrc] = [0, 0];
  function take(piece: Buffer): void {
    sealed.push(piece);
    length += piece.length;
    bodyCrc = crc32(piece, bodyCrc);
  }
  let turn = 0;
  const small = parts.reduce((sum, part) => sum + part.length, 0) < turnBytes;
  // A call of the cipher costs more than copying what many small entries are.
  for (const slice of small ? [Buffer.concat(parts)] : slices(parts)) {
    take(sealing.add(slice));
    turn += slice.length;
    if (turn < turnBytes) continue;
    turn = 0;
    await pause();
  }
  take(sealing.end());
  const header = headerOf(type, length, sequence, previous, bodyCrc);
  const pieces = length < turnBytes ? [Buffer.concat([header, ...sealed])] : [header, ...sealed];
  return { pieces, bytes: frameHeaderBytes + length, crc: header.readUInt32BE(headerCrcAt) };
}

function* slices(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts) for (let at = 0; at < part.length; at += turnBytes) yield part.subarray(at, at + turnBytes);
}

function headerOf(type: FrameType, length: number, sequence: number, previous: number, bodyCrc: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt16BE(magic, 0);
  header.writeUInt8(types[type], 2);
  header.writeUInt32BE(length, 4);
  header.writeUIntBE(sequence, 8, 6);
  header.writeUInt32BE(previous, 14);
  header.writeUInt32BE(bodyCrc, 18);
  header.writeUInt32BE(crc32(header.subarray(0, headerCrcAt)), headerCrcAt);
  return header;
}

/** The header at `at`, or undefined when there is none. */
export function readHeader(file: Buffer, at: number): FrameHeader | undefined {
  if (at + frameHeaderBytes > file.length || file.readUInt16BE(at) !== magic) return undefined;
  const type = file[at + 2] === types.record ? 'record' : file[at + 2] === types.seal ? 'seal' : undefined;
  const crc = file.readUInt32BE(at + headerCrcAt);
  // The header's own checksum first: a rotten length must not steer the reader.
  if (!type || crc32(file.subarray(at, at + headerCrcAt)) !== crc) return undefined;
  return {
    type,
    length: file.readUInt32BE(at + 4),
    sequence: file.readUIntBE(at + 8, 6),
    previous: file.readUInt32BE(at + 14),
    bodyCrc: file.readUInt32BE(at + 18),
    crc,
  };
}

/** True when `body` is all of what the header announces, and unchanged. */
export function bodyIsWhole(header: FrameHeader, body: Buffer): boolean {
  return body.length === header.length && crc32(body) === header.bodyCrc;
}

/** Opens a sealed body; throws when the key is another one. */
export function openBody(key: FileKey, header: FrameHeader, body: Buffer): Buffer {
  return key.open(header.sequence, bound(header.sequence, header.previous), body);
}

/** Place in `rest` of a whole header whose number is above `sequence`: its presence means that what is bad before it was once whole. */
export function findLaterFrame(rest: Buffer, sequence: number): number | undefined {
  const pattern = Buffer.from([magic >> 8, magic & 0xff]);
  for (let at = rest.indexOf(pattern, 1); at >= 0; at = rest.indexOf(pattern, at + 1)) {
    const header = readHeader(rest, at);
    if (header && header.sequence > sequence) return at;
  }
  return undefined;
}

/**
 * Whether the bad frame that begins at byte `at` of a file, `rest` being all from there on, was never written whole: it is cut off,
 * or a sector of it, or the rest of a sector behind a short write, never reached the disk. A frame that is all there and still bad
 * was whole once, and may have been acknowledged.
 */
export function wasTorn(rest: Buffer, at: number): boolean {
  const header = readHeader(rest, 0);
  const length = header ? frameHeaderBytes + header.length : rest.length;
  if (rest.length < Math.max(length, frameHeaderBytes)) return true;
  for (let from = 0; from < length;) {
    const end = Math.min(length, from + sectorBytes - ((at + from) % sectorBytes));
    if (rest.subarray(Math.max(from, end - unwrittenBytes), end).every((byte) => byte === 0)) return true;
    from = end;
  }
  return false;
}

function bound(sequence: number, previous: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUIntBE(sequence, 0, 6);
  bytes.writeUInt32BE(previous, 6);
  return bytes;
}

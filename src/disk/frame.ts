/** Frames of a log segment: one sealed record under one checksum, chained to the frame before. */
import { crc32 } from 'node:zlib';
import type { FileKey } from './key.ts';

export const frameHeaderBytes = 26;
const magic = 0x5ea1;
const typeRecord = 1;
const headerCrcAt = 22;

export interface FrameHeader {
  /** Bytes of the sealed body. */
  readonly length: number;
  readonly sequence: number;
  /** Header checksum of the frame before: an old frame in a reused place never fits. */
  readonly previous: number;
  readonly bodyCrc: number;
  /** Checksum of this header, which covers the body's. */
  readonly crc: number;
}

/** Bytes of a frame and its checksum, for the next one. */
export function encodeFrame(key: FileKey, sequence: number, previous: number, body: Uint8Array): { bytes: Buffer; crc: number } {
  const sealed = key.seal(sequence, bound(sequence, previous), body);
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt16BE(magic, 0);
  header.writeUInt8(typeRecord, 2);
  header.writeUInt32BE(sealed.length, 4);
  header.writeUIntBE(sequence, 8, 6);
  header.writeUInt32BE(previous, 14);
  header.writeUInt32BE(crc32(sealed), 18);
  const crc = crc32(header.subarray(0, headerCrcAt));
  header.writeUInt32BE(crc, headerCrcAt);
  return { bytes: Buffer.concat([header, sealed]), crc };
}

/** The header at `at`, or undefined when there is none. */
export function readHeader(file: Buffer, at: number): FrameHeader | undefined {
  if (at + frameHeaderBytes > file.length || file.readUInt16BE(at) !== magic || file[at + 2] !== typeRecord) return undefined;
  const crc = file.readUInt32BE(at + headerCrcAt);
  // The header's own checksum first: a rotten length must not steer the reader.
  if (crc32(file.subarray(at, at + headerCrcAt)) !== crc) return undefined;
  return {
    length: file.readUInt32BE(at + 4),
    sequence: file.readUIntBE(at + 8, 6),
    previous: file.readUInt32BE(at + 14),
    bodyCrc: file.readUInt32BE(at + 18),
    crc,
  };
}

/** The sealed body behind a header at `at`, or undefined when it is cut off or rotten. */
export function readBody(file: Buffer, at: number, header: FrameHeader): Buffer | undefined {
  const body = file.subarray(at + frameHeaderBytes, at + frameHeaderBytes + header.length);
  return body.length === header.length && crc32(body) === header.bodyCrc ? body : undefined;
}

/** Opens a sealed body; throws when the key is another one. */
export function openBody(key: FileKey, header: FrameHeader, body: Buffer): Buffer {
  return key.open(header.sequence, bound(header.sequence, header.previous), body);
}

/** Place of a frame behind `from` whose number is above `sequence`: its presence means that what is bad before it was once whole. */
export function findLaterFrame(file: Buffer, from: number, sequence: number): number | undefined {
  const pattern = Buffer.from([magic >> 8, magic & 0xff, typeRecord]);
  for (let at = file.indexOf(pattern, from); at >= 0; at = file.indexOf(pattern, at + 1)) {
    const header = readHeader(file, at);
    if (header && header.sequence > sequence) return at;
  }
  return undefined;
}

function bound(sequence: number, previous: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUIntBE(sequence, 0, 6);
  bytes.writeUInt32BE(previous, 6);
  return bytes;
}

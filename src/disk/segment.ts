/** One file of the log: its header, making it, reading it back. */
import { randomBytes } from 'node:crypto';
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Refusal } from '#base/refusal';
import { closeFile, openFile, publish, type FileSystem } from './file-system.ts';
import { findLaterFrame, frameHeaderBytes, openBody, readBody, readHeader } from './frame.ts';
import { keyIdBytes, saltBytes, type DataKey, type FileKey } from './key.ts';
import { decodeRecord, type Record } from './record.ts';

const magic = Buffer.from('shoallog');
const version = 1;
const saltAt = 9 + keyIdBytes;
const crcAt = saltAt + saltBytes;
export const segmentHeaderBytes = crcAt + 4;
const namePattern = /^log-(\d{12})$/;

export interface Segment {
  readonly number: number;
  readonly path: string;
}

export function segmentAt(folder: string, number: number): Segment {
  return { number, path: join(folder, `log-${String(number).padStart(12, '0')}`) };
}

/** Number of the segment called `name`; undefined for other files. */
export function segmentNumber(name: string): number | undefined {
  const match = namePattern.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** Makes an empty segment under its final name, durably, and opens it for writing. Every segment has its own key. */
export async function createSegment(files: FileSystem, key: DataKey, segment: Segment): Promise<{ file: number; key: FileKey }> {
  const salt = randomBytes(saltBytes);
  const header = Buffer.concat([magic, Buffer.from([version]), key.id, salt, Buffer.alloc(4)]);
  header.writeUInt32BE(crc32(header.subarray(0, crcAt)), crcAt);
  const temporary = `${segment.path}.new`;
  const file = await openFile(temporary, 'w', 0o600);
  try {
    await files.write(file, header, 0);
    await files.syncData(file);
    await publish(temporary, segment.path);
  } catch (error) {
    await closeFile(file);
    throw error;
  }
  return { file, key: key.forFile('log', salt) };
}

/** Where reading stands: the number and checksum the next frame must follow. */
export interface Position {
  readonly sequence: number;
  readonly crc: number;
}

export interface SegmentContent {
  readonly records: readonly Record[];
  readonly end: Position | undefined;
  /** Bytes cut off behind the last whole frame. */
  readonly tornBytes: number;
}

/**
 * Reads a segment. In the newest one a last frame that is not whole was never acknowledged and is cut off, durably;
 * anything else that is bad is refused without touching the file.
 */
export async function readSegment(key: DataKey, segment: Segment, after: Position | undefined, newest: boolean): Promise<SegmentContent> {
  const bytes = await readFile(segment.path);
  const fileKey = checkHeader(key, segment, bytes);
  const records: Record[] = [];
  let end = after;
  let at = segmentHeaderBytes;
  while (at < bytes.length) {
    const header = readHeader(bytes, at);
    const body = header && readBody(bytes, at, header);
    if (!header || !body) break;
    if (end && (header.sequence !== end.sequence + 1 || header.previous !== end.crc)) throw corrupt(segment, at, 'does not follow the record before it');
    records.push(openRecord(segment, at, () => openBody(fileKey, header, body)));
    end = { sequence: header.sequence, crc: header.crc };
    at += frameHeaderBytes + header.length;
  }
  const tornBytes = bytes.length - at;
  if (tornBytes > 0) {
    const later = findLaterFrame(bytes, at + 1, end?.sequence ?? 0);
    if (!newest || later !== undefined) throw corrupt(segment, at, 'is damaged, and whole records follow it');
    await truncate(segment.path, at);
  }
  return { records, end, tornBytes };
}

function checkHeader(key: DataKey, segment: Segment, bytes: Buffer): FileKey {
  const whole = bytes.length >= segmentHeaderBytes && bytes.subarray(0, magic.length).equals(magic);
  // A segment gets its name only when its header is durable, so a bad header is damage and never a torn write.
  if (!whole || bytes.readUInt32BE(crcAt) !== crc32(bytes.subarray(0, crcAt))) throw corrupt(segment, 0, 'is no header of a log file');
  if (bytes[magic.length] !== version) {
    throw new Refusal('failedPrecondition', `the log file ${segment.path} has format version ${bytes[magic.length]}; this program reads version ${version}`);
  }
  if (!bytes.subarray(magic.length + 1, saltAt).equals(key.id)) {
    throw new Refusal('failedPrecondition', `the log file ${segment.path} was sealed with another key: put the key file that belongs to it back from a backup`);
  }
  return key.forFile('log', Buffer.from(bytes.subarray(saltAt, crcAt)));
}

function openRecord(segment: Segment, at: number, body: () => Buffer): Record {
  let plain: Buffer;
  try {
    plain = body();
  } catch {
    throw corrupt(segment, at, 'has a right checksum but a wrong seal');
  }
  return decodeRecord(plain);
}

function corrupt(segment: Segment, at: number, what: string): Refusal {
  return new Refusal(
    'failedPrecondition',
    `the log file ${segment.path} is corrupt: the record at byte ${at} ${what}. Nothing was changed. Restore the state folder from a backup, or remove this manager from the cluster and join it again with an empty folder`,
    { path: segment.path, offset: at },
  );
}

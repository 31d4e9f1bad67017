/** One file of the log: its name, making it, reading it back. */
import { join } from 'node:path';
import { corrupt, damaged } from './damage.ts';
import { publish, readAll, remove, withFile, writeAll, type FileSystem } from './file-system.ts';
import { bodyIsWhole, findLaterFrame, frameHeaderBytes, openBody, readHeader, wasTorn, type FrameHeader } from './frame.ts';
import { decodeHeader, encodeHeader, logFile, longestHeader, type Owner } from './header.ts';
import { saltBytes, type DataKey, type FileKey } from './key.ts';
import { decodeRecord, type Record } from './record.ts';

const namePattern = /^log-(\d{12})$/;
const answerPrefix = 'accept-loss-';
const windowBytes = 1024 * 1024;

export interface Segment {
  readonly number: number;
  readonly path: string;
}

/** What making and reading segments takes. */
export interface SegmentParts {
  readonly folder: string;
  readonly files: FileSystem;
  readonly key: DataKey;
  /** Random bytes, for salts. */
  readonly chance: (count: number) => Buffer;
  /** Resolves in a later turn of the event loop. */
  readonly pause: () => Promise<void>;
}

export function segmentAt(folder: string, number: number): Segment {
  return { number, path: join(folder, `log-${String(number).padStart(12, '0')}`) };
}

/** Number of the segment called `name`; undefined for other files. */
export function segmentNumber(name: string): number | undefined {
  const match = namePattern.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** Makes an empty segment under its final name, durably, and opens it for writing. */
export async function createSegment(
  { files, key, chance }: SegmentParts,
  segment: Segment,
  owner: Owner,
): Promise<{ file: number; key: FileKey; bytes: number }> {
  const header = encodeHeader(logFile, key, chance(saltBytes), owner);
  const temporary = `${segment.path}.new`;
  const file = await files.open(temporary, 'createDurable');
  try {
    await writeAll(files, file, header.bytes, 0);
    await publish(files, temporary, segment.path);
  } catch (error) {
    await files.close(file);
    await remove(files, temporary).catch(() => undefined);
    throw error;
  }
  return { file, key: header.key, bytes: header.bytes.length };
}

/** Where reading stands: the number and checksum the next frame must follow. */
export interface Position {
  readonly sequence: number;
  readonly crc: number;
}

export interface SegmentContent {
  readonly key: FileKey;
  /** undefined in the first version. */
  readonly owner: Owner | undefined;
  readonly end: Position | undefined;
  /** Bytes cut off behind the last whole frame. */
  readonly cutBytes: number;
  /** True when the last frame is a seal. */
  readonly sealed: boolean;
}

/** The operator's answer to a possible loss: an empty file of this name says to go on without what it names. */
export function answerName(segment: Segment, at: number): string {
  return `${answerPrefix}${segment.number}-${at}`;
}

export function isAnswer(name: string): boolean {
  return name.startsWith(answerPrefix);
}

interface Reading {
  /** True for the last file: only there can a write have been interrupted. */
  readonly newest: boolean;
  /** Whether the operator said to go on without the bad record at this place. */
  readonly accepted: (at: number) => boolean;
  readonly onRecord: (record: Record, at: number) => void;
}

/**
 * Reads a segment frame by frame. In the newest one a last frame that was torn was never acknowledged and is cut off, durably;
 * one that is all there and bad is a possible loss, anything else that is bad damage: both are refused without touching the file.
 */
export async function readSegment(parts: SegmentParts, segment: Segment, after: Position | undefined, reading: Reading): Promise<SegmentContent> {
  const { files } = parts;
  return await withFile(files, segment.path, 'write', async (file) => {
    // After a process was killed its last writes may be in memory only: what is read must be durable before it is acted on.
    await files.syncData(file);
    const { bytes: length } = await files.stat(file);
    const header = decodeHeader<Owner>(logFile, parts.key, segment.path, await readAll(files, file, 0, Math.min(length, longestHeader)));
    // A segment gets its name only when its header is durable, so a bad header is damage and never a torn write.
    if (!header) throw corrupt(segment.path, 0, 'is no header of a log file');
    let end = after;
    let at = header.bytes;
    let sealed = false;
    for await (const frame of frames(files, file, at, length)) {
      const follows = !end || (frame.header.sequence === end.sequence + 1 && frame.header.previous === end.crc);
      if (!follows) throw corrupt(segment.path, at, 'does not follow the record before it');
      sealed = frame.header.type === 'seal';
      if (!sealed) reading.onRecord(openRecord(header.key, segment.path, at, frame.header, frame.body), at);
      end = { sequence: frame.header.sequence, crc: frame.header.crc };
      at += frameHeaderBytes + frame.header.length;
    }
    if (at < length) {
      checkTail(segment, await readAll(files, file, at, length - at), at, end, reading);
      await files.truncate(file, at);
      await files.syncData(file);
    }
    return { key: header.key, owner: header.facts, end, cutBytes: length - at, sealed };
  });
}

/** The whole frames from `at` on; ends at the first that is not. */
async function* frames(files: FileSystem, file: number, at: number, length: number): AsyncGenerator<{ header: FrameHeader; body: Buffer }> {
  let window: Buffer = Buffer.alloc(0);
  let windowAt = at;
  async function bytesAt(place: number, count: number): Promise<Buffer> {
    if (place < windowAt || place + count > windowAt + window.length) {
      window = await readAll(files, file, place, Math.min(Math.max(count, windowBytes), length - place));
      windowAt = place;
    }
    return window.subarray(place - windowAt, place - windowAt + count);
  }
  while (at < length) {
    const header = readHeader(await bytesAt(at, frameHeaderBytes), 0);
    if (!header || header.length > length - at - frameHeaderBytes) return;
    const body = await bytesAt(at + frameHeaderBytes, header.length);
    if (!bodyIsWhole(header, body)) return;
    yield { header, body };
    at += frameHeaderBytes + header.length;
  }
}

/** Returns when the bad rest of a segment may be cut off; refuses otherwise. */
function checkTail(segment: Segment, rest: Buffer, at: number, end: Position | undefined, { newest, accepted }: Reading): void {
  if (!newest || findLaterFrame(rest, end?.sequence ?? 0) !== undefined) throw corrupt(segment.path, at, 'is damaged, and whole records follow it');
  // A seal holds nothing that could be lost.
  if (wasTorn(rest, at) || readHeader(rest, 0)?.type === 'seal' || accepted(at)) return;
  throw damaged(
    'possibleLoss',
    `the last record of the log file ${segment.path}, at byte ${at}, is complete and damaged: what it holds may have been acknowledged`,
    {
      path: segment.path,
      offset: at,
      answer: answerName(segment, at),
    },
  );
}

/** The record of the frame at `at`, read again. Refuses damage: a disk may rot below a running program. */
export async function readRecordAt(files: FileSystem, path: string, key: FileKey, at: number): Promise<Record> {
  return await withFile(files, path, 'read', async (file) => {
    const header = readHeader(await readAll(files, file, at, frameHeaderBytes), 0);
    const body = header && (await readAll(files, file, at + frameHeaderBytes, header.length));
    if (!header || !body || !bodyIsWhole(header, body)) throw corrupt(path, at, 'is damaged');
    return openRecord(key, path, at, header, body);
  });
}

function openRecord(key: FileKey, path: string, at: number, header: FrameHeader, body: Buffer): Record {
  let plain: Buffer;
  try {
    plain = openBody(key, header, body);
  } catch {
    throw corrupt(path, at, 'has a right checksum but a wrong seal');
  }
  return decodeRecord(plain);
}

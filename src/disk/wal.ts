/** The log on disk: group commit into segments, a new segment after every start, old ones removed behind snapshots. */
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '#base/assert';
import { Refusal } from '#base/refusal';
import type { HardState } from '#raft/message';
import { closeFile, openFile, syncFolder, type FileSystem } from './file-system.ts';
import { encodeFrame } from './frame.ts';
import type { DataKey, FileKey } from './key.ts';
import { encodeRecord, mergeRecords, type Record, type SnapshotMark } from './record.ts';
import { createSegment, readSegment, segmentAt, segmentHeaderBytes, segmentNumber, type Position, type Segment } from './segment.ts';

export interface WalOptions {
  readonly folder: string;
  readonly key: DataKey;
  readonly files: FileSystem;
  /** A segment that reached this size is followed by a new one. */
  readonly segmentBytes: number;
}

/** Everything the files say, for the raft core and the state machine. */
export interface WalContent {
  readonly merged: Record;
  readonly tornBytes: number;
}

interface Waiting {
  readonly record: Record;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

interface Sealed extends Segment {
  /** Highest entry in it; 0 for none. */
  readonly lastIndex: number;
}

const maxGroupBytes = 8 * 1024 * 1024;
const nothing: Record = { hardState: undefined, marks: [], entries: [] };

export class Wal {
  readonly #options: WalOptions;
  #segment: Segment;
  #file = -1;
  #fileKey: FileKey | undefined;
  #offset = 0;
  #position: Position;
  #lastIndex = 0;
  #sealed: Sealed[];
  #hardState: HardState | undefined;
  #marks: readonly SnapshotMark[];
  #queue: Waiting[] = [];
  #working = false;
  /** The first error of the disk. What is on it is unknown from then on, so nothing is written any more. */
  #failure: Error | undefined;

  private constructor(options: WalOptions, sealed: Sealed[], position: Position, content: Record) {
    this.#options = options;
    this.#sealed = sealed;
    this.#segment = segmentAt(options.folder, (sealed.at(-1)?.number ?? 0) + 1);
    this.#position = position;
    this.#hardState = content.hardState;
    this.#marks = content.marks;
  }

  /** Reads and checks all segments of the folder, then starts a new one. Refuses damage that is not a torn last write. */
  static async open(options: WalOptions): Promise<{ wal: Wal; content: WalContent }> {
    const names = await readdir(options.folder);
    // A crash while a segment was made leaves a file that never got its name.
    for (const name of names) if (name.startsWith('log-') && name.endsWith('.new')) await unlink(join(options.folder, name));
    const numbers = names
      .map(segmentNumber)
      .filter((number) => number !== undefined)
      .sort((a, b) => a - b);
    const records: Record[] = [];
    const sealed: Sealed[] = [];
    let position: Position | undefined;
    let tornBytes = 0;
    for (const [at, number] of numbers.entries()) {
      const segment = segmentAt(options.folder, number);
      const expected = (numbers[0] ?? 0) + at;
      if (number !== expected) {
        throw new Refusal(
          'failedPrecondition',
          `the log file ${segmentAt(options.folder, expected).path} is missing between others: restore the state folder from a backup`,
        );
      }
      const content = await readSegment(options.key, segment, position, at === numbers.length - 1);
      await syncFile(options.files, segment.path);
      records.push(...content.records);
      tornBytes += content.tornBytes;
      position = content.end;
      sealed.push({ ...segment, lastIndex: highest(content.records) });
    }
    const merged = mergeRecords(records);
    const wal = new Wal(options, sealed, position ?? { sequence: 0, crc: 0 }, merged);
    await wal.#beginSegment();
    return { wal, content: { merged, tornBytes } };
  }

  /**
   * Adds a record and resolves when it is durable. All that wait while a write runs share the next write and sync.
   * Records become durable in order. Rejects when the disk failed, now or before: the process must then end.
   */
  append(record: Record): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((done, fail) => {
      this.#queue.push({ record, done, fail });
      if (!this.#working) void this.#work();
    });
  }

  /** Writes out what waits, seals the end so that later damage to the last record is told from a torn write, and closes. */
  async close(): Promise<void> {
    try {
      if (!this.#failure && this.#file >= 0) await this.append({ ...nothing, hardState: this.#hardState ?? { term: 0, vote: undefined, commit: 0 } });
    } finally {
      await this.#closeSegment();
    }
  }

  async #closeSegment(): Promise<void> {
    const file = this.#file;
    this.#file = -1;
    if (file >= 0) await closeFile(file);
  }

  /** Removes segments whose entries are all at or below `index`; the caller has a marked snapshot of that index. */
  async removeBelow(index: number): Promise<void> {
    let count = 0;
    while (count < this.#sealed.length && (this.#sealed[count]?.lastIndex ?? 0) <= index) count++;
    const removed = this.#sealed.splice(0, count);
    for (const segment of removed) await unlink(segment.path);
    if (count > 0) await syncFolder(this.#options.folder);
  }

  async #work(): Promise<void> {
    this.#working = true;
    // One turn of the loop, so that everybody who appends in it shares the write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#write(mergeRecords(group.map((waiting) => waiting.record)));
        for (const waiting of group) waiting.done();
      } catch (error) {
        this.#failure = error as Error;
        for (const waiting of [...group, ...this.#queue.splice(0)]) waiting.fail(this.#failure);
      }
    }
    this.#working = false;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#queue) {
      bytes += record.entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
      if (count > 0 && bytes > maxGroupBytes) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(record: Record): Promise<void> {
    const empty = !record.hardState && record.marks.length === 0 && record.entries.length === 0;
    // Answers without content only wait for their place in the order.
    if (empty) return;
    this.#hardState = record.hardState ?? this.#hardState;
    if (record.marks.length > 0) this.#marks = record.marks;
    if (this.#offset >= this.#options.segmentBytes) await this.#nextSegment();
    await this.#writeFrame(record);
    this.#lastIndex = Math.max(this.#lastIndex, record.entries.at(-1)?.index ?? 0);
  }

  async #writeFrame(record: Record): Promise<void> {
    assert(this.#fileKey && this.#file >= 0, 'the log is closed');
    const sequence = this.#position.sequence + 1;
    const frame = encodeFrame(this.#fileKey, sequence, this.#position.crc, encodeRecord(record));
    await this.#options.files.write(this.#file, frame.bytes, this.#offset);
    await this.#options.files.syncData(this.#file);
    this.#offset += frame.bytes.length;
    this.#position = { sequence, crc: frame.crc };
  }

  async #nextSegment(): Promise<void> {
    await this.#closeSegment();
    this.#sealed.push({ ...this.#segment, lastIndex: this.#lastIndex });
    this.#segment = segmentAt(this.#options.folder, this.#segment.number + 1);
    this.#lastIndex = 0;
    await this.#beginSegment();
  }

  /** Repeats hard state and marks in the first frame, so that older segments can go. */
  async #beginSegment(): Promise<void> {
    const { file, key } = await createSegment(this.#options.files, this.#options.key, this.#segment);
    this.#file = file;
    this.#fileKey = key;
    this.#offset = segmentHeaderBytes;
    await this.#writeFrame({ ...nothing, hardState: this.#hardState, marks: this.#marks });
  }
}

function highest(records: readonly Record[]): number {
  return records.reduce((top, record) => Math.max(top, record.entries.at(-1)?.index ?? 0), 0);
}

/** After a process was killed its last writes may be in memory only: what was read must be durable before it is acted on. */
async function syncFile(files: FileSystem, path: string): Promise<void> {
  const file = await openFile(path, 'r+');
  try {
    await files.syncData(file);
  } finally {
    await closeFile(file);
  }
}

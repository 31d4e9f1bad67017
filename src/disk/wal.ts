/** The log on disk: group commit into segments, a new segment after every start, old ones removed behind snapshots. */
import { join } from 'node:path';
import { assert } from '#base/assert';
import type { Clock } from '#base/clock';
import { noMeter, type Meter } from '#base/meter';
import type { Entry, HardState } from '#raft/message';
import { corrupt, damaged } from './damage.ts';
import { isFull, remove } from './file-system.ts';
import { checkOwner, type Owner } from './header.ts';
import type { FileKey } from './key.ts';
import { LogIndex, type Place } from './log-index.ts';
import { emptyRecord, entryBytes, mergeRecords, type Record, type SnapshotMark } from './record.ts';
import { answerName, isAnswer, readRecordAt, readSegment, segmentAt, segmentNumber, type Position, type Segment, type SegmentParts } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { Space } from './space.ts';

export interface WalOptions extends SegmentParts {
  readonly clock: Clock;
  readonly meter?: Meter;
  readonly space: Space;
  /** A segment that reached this size is followed by a new one. */
  readonly segmentBytes: number;
  /** Whose the log is, told what the newest segment says of it. */
  readonly owner: (found: Owner | undefined) => Owner;
}

/** What the files say beside the entries. */
export interface WalContent {
  readonly owner: Owner;
  readonly hardState: HardState | undefined;
  readonly marks: readonly SnapshotMark[];
  /** Bytes of a write that was interrupted; they are gone. */
  readonly cutBytes: number;
}

interface Waiting {
  readonly record: Record;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

interface Sealed extends Segment {
  readonly key: FileKey;
  /** Highest entry in it; 0 for none. */
  readonly lastIndex: number;
}

const maxGroupBytes = 8 * 1024 * 1024;
/** An idle log gets a seal after this time: what is found bad before it was whole once. */
const idleMs = 1000;

export class Wal {
  readonly #options: WalOptions;
  readonly #owner: Owner;
  readonly #index: LogIndex;
  #writer: SegmentWriter | undefined;
  #number: number;
  #position: Position;
  #lastIndex = 0;
  #sealed: Sealed[];
  #hardState: HardState | undefined;
  #marks: readonly SnapshotMark[];
  #queue: Waiting[] = [];
  #working: Promise<void> | undefined;
  #cancelSeal: (() => void) | undefined;
  #closing = false;
  /** The first error of the disk. What is on it is unknown from then on, so nothing is written any more. */
  #failure: Error | undefined;

  private constructor(options: WalOptions, found: Found, owner: Owner) {
    this.#options = options;
    this.#owner = owner;
    this.#index = found.index;
    this.#sealed = found.sealed;
    this.#number = (found.sealed.at(-1)?.number ?? 0) + 1;
    this.#position = found.position ?? { sequence: 0, crc: 0 };
    this.#hardState = found.hardState;
    this.#marks = found.marks;
  }

  /** Reads and checks all segments of the folder; nothing is written but the end of what was torn. Refuses damage. */
  static async open(options: WalOptions): Promise<{ wal: Wal; content: WalContent }> {
    const found = await readAllSegments(options);
    const owner = options.owner(found.owners.at(-1)?.owner);
    for (const each of found.owners) checkOwner(each.path, each.owner, owner);
    const { hardState, marks, cutBytes } = found;
    return { wal: new Wal(options, found, owner), content: { owner, hardState, marks, cutBytes } };
  }

  /** Index of the first and last entry; the last is one below the first when there is none. */
  get range(): { readonly first: number; readonly last: number } {
    return { first: this.#index.first, last: this.#index.last };
  }

  /**
   * Adds a record and resolves when it is durable. All that wait while a write runs share the next write and sync.
   * Records become durable in order. While the disk is full they wait. Rejects when the disk failed, now or before: the process must then end.
   */
  append(record: Record): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    assert(!this.#closing, 'the log is closed');
    return new Promise((done, fail) => {
      this.#queue.push({ record, done, fail });
      this.#start();
    });
  }

  /** Entries in [from, to] up to `maxBytes`, at least one if there is any; undefined when `from` is not in the log any more. Refuses damage. */
  async read(from: number, to: number, maxBytes: number): Promise<readonly Entry[] | undefined> {
    if (from < this.#index.first) return undefined;
    const entries: Entry[] = [];
    let bytes = 0;
    let frame: { readonly place: Place; readonly entries: readonly Entry[] } | undefined;
    for (let index = from; index <= Math.min(to, this.#index.last); index++) {
      const place = this.#index.at(index);
      assert(place, `entry ${index} has no place`);
      if (frame?.place.segment !== place.segment || frame.place.at !== place.at) frame = { place, entries: (await this.#readFrame(place)).entries };
      const entry = frame.entries.find((each) => each.index === index);
      assert(entry?.term === place.term, `entry ${index} is not where it was written`);
      bytes += entry.bytes.length;
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(entry);
    }
    return entries;
  }

  /** Removes segments whose entries are all at or below `index`; the caller has a marked snapshot of that index. */
  async removeBelow(index: number): Promise<void> {
    let count = 0;
    // What the newest segment says of term, vote and snapshots stands nowhere else until a later one repeats it.
    const removable = this.#writer?.begun ? this.#sealed.length : this.#sealed.length - 1;
    while (count < removable && (this.#sealed[count]?.lastIndex ?? 0) <= index) count++;
    if (count === 0) return;
    const removed = this.#sealed.splice(0, count);
    this.#index.dropBefore((removed.at(-1)?.number ?? 0) + 1);
    // One by one: if the removal of an older one could be lost and that of a newer one not, the log would have a hole.
    for (const segment of removed) {
      await remove(this.#options.files, segment.path);
      await this.#options.files.syncFolder(this.#options.folder);
    }
  }

  /** Writes out what waits, seals the end, and closes. A disk that is full keeps nobody waiting here. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#cancelSeal?.();
    await this.#options.space.close();
    // What was handed over beside a seal is written behind it, by work that begins when that has ended.
    while (this.#working) await this.#working;
    try {
      if (!this.#failure) await this.#seal();
    } finally {
      await this.#writer?.close();
      this.#writer = undefined;
    }
  }

  #start(): void {
    this.#cancelSeal?.();
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      if (this.#queue.length > 0) this.#start();
      else if (!this.#closing && !this.#failure && this.#writer && !this.#writer.sealed) this.#sealLater();
    });
  }

  #sealLater(): void {
    this.#cancelSeal = this.#options.clock.after(idleMs, () => {
      this.#working ??= this.#seal()
        .catch((error: unknown) => this.#fail(error as Error, []))
        .finally(() => {
          this.#working = undefined;
          if (this.#queue.length > 0) this.#start();
        });
    });
  }

  async #work(): Promise<void> {
    // One turn of the loop, so that everybody who appends in it shares the write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#write(mergeRecords(group.map((waiting) => waiting.record)));
        for (const waiting of group) waiting.done();
      } catch (error) {
        this.#fail(error as Error, group);
      }
    }
  }

  #fail(error: Error, group: readonly Waiting[]): void {
    this.#failure ??= error;
    for (const waiting of [...group, ...this.#queue.splice(0)]) waiting.fail(this.#failure);
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { record } of this.#queue) {
      bytes += entryBytes(record.entries);
      if (count > 0 && bytes > maxGroupBytes) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(record: Record): Promise<void> {
    if (record.hardState && this.#hardState) checkPromise(this.#hardState, record.hardState);
    const empty = !record.hardState && record.marks.length === 0 && record.entries.length === 0;
    // Answers without content only wait for their place in the order.
    if (empty) return;
    for (;;) {
      try {
        return this.#written(record, await this.#timed(record));
      } catch (error) {
        if (!isFull(error)) throw error;
        await this.#abandonWriter();
      }
    }
  }

  async #timed(record: Record): Promise<number> {
    const { clock, meter = noMeter } = this.#options;
    const began = clock.monotonicNow();
    const at = await this.#writeFrame(record);
    meter.took('shoal_log_sync_seconds', (clock.monotonicNow() - began) / 1000);
    return at;
  }

  /** Term, vote, commit and entries of a batch are one frame, also where a segment begins: there it repeats what has not changed, so that older segments can go. */
  async #writeFrame(record: Record): Promise<number> {
    const writer = this.#writer;
    // What an installed snapshot voids goes with its segments.
    if (writer && !record.installed && writer.offset < this.#options.segmentBytes) return await writer.write(record);
    await this.#endWriter();
    this.#writer = await SegmentWriter.create(this.#options, segmentAt(this.#options.folder, this.#number), this.#owner, this.#position);
    return await this.#writer.write({
      ...record,
      hardState: record.hardState ?? this.#hardState,
      marks: record.marks.length > 0 ? record.marks : this.#marks,
    });
  }

  /** The record is durable at byte `at` of the current segment. */
  #written(record: Record, at: number): void {
    assert(this.#writer, 'a record was written to no segment');
    this.#position = this.#writer.position;
    this.#hardState = record.hardState ?? this.#hardState;
    if (record.marks.length > 0) this.#marks = record.marks;
    if (record.installed) {
      this.#index.reset(this.#marks.at(-1)?.index ?? 0);
      this.#sealed = this.#sealed.map((segment) => ({ ...segment, lastIndex: 0 }));
    }
    const fits = this.#index.put(record.entries, this.#number, at);
    assert(fits, `entry ${record.entries[0]?.index} leaves a gap behind ${this.#index.last}`);
    this.#lastIndex = Math.max(this.#lastIndex, record.entries.at(-1)?.index ?? 0);
  }

  /** Says that the last frame is whole. Without space it stays unsaid, and the segment that may hold a part of it is left. */
  async #seal(): Promise<void> {
    if (!this.#writer || this.#writer.sealed) return;
    try {
      await this.#writer.seal();
      this.#position = this.#writer.position;
    } catch (error) {
      if (!isFull(error)) throw error;
      if (await this.#cutBack()) await this.#endWriter();
      else if (!this.#closing) await this.#abandonWriter();
    }
  }

  /** Goes back to the last durable frame of a segment and leaves it: a number that was used once must not seal anything else. */
  async #abandonWriter(): Promise<void> {
    for (let cut = false; !cut;) {
      await this.#options.space.wait();
      cut = await this.#cutBack();
    }
    await this.#endWriter();
  }

  /** Returns false when even that finds no space. */
  async #cutBack(): Promise<boolean> {
    try {
      await this.#writer?.cutBack();
      return true;
    } catch (error) {
      if (!isFull(error)) throw error;
      return false;
    }
  }

  async #endWriter(): Promise<void> {
    const writer = this.#writer;
    if (!writer) return;
    this.#writer = undefined;
    this.#sealed.push({ ...writer.segment, key: writer.key, lastIndex: this.#lastIndex });
    this.#lastIndex = 0;
    this.#number++;
    await writer.close();
  }

  async #readFrame(place: Place): Promise<Record> {
    const { path } = segmentAt(this.#options.folder, place.segment);
    const key = this.#writer?.segment.number === place.segment ? this.#writer.key : this.#sealed.find((each) => each.number === place.segment)?.key;
    assert(key, `segment ${place.segment} is gone while its entries are asked for`);
    return await readRecordAt(this.#options.files, path, key, place.at);
  }
}

interface Found {
  /** An entry that changes the members was seen. */
  changes: boolean;
  readonly owners: { readonly path: string; readonly owner: Owner }[];
  readonly sealed: Sealed[];
  readonly index: LogIndex;
  position: Position | undefined;
  hardState: HardState | undefined;
  marks: readonly SnapshotMark[];
  cutBytes: number;
}

async function readAllSegments(options: WalOptions): Promise<Found> {
  const { files, folder } = options;
  const names = await files.list(folder);
  const found: Found = {
    changes: false,
    owners: [],
    sealed: [],
    index: new LogIndex(),
    position: undefined,
    hardState: undefined,
    marks: emptyRecord.marks,
    cutBytes: 0,
  };
  const numbers = names
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .toSorted((a, b) => a - b);
  for (const [at, number] of numbers.entries()) {
    const expected = (numbers[0] ?? 0) + at;
    if (number !== expected) {
      throw damaged('corrupt', `the log file ${segmentAt(folder, expected).path} is missing between others: restore the state folder from a backup`);
    }
    await readOne(options, found, segmentAt(folder, number), at === numbers.length - 1, names);
  }
  // An answer counts once, for the question that it names.
  for (const name of names.filter(isAnswer)) await remove(files, join(folder, name));
  return found;
}

async function readOne(options: WalOptions, found: Found, segment: Segment, newest: boolean, names: readonly string[]): Promise<void> {
  let lastIndex = 0;
  const content = await readSegment(options, segment, found.position, {
    newest,
    // With others in the group what was lost may have been a vote: nobody but they can say how to go on.
    accepted: (at) => names.includes(answerName(segment, at)) && isAlone(found),
    onRecord: (record, at) => {
      takeIn(found, segment, record, at);
      lastIndex = Math.max(lastIndex, record.entries.at(-1)?.index ?? 0);
    },
  });
  if (content.owner) found.owners.push({ path: segment.path, owner: content.owner });
  found.cutBytes += content.cutBytes;
  found.position = content.end;
  found.sealed.push({ ...segment, key: content.key, lastIndex });
}

function takeIn(found: Found, segment: Segment, record: Record, at: number): void {
  found.hardState = record.hardState ?? found.hardState;
  if (record.marks.length > 0) found.marks = record.marks;
  if (record.installed) found.index.reset(found.marks.at(-1)?.index ?? 0);
  found.changes ||= record.entries.some((entry) => entry.kind === 'configuration');
  if (!found.index.put(record.entries, segment.number, at)) throw corrupt(segment.path, at, 'leaves a gap behind the entries before it');
}

/** Whether this member is known to be the only one. */
function isAlone({ changes, marks }: Found): boolean {
  return !changes && marks.every(({ configuration }) => configuration.voters.length + configuration.learners.length === 1);
}

/** Terms only grow, and in one term a vote is given once: a disk that forgot that would elect two leaders. */
function checkPromise(before: HardState, next: HardState): void {
  assert(next.term >= before.term, `term ${next.term} follows term ${before.term}`);
  const kept = next.term > before.term || before.vote === undefined || next.vote === before.vote;
  assert(kept, `in term ${next.term} the vote for ${before.vote} becomes one for ${next.vote}`);
}

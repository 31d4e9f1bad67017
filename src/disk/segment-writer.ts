/** The segment that is written to: frames one behind the other, each durable before the next. */
import { writeAll, type FileSystem } from './file-system.ts';
import { encodeFrame, type FrameType } from './frame.ts';
import type { Owner } from './header.ts';
import type { FileKey } from './key.ts';
import { encodeRecord, type Record } from './record.ts';
import { createSegment, type Position, type Segment, type SegmentParts } from './segment.ts';

const nothing = new Uint8Array();

export class SegmentWriter {
  readonly #files: FileSystem;
  readonly #file: number;
  #offset: number;
  #position: Position;
  #sealed = false;

  private constructor(
    files: FileSystem,
    readonly segment: Segment,
    { file, key, bytes }: { file: number; key: FileKey; bytes: number },
    after: Position,
  ) {
    this.#files = files;
    this.#file = file;
    this.key = key;
    this.#offset = bytes;
    this.#position = after;
  }

  readonly key: FileKey;

  static async create(parts: SegmentParts, segment: Segment, owner: Owner, after: Position): Promise<SegmentWriter> {
    return new SegmentWriter(parts.files, segment, await createSegment(parts, segment, owner), after);
  }

  /** Where the next frame will begin: everything before it is durable. */
  get offset(): number {
    return this.#offset;
  }

  get position(): Position {
    return this.#position;
  }

  /** True when the last frame is a seal, or there is none. */
  get sealed(): boolean {
    return this.#sealed;
  }

  /** Resolves with the byte where the record's frame begins, once it is durable. */
  write(record: Record): Promise<number> {
    return this.#write('record', encodeRecord(record));
  }

  async seal(): Promise<void> {
    await this.#write('seal', nothing);
  }

  /** Removes what a failed write left behind the last durable frame. */
  async cutBack(): Promise<void> {
    await this.#files.truncate(this.#file, this.#offset);
    await this.#files.syncData(this.#file);
  }

  close(): Promise<void> {
    return this.#files.close(this.#file);
  }

  async #write(type: FrameType, body: Uint8Array): Promise<number> {
    const at = this.#offset;
    const sequence = this.#position.sequence + 1;
    const frame = encodeFrame(this.key, type, sequence, this.#position.crc, body);
    await writeAll(this.#files, this.#file, frame.bytes, at);
    await this.#files.syncData(this.#file);
    this.#offset += frame.bytes.length;
    this.#position = { sequence, crc: frame.crc };
    this.#sealed = type === 'seal';
    return at;
  }
}

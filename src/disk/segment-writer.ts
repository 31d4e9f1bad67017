/** The segment that is written to: frames one behind the other, each durable before the next. */
import { withFile, writeAll, type FileSystem } from './file-system.ts';
import { sealFrame, type FrameType } from './frame.ts';
import type { Owner } from './header.ts';
import type { FileKey } from './key.ts';
import { encodeRecord, type Record } from './record.ts';
import { createSegment, type Position, type Segment, type SegmentParts } from './segment.ts';

export class SegmentWriter {
  readonly #files: FileSystem;
  readonly #pause: () => Promise<void>;
  readonly #file: number;
  #offset: number;
  #position: Position;
  readonly #after: Position;
  #sealed = false;

  private constructor(
    { files, pause }: SegmentParts,
    readonly segment: Segment,
    { file, key, bytes }: { file: number; key: FileKey; bytes: number },
    after: Position,
  ) {
    this.#files = files;
    this.#pause = pause;
    this.#file = file;
    this.key = key;
    this.#offset = bytes;
    this.#position = this.#after = after;
  }

  readonly key: FileKey;

  static async create(parts: SegmentParts, segment: Segment, owner: Owner, after: Position): Promise<SegmentWriter> {
    return new SegmentWriter(parts, segment, await createSegment(parts, segment, owner), after);
  }

  /** Where the next frame will begin: everything before it is durable. */
  get offset(): number {
    return this.#offset;
  }

  /** True when its first record is durable. */
  get begun(): boolean {
    return this.#position.sequence > this.#after.sequence;
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
    await this.#write('seal', []);
  }

  /** Removes what a failed write left behind the last durable frame. */
  async cutBack(): Promise<void> {
    await this.#files.truncate(this.#file, this.#offset);
    await this.#files.syncData(this.#file);
  }

  close(): Promise<void> {
    return this.#files.close(this.#file);
  }

  async #write(type: FrameType, body: readonly Uint8Array[]): Promise<number> {
    const start = this.#offset;
    const sequence = this.#position.sequence + 1;
    const frame = await sealFrame(this.key, type, { sequence, crc: this.#position.crc }, body, this.#pause);
    const [piece] = frame.pieces;
    if (piece && frame.pieces.length === 1) await writeAll(this.#files, this.#file, piece, start);
    else await this.#writePieces(frame.pieces, start);
    this.#offset += frame.bytes;
    this.#position = { sequence, crc: frame.crc };
    this.#sealed = type === 'seal';
    return start;
  }

  /** A large frame is made durable once, when all of it is written. */
  async #writePieces(pieces: readonly Buffer[], start: number): Promise<void> {
    await withFile(this.#files, this.segment.path, 'write', async (file) => {
      let at = start;
      for (const piece of pieces) {
        await writeAll(this.#files, file, piece, at);
        at += piece.length;
      }
      await this.#files.syncData(file);
    });
  }
}

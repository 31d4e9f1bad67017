/** Snapshot files: written and read in chunks, each sealed, under a digest of the whole that the log's mark repeats. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { SnapshotMeta } from '#raft/message';
import { publish, readAll, remove, withFile, writeAll, type FileSystem } from './file-system.ts';
import { checkOwner, decodeHeader, encodeHeader, longestHeader, snapshotFile, type Header, type Owner } from './header.ts';
import { saltBytes, sealBytes, type DataKey, type FileKey } from './key.ts';
import type { SnapshotMark } from './record.ts';

/** The state in pieces of any size, in order; a piece is not kept after the next one was asked for. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface SnapshotFolder {
  readonly folder: string;
  readonly files: FileSystem;
  readonly key: DataKey;
  readonly owner: Owner;
  readonly chance: (count: number) => Buffer;
  /** Resolves in a later turn of the event loop. */
  readonly pause: () => Promise<void>;
}

interface Facts extends Owner {
  readonly index: number;
  readonly term: number;
}

type Place = Pick<SnapshotMeta, 'index' | 'term'>;

/** Largest piece that is sealed at once: about a millisecond's work. */
const pieceBytes = 512 * 1024;
const readBytes = 1024 * 1024;
/** What the first version sealed at once. */
const firstVersionChunkBytes = 1024 * 1024;
const firstVersionHeaderBytes = 33;
const lengthBytes = 4;
const namePattern = /^snapshot-\d+-\d+$/;

function snapshotPath(folder: string, place: Place): string {
  return join(folder, `snapshot-${String(place.index).padStart(15, '0')}-${place.term}`);
}

/** Writes a snapshot durably, reads it back, and returns the mark to put into the log. Nothing is left of one that fails. */
export async function saveSnapshot(where: SnapshotFolder, meta: SnapshotMeta, chunks: Chunks): Promise<SnapshotMark> {
  const { files } = where;
  const path = snapshotPath(where.folder, meta);
  const temporary = `${path}.new`;
  try {
    const written = await withFile(files, temporary, 'create', (file) => writePieces(where, file, meta, chunks));
    const found = await withFile(files, temporary, 'read', (file) => digestOf(files, file));
    if (found.digest !== written.digest) throw new Error(`the snapshot ${path} reads back as something else than was written: the disk is damaged`);
    await publish(files, temporary, path);
    return { index: meta.index, term: meta.term, configuration: meta.configuration, ...written };
  } catch (error) {
    await remove(files, temporary).catch(() => undefined);
    throw error;
  }
}

async function writePieces(where: SnapshotFolder, file: number, meta: SnapshotMeta, chunks: Chunks): Promise<{ digest: string; bytes: number }> {
  const digest = createHash('sha256');
  let position = 0;
  for await (const piece of sealedPieces(where, meta, chunks)) {
    digest.update(piece);
    await writeAll(where.files, file, piece, position);
    position += piece.length;
    await where.pause();
  }
  await where.files.syncData(file);
  return { digest: digest.digest('hex'), bytes: position };
}

/** Header, then each piece with its length before it. The last one is empty and says so under the seal: a file cut between two pieces is not whole. */
async function* sealedPieces({ key, owner, chance }: SnapshotFolder, meta: SnapshotMeta, chunks: Chunks): AsyncGenerator<Buffer> {
  const { index, term } = meta;
  const header = encodeHeader(snapshotFile, key, chance(saltBytes), { ...owner, index, term } satisfies Facts);
  yield header.bytes;
  let number = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += pieceBytes) yield sealedPiece(header.key, meta, number++, false, chunk.subarray(at, at + pieceBytes));
  }
  yield sealedPiece(header.key, meta, number, true, new Uint8Array());
}

function sealedPiece(key: FileKey, place: Place, number: number, last: boolean, piece: Uint8Array): Buffer {
  const sealing = key.sealing(number, bound(place, last ? 1 : 0));
  const sealed = [sealing.add(piece), sealing.end()];
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(piece.length + sealBytes);
  return Buffer.concat([length, ...sealed]);
}

async function digestOf(files: FileSystem, file: number): Promise<{ digest: string; bytes: number }> {
  const { bytes } = await files.stat(file);
  const digest = createHash('sha256');
  for (let at = 0; at < bytes; at += readBytes) digest.update(await readAll(files, file, at, Math.min(readBytes, bytes - at)));
  return { digest: digest.digest('hex'), bytes };
}

/**
 * Looks whether the file that `mark` names is there and whole, and returns a sentence on what is wrong with it.
 * Refuses one of another key, another member or a newer version.
 */
export async function checkSnapshot(where: SnapshotFolder, mark: SnapshotMark): Promise<string | undefined> {
  const path = snapshotPath(where.folder, mark);
  try {
    return await withFile(where.files, path, 'read', async (file) => {
      const { digest, bytes } = await digestOf(where.files, file);
      if (mark.bytes !== undefined && bytes !== mark.bytes) return `the snapshot ${path} is damaged: it has ${bytes} bytes instead of ${mark.bytes}`;
      if (digest !== mark.digest) return `the snapshot ${path} is damaged: its digest is not ${mark.digest}`;
      const header = await readHeader(where, file, path);
      if (!header) return `the snapshot ${path} is no snapshot file`;
      if (!header.facts) return undefined;
      checkOwner(path, header.facts, where.owner);
      const fits = header.facts.index === mark.index && header.facts.term === mark.term;
      return fits ? undefined : `the snapshot ${path} is one of entry ${header.facts.index}`;
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    return `the snapshot ${path} cannot be read: ${(error as Error).message}`;
  }
}

async function readHeader(where: SnapshotFolder, file: number, path: string): Promise<Header<Facts> | undefined> {
  return decodeHeader<Facts>(snapshotFile, where.key, path, await readAll(where.files, file, 0, longestHeader));
}

/** The state in a snapshot that was checked. Throws where a piece does not open. */
export async function* readSnapshot(where: SnapshotFolder, mark: SnapshotMark): AsyncGenerator<Uint8Array> {
  const path = snapshotPath(where.folder, mark);
  const { files } = where;
  const file = await files.open(path, 'read');
  try {
    const header = await readHeader(where, file, path);
    if (!header) throw new Error(`the snapshot ${path} is no snapshot file any more`);
    if (header.version === 1) return yield* firstVersionPieces(files, file, header.key, mark);
    let at = header.bytes;
    for (let number = 0; ; number++) {
      const length = (await readAll(files, file, at, lengthBytes)).readUInt32BE();
      const sealed = await readAll(files, file, at + lengthBytes, length);
      at += lengthBytes + length;
      const last = length === sealBytes;
      const piece = header.key.open(number, bound(mark, last ? 1 : 0), sealed);
      if (last) return;
      yield piece;
    }
  } finally {
    await files.close(file);
  }
}

/** The first version said in its header how many chunks there are. */
async function* firstVersionPieces(files: FileSystem, file: number, key: FileKey, mark: SnapshotMark): AsyncGenerator<Uint8Array> {
  const count = (await readAll(files, file, firstVersionHeaderBytes - 4, 4)).readUInt32BE();
  for (let number = 0; number < count; number++) {
    const at = firstVersionHeaderBytes + number * (firstVersionChunkBytes + sealBytes);
    yield key.open(number, bound(mark, count), await readAll(files, file, at, firstVersionChunkBytes + sealBytes));
  }
}

/** Removes all whole snapshots but those named. */
export async function removeOtherSnapshots({ files, folder }: Pick<SnapshotFolder, 'files' | 'folder'>, keep: readonly Place[]): Promise<void> {
  const kept = new Set(keep.map((place) => snapshotPath(folder, place)));
  const others = (await files.list(folder)).filter((name) => namePattern.test(name) && !kept.has(join(folder, name)));
  // One that comes back after a crash is removed again.
  for (const name of others) await remove(files, join(folder, name));
}

/** What a sealed piece is tied to: its snapshot, and whether it is the last (in the first version: of how many). */
function bound(place: Place, tail: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(place.index, 0, 6);
  bytes.writeUIntBE(place.term, 6, 6);
  bytes.writeUInt32BE(tail, 12);
  return bytes;
}

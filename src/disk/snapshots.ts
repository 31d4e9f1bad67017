/** Snapshot files: sealed in chunks, under a digest that the log's mark repeats. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Refusal } from '#base/refusal';
import type { SnapshotMeta } from '#raft/message';
import { closeFile, openFile, publish, syncFolder, type FileSystem } from './file-system.ts';
import { keyIdBytes, saltBytes, sealBytes, type DataKey } from './key.ts';
import type { SnapshotMark } from './record.ts';

const magic = Buffer.from('shoalsnp');
const version = 1;
const chunkBytes = 1024 * 1024;
const saltAt = 9 + keyIdBytes;
const headerBytes = saltAt + saltBytes + 4;

export interface SnapshotFolder {
  readonly folder: string;
  readonly key: DataKey;
  readonly files: FileSystem;
}

function snapshotPath(folder: string, place: Pick<SnapshotMeta, 'index' | 'term'>): string {
  return join(folder, `snapshot-${String(place.index).padStart(15, '0')}-${place.term}`);
}

/** Writes a snapshot durably and returns the mark to put into the log. Yields between chunks, so the loop goes on. */
export async function saveSnapshot(where: SnapshotFolder, meta: SnapshotMeta, state: Uint8Array): Promise<SnapshotMark> {
  const path = snapshotPath(where.folder, meta);
  const temporary = `${path}.new`;
  const digest = createHash('sha256');
  const file = await openFile(temporary, 'w', 0o600);
  try {
    let position = 0;
    for (const bytes of sealedParts(where.key, meta, state)) {
      digest.update(bytes);
      await where.files.write(file, bytes, position);
      position += bytes.length;
      await nextTurn();
    }
    await where.files.syncData(file);
  } finally {
    await closeFile(file);
  }
  await publish(temporary, path);
  return { index: meta.index, term: meta.term, configuration: meta.configuration, digest: digest.digest('hex') };
}

function* sealedParts(key: DataKey, meta: SnapshotMeta, state: Uint8Array): Generator<Buffer> {
  const salt = randomBytes(saltBytes);
  const chunks = Math.ceil(state.length / chunkBytes);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(chunks);
  yield Buffer.concat([magic, Buffer.from([version]), key.id, salt, count]);
  const fileKey = key.forFile('snapshot', salt);
  for (let number = 0; number < chunks; number++) {
    yield fileKey.seal(number, bound(meta, chunks), state.subarray(number * chunkBytes, (number + 1) * chunkBytes));
  }
}

/** The state that `mark` names, or undefined with a reason when the file is missing or damaged. Refuses a wrong key. */
export async function loadSnapshot(where: SnapshotFolder, mark: SnapshotMark): Promise<{ state: Buffer } | { damage: string }> {
  const path = snapshotPath(where.folder, mark);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    return { damage: `the snapshot ${path} cannot be read: ${(error as Error).message}` };
  }
  if (createHash('sha256').update(bytes).digest('hex') !== mark.digest) return { damage: `the snapshot ${path} is damaged: its digest is not ${mark.digest}` };
  if (!bytes.subarray(magic.length + 1, saltAt).equals(where.key.id)) {
    throw new Refusal('failedPrecondition', `the snapshot ${path} was sealed with another key: put the key file that belongs to it back from a backup`);
  }
  const fileKey = where.key.forFile('snapshot', bytes.subarray(saltAt, saltAt + saltBytes));
  const chunks = bytes.readUInt32BE(headerBytes - 4);
  const parts: Buffer[] = [];
  for (let number = 0; number < chunks; number++) {
    const at = headerBytes + number * (chunkBytes + sealBytes);
    parts.push(fileKey.open(number, bound(mark, chunks), bytes.subarray(at, at + chunkBytes + sealBytes)));
  }
  return { state: Buffer.concat(parts) };
}

/** Removes all snapshots but those named, and what an interrupted write left. */
export async function removeOtherSnapshots(where: SnapshotFolder, keep: readonly SnapshotMark[]): Promise<void> {
  const kept = new Set(keep.map((mark) => snapshotPath(where.folder, mark)));
  let removed = 0;
  for (const name of await readdir(where.folder)) {
    const path = join(where.folder, name);
    if (!name.startsWith('snapshot-') || kept.has(path)) continue;
    await unlink(path);
    removed++;
  }
  if (removed > 0) await syncFolder(where.folder);
}

function bound(place: Pick<SnapshotMeta, 'index' | 'term'>, chunks: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(place.index, 0, 6);
  bytes.writeUIntBE(place.term, 6, 6);
  bytes.writeUInt32BE(chunks, 12);
  return bytes;
}

/** The data key: log and snapshots are sealed under keys derived from it. It lies beside them in a file only its owner reads. */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import { damaged } from './damage.ts';
import { publish, readAll, realFileSystem, withFile, writeAll, type FileSystem } from './file-system.ts';

const keyBytes = 32;
const fileName = 'key';
const groupDigits = 24;
export const sealBytes = 16;
export const saltBytes = 16;
export const keyIdBytes = 4;

/** A key that is sealed: magic, version, salt, the sealed key. One that lies open is its bytes and nothing else. */
const sealedMagic = 'shoallck';
const sealedVersion = 1;
const sealedHeadBytes = sealedMagic.length + 1 + saltBytes;
const sealedFileBytes = sealedHeadBytes + keyBytes + sealBytes;

export interface DataKey {
  /** First bytes of the key's hash: tells a wrong key from rotten data. */
  readonly id: Buffer;
  /** Names the group that was begun in this key's folder: also what a folder of the first version, which has no name in it, is called. */
  readonly group: string;
  /** An independent key for the file with this salt. */
  forFile(purpose: 'log' | 'snapshot', salt: Buffer): FileKey;
}

/** Sealed bytes in the making; all that came out, in order, is what `open` takes. */
export interface Sealing {
  add(bytes: Uint8Array): Buffer;
  end(): Buffer;
}

export interface FileKey {
  /** Seals what is added; `sequence` is never used twice with one file key, `bound` must be the same at opening. */
  sealing(sequence: number, bound: Buffer): Sealing;
  /** Throws when key, sequence, bound bytes or content differ. */
  open(sequence: number, bound: Buffer, sealed: Buffer): Buffer;
}

/** @internal */
export function dataKey(secret: Buffer): DataKey {
  return {
    id: createHash('sha256').update('shoal key id').update(secret).digest().subarray(0, keyIdBytes),
    group: createHash('sha256').update('shoal group').update(secret).digest('hex').slice(0, groupDigits),
    forFile: (purpose, salt) => fileKey(Buffer.from(hkdfSync('sha256', secret, salt, `shoal ${purpose}`, keyBytes))),
  };
}

/** @param key 32 bytes, for one file only */
export function fileKey(key: Buffer): FileKey {
  function nonce(sequence: number): Buffer {
    const bytes = Buffer.alloc(12);
    bytes.writeUIntBE(sequence, 6, 6);
    return bytes;
  }
  return {
    sealing(sequence, bound) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce(sequence)).setAAD(bound);
      return { add: (bytes) => cipher.update(bytes), end: () => Buffer.concat([cipher.final(), cipher.getAuthTag()]) };
    },
    open(sequence, bound, sealed) {
      const end = sealed.length - sealBytes;
      const decipher = createDecipheriv('aes-256-gcm', key, nonce(sequence), { authTagLength: sealBytes }).setAAD(bound);
      decipher.setAuthTag(sealed.subarray(end));
      return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    },
  };
}

/**
 * Reads the key of `folder`, or makes one when the folder holds no state yet. Refuses a missing, broken or readable one.
 * @param lock what the key is sealed with; undefined: it lies open
 */
export async function loadKey(files: FileSystem, folder: string, chance: (count: number) => Buffer, lock?: Uint8Array): Promise<DataKey> {
  const path = join(folder, fileName);
  const names = await files.list(folder);
  if (!names.includes(fileName)) {
    if (names.some((name) => name.startsWith('log-') || name.startsWith('snapshot-'))) {
      throw damaged('otherKey', `the key file ${path} is missing, and the state in ${folder} cannot be read without it: put the file back from a backup`);
    }
    const secret = chance(keyBytes);
    await writeKey(files, path, contentOf(secret, lock, chance));
    return dataKey(secret);
  }
  const { bytes, mode, content } = await readKeyFile(files, path);
  const sealed = isSealed(content);
  if (bytes !== (sealed ? sealedFileBytes : keyBytes))
    throw damaged('otherKey', `the key file ${path} has ${bytes} bytes instead of ${keyBytes}: put the file back from a backup`);
  if ((mode & 0o077) !== 0) {
    throw damaged('otherKey', `the key file ${path} can be read by others (mode ${mode.toString(8)}): run chmod 600 ${path}`);
  }
  return dataKey(sealed ? opened(path, content, lock) : content);
}

/** Whether the key in `folder` is sealed, so that nothing there can be read without the one that locks it. */
export async function isLocked(folder: string, files: FileSystem = realFileSystem): Promise<boolean> {
  try {
    return isSealed((await readKeyFile(files, join(folder, fileName))).content);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Refuses `unauthenticated` where `lock` is not what the key in `folder` is sealed with. */
export async function checkLock(folder: string, lock: Uint8Array, files: FileSystem = realFileSystem): Promise<void> {
  const path = join(folder, fileName);
  opened(path, (await readKeyFile(files, path)).content, lock);
}

/** Seals the key in `folder` with another lock than before, or lays it open. Durable when it resolves; a crash leaves the one or the other. */
export async function changeLock(
  folder: string,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
  files: FileSystem = realFileSystem,
  chance: (count: number) => Buffer = randomBytes,
): Promise<void> {
  const path = join(folder, fileName);
  const { content } = await readKeyFile(files, path);
  const secret = isSealed(content) ? opened(path, content, before) : content;
  await writeKey(files, path, contentOf(secret, after, chance));
}

async function readKeyFile(files: FileSystem, path: string): Promise<{ bytes: number; mode: number; content: Buffer }> {
  return await withFile(files, path, 'read', async (file) => ({ ...(await files.stat(file)), content: await readAll(files, file, 0, sealedFileBytes) }));
}

function isSealed(content: Buffer): boolean {
  return content.length > keyBytes && content.toString('latin1', 0, sealedMagic.length) === sealedMagic;
}

function contentOf(secret: Buffer, lock: Uint8Array | undefined, chance: (count: number) => Buffer): Buffer {
  if (!lock) return secret;
  const head = Buffer.concat([Buffer.from(sealedMagic), Buffer.from([sealedVersion]), chance(saltBytes)]);
  const sealing = lockKey(lock, head).sealing(0, head);
  return Buffer.concat([head, sealing.add(secret), sealing.end()]);
}

function opened(path: string, content: Buffer, lock: Uint8Array | undefined): Buffer {
  const head = content.subarray(0, sealedHeadBytes);
  const found = content[sealedMagic.length];
  if (found !== sealedVersion) throw damaged('newer', `the key file ${path} has format version ${found}: use the program that wrote it`);
  if (!lock) throw new Refusal('unavailable', `the key file ${path} is sealed: it needs the unlock key`, { reason: 'locked' });
  try {
    return lockKey(lock, head).open(0, head, content.subarray(sealedHeadBytes));
  } catch {
    throw new Refusal('unauthenticated', `the key file ${path} is sealed with another unlock key`, { reason: 'otherUnlockKey' });
  }
}

function lockKey(lock: Uint8Array, head: Buffer): FileKey {
  return fileKey(Buffer.from(hkdfSync('sha256', lock, head.subarray(sealedHeadBytes - saltBytes), 'shoal unlock', keyBytes)));
}

async function writeKey(files: FileSystem, path: string, content: Buffer): Promise<void> {
  const temporary = `${path}.new`;
  await withFile(files, temporary, 'create', async (file) => {
    await writeAll(files, file, content, 0);
    await files.syncData(file);
  });
  await publish(files, temporary, path);
}

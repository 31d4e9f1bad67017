/** The data key: log and snapshots are sealed under keys derived from it. It lies beside them in a file only its owner reads. */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { damaged } from './damage.ts';
import { publish, readAll, withFile, writeAll, type FileSystem } from './file-system.ts';

const keyBytes = 32;
const fileName = 'key';
const groupDigits = 24;
export const sealBytes = 16;
export const saltBytes = 16;
export const keyIdBytes = 4;

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

/** Reads the key of `folder`, or makes one when the folder holds no state yet. Refuses a missing, broken or readable one. */
export async function loadKey(files: FileSystem, folder: string, chance: (count: number) => Buffer): Promise<DataKey> {
  const path = join(folder, fileName);
  const names = await files.list(folder);
  if (!names.includes(fileName)) {
    if (names.some((name) => name.startsWith('log-') || name.startsWith('snapshot-'))) {
      throw damaged('otherKey', `the key file ${path} is missing, and the state in ${folder} cannot be read without it: put the file back from a backup`);
    }
    return await createKey(files, path, chance(keyBytes));
  }
  const { bytes, mode, secret } = await withFile(files, path, 'read', async (file) => ({
    ...(await files.stat(file)),
    secret: await readAll(files, file, 0, keyBytes),
  }));
  if (bytes !== keyBytes) throw damaged('otherKey', `the key file ${path} has ${bytes} bytes instead of ${keyBytes}: put the file back from a backup`);
  if ((mode & 0o077) !== 0) {
    throw damaged('otherKey', `the key file ${path} can be read by others (mode ${mode.toString(8)}): run chmod 600 ${path}`);
  }
  return dataKey(secret);
}

async function createKey(files: FileSystem, path: string, secret: Buffer): Promise<DataKey> {
  const temporary = `${path}.new`;
  await withFile(files, temporary, 'create', async (file) => {
    await writeAll(files, file, secret, 0);
    await files.syncData(file);
  });
  await publish(files, temporary, path);
  return dataKey(secret);
}

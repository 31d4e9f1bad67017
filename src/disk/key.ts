/** The data key: log and snapshots are sealed under keys derived from it. It lies beside them in a file only its owner reads. */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import { closeFile, openFile, publish, realFileSystem } from './file-system.ts';

const keyBytes = 32;
const fileName = 'key';
export const sealBytes = 16;
export const saltBytes = 16;
export const keyIdBytes = 4;

export interface DataKey {
  /** First bytes of the key's hash: tells a wrong key from rotten data. */
  readonly id: Buffer;
  /** An independent key for the file with this salt. */
  forFile(purpose: 'log' | 'snapshot', salt: Buffer): FileKey;
}

export interface FileKey {
  /** Seals `bytes`; `sequence` is never used twice with one file key, `bound` must be the same at opening. */
  seal(sequence: number, bound: Buffer, bytes: Uint8Array): Buffer;
  /** Throws when key, sequence, bound bytes or content differ. */
  open(sequence: number, bound: Buffer, sealed: Buffer): Buffer;
}

export function dataKey(secret: Buffer): DataKey {
  return {
    id: createHash('sha256').update('shoal key id').update(secret).digest().subarray(0, keyIdBytes),
    forFile: (purpose, salt) => fileKey(Buffer.from(hkdfSync('sha256', secret, salt, `shoal ${purpose}`, keyBytes))),
  };
}

function fileKey(key: Buffer): FileKey {
  function nonce(sequence: number): Buffer {
    const bytes = Buffer.alloc(12);
    bytes.writeUIntBE(sequence, 6, 6);
    return bytes;
  }
  return {
    seal(sequence, bound, bytes) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce(sequence)).setAAD(bound);
      return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
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
export async function loadKey(folder: string): Promise<DataKey> {
  const path = join(folder, fileName);
  const names = await readdir(folder);
  if (!names.includes(fileName)) {
    if (names.some((name) => name.startsWith('log-') || name.startsWith('snapshot-'))) {
      throw new Refusal(
        'failedPrecondition',
        `the key file ${path} is missing, and the state in ${folder} cannot be read without it: put the file back from a backup`,
      );
    }
    return await createKey(path);
  }
  const secret = await readFile(path);
  if (secret.length !== keyBytes) {
    throw new Refusal('failedPrecondition', `the key file ${path} has ${secret.length} bytes instead of ${keyBytes}: put the file back from a backup`);
  }
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new Refusal('failedPrecondition', `the key file ${path} can be read by others (mode ${(mode & 0o777).toString(8)}): run chmod 600 ${path}`);
  }
  return dataKey(secret);
}

async function createKey(path: string): Promise<DataKey> {
  const secret = randomBytes(keyBytes);
  const temporary = `${path}.new`;
  await writeFile(temporary, secret, { mode: 0o600 });
  const file = await openFile(temporary, 'r+');
  await realFileSystem.syncData(file);
  await closeFile(file);
  await publish(temporary, path);
  return dataKey(secret);
}

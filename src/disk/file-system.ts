/** The few file operations that durability rests on, each with its whole result checked. */
import { close, fdatasync, fsync, open, rename, write } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

export const openFile = promisify(open);
export const closeFile = promisify(close);
const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);
const renameFile = promisify(rename);
const writeAt = promisify(write);

/** Where durability comes from; tests put faults in between. */
export interface FileSystem {
  write(file: number, bytes: Buffer, position: number): Promise<void>;
  syncData(file: number): Promise<void>;
}

/** Writes all of `bytes`. A short count hides a full disk until the next call, so it is an error at once. */
async function writeFully(file: number, bytes: Buffer, position: number): Promise<void> {
  const { bytesWritten } = await writeAt(file, bytes, 0, bytes.length, position);
  if (bytesWritten !== bytes.length) {
    throw new Error(`wrote ${bytesWritten} of ${bytes.length} bytes at ${position}: the disk is full or a limit on file size is reached`);
  }
}

export const realFileSystem: FileSystem = { write: writeFully, syncData };

/** Makes names in `folder` durable: a new, renamed or removed file is only sure after this. */
export async function syncFolder(folder: string): Promise<void> {
  const file = await openFile(folder, 'r');
  try {
    await syncAll(file);
  } finally {
    await closeFile(file);
  }
}

/** Gives a finished temporary file its real name, durably. */
export async function publish(temporary: string, path: string): Promise<void> {
  await renameFile(temporary, path);
  await syncFolder(dirname(path));
}

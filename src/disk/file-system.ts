/** Everything that the log asks of a disk, as a seam: tests put one in between that lies, tears, fills up and forgets. */
import { close, constants, fdatasync, fstat, fsync, ftruncate, mkdir, open, read, readdir, rename, unlink, write } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * `create` makes an empty file in the place of whatever is there, for its owner alone; `createDurable` one of which every
 * write is on the disk when it resolves: a small one then takes one call of the disk and not two.
 */
export type OpenHow = 'read' | 'write' | 'create' | 'createDurable';

export interface FileSystem {
  open(path: string, how: OpenHow): Promise<number>;
  close(file: number): Promise<void>;
  /** Length in bytes and permission bits. */
  stat(file: number): Promise<{ readonly bytes: number; readonly mode: number }>;
  /** Fills `into` from `position` on; resolves with how many bytes came, which may be fewer. */
  read(file: number, into: Buffer, position: number): Promise<number>;
  /** Resolves with how many bytes were taken, which may be fewer: a short count hides a full disk until the next call. */
  write(file: number, bytes: Buffer, position: number): Promise<number>;
  truncate(file: number, bytes: number): Promise<void>;
  /** What was written and how long the file is are on the disk when it resolves. */
  syncData(file: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Names in the folder, in no order. */
  list(folder: string): Promise<readonly string[]>;
  makeFolder(path: string): Promise<void>;
  /** Makes names durable: a new, renamed or removed file is only sure after this. */
  syncFolder(path: string): Promise<void>;
}

const flags = {
  read: 'r',
  write: 'r+',
  create: 'w',
  createDurable: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC,
} as const;
const openFile = promisify(open);
const closeFile = promisify(close);
const syncAll = promisify(fsync);
const readAt = promisify(read);
const writeAt = promisify(write);

/** A process that has too many files open gets one again when somebody is done; that is no reason for a log to end. */
const crowded = new Set(['EMFILE', 'ENFILE']);
const crowdedPauseMs = 20;
const crowdedTries = 3000;

async function openPatiently(path: string, how: string | number): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await openFile(path, how, 0o600);
    } catch (error) {
      if (tries === crowdedTries || !crowded.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await pause(crowdedPauseMs);
    }
  }
}

export const realFileSystem: FileSystem = {
  open: (path, how) => openPatiently(path, flags[how]),
  close: closeFile,
  stat: async (file) => {
    const { size, mode } = await promisify(fstat)(file);
    return { bytes: size, mode: mode & 0o777 };
  },
  read: async (file, into, position) => (await readAt(file, into, 0, into.length, position)).bytesRead,
  write: async (file, bytes, position) => (await writeAt(file, bytes, 0, bytes.length, position)).bytesWritten,
  truncate: promisify(ftruncate),
  syncData: promisify(fdatasync),
  rename: promisify(rename),
  unlink: promisify(unlink),
  list: (folder) => promisify(readdir)(folder),
  makeFolder: async (path) => void (await promisify(mkdir)(path, { recursive: true, mode: 0o700 })),
  syncFolder: async (path) => {
    const file = await openPatiently(path, 'r');
    try {
      await syncAll(file);
    } finally {
      await closeFile(file);
    }
  },
};

/** Writes all of `bytes`, in as many calls as that takes. A call that takes nothing means that the disk is full. */
export async function writeAll(files: FileSystem, file: number, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const count = await files.write(file, bytes.subarray(done), position + done);
    if (count === 0) throw Object.assign(new Error(`wrote ${done} of ${bytes.length} bytes at ${position}`), { code: 'ENOSPC' });
    done += count;
  }
}

/** The bytes at `position`, fewer than `length` only where the file ends. */
export async function readAll(files: FileSystem, file: number, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = await files.read(file, bytes.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** Runs `use` on a file that is open as long as that takes. */
export async function withFile<T>(files: FileSystem, path: string, how: OpenHow, use: (file: number) => Promise<T>): Promise<T> {
  const file = await files.open(path, how);
  try {
    return await use(file);
  } finally {
    await files.close(file);
  }
}

/** Gives a finished temporary file its real name, durably. */
export async function publish(files: FileSystem, temporary: string, path: string): Promise<void> {
  await files.rename(temporary, path);
  await files.syncFolder(dirname(path));
}

/** Removes a file that may be gone already. */
export async function remove(files: FileSystem, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** True when the disk, or what this program may use of it, has no space left: that passes, unlike every other failure. */
export function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Keeps a second daemon off a state folder: a lock on a file in it that the kernel frees when its holder ends, however it ends. */
import { answers } from '#http/answers';
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';

/** Its place among the command's files. */
const handed = 3;
/** What flock(1) answers when somebody else holds the lock. */
const taken = 1;

/**
 * Resolves with the way to let go. Refuses `failedPrecondition` when another daemon holds the folder.
 * Node has no flock(2). The command takes it on the file that we opened: the lock belongs to the open file, which the command
 * shares with us, so it stays when the command ends and goes when our last descriptor does.
 */
export async function lockState(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const file = openLock(path);
  try {
    takeLock(file, path, folder);
    await refuseOlderDaemon(folder);
    // Whom to stop, for the one that is refused; the lock itself does not rest on it.
    ftruncateSync(file, 0);
    writeSync(file, String(process.pid), 0);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return async () => closeSync(file);
}

function openLock(path: string): number {
  try {
    // Opening for append makes the file and never shortens it: it may be somebody else's.
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw new Refusal('failedPrecondition', `cannot use the state folder: ${(error as Error).message}`);
  }
}

function takeLock(file: number, path: string, folder: string): void {
  const { status, error, stderr } = spawnSync('flock', ['--exclusive', '--nonblock', String(handed)], {
    stdio: ['ignore', 'ignore', 'pipe', file],
    encoding: 'utf8',
  });
  if (status === 0) return;
  if (status === taken) throw inUse(folder, holder(path));
  const missing = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  throw new Refusal(
    'failedPrecondition',
    missing ? `cannot lock ${path}: the command flock is missing. Install the package util-linux` : `cannot lock ${path}: ${error?.message ?? stderr.trim()}`,
  );
}

function holder(path: string): string {
  const text = readFileSync(path, 'utf8');
  return /^\d+$/.test(text) ? ` (process ${text})` : '';
}

function inUse(folder: string, who: string): Refusal {
  return new Refusal('failedPrecondition', `another daemon${who} is using ${folder}: stop it, or give this one a state folder of its own with --state`);
}

/** Daemons of the first version answered on a socket instead; one that lives still does, and a dead one's is removed. */
async function refuseOlderDaemon(folder: string): Promise<void> {
  const path = join(folder, 'lock.sock');
  if (await answers(path)) throw inUse(folder, '');
  rmSync(path, { force: true });
}

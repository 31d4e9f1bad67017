/** Counts starts that ended badly, in a few bytes that are written in place: a full disk has room for them too. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '#base/logger';

const fileName = 'starts';
const digits = 8;

/** A daemon that lived so long has not died of its start. */
export const livedMs = 60_000;
/** So many deaths in a row, each within `livedMs`, and the next start is a safe one. */
const deathsBeforeSafety = 3;

/** How many starts in a row were not followed by a minute of life or an orderly end. */
export function startsThatDied(folder: string): number {
  try {
    const count = Number.parseInt(readFileSync(join(folder, fileName), 'latin1'), 10);
    return count >= 0 ? count : 0;
  } catch {
    return 0;
  }
}

/**
 * Writes the count; false when even that cannot be written: then starts are not counted, and nothing else is lost.
 * @internal
 */
export function writeStarts(folder: string, count: number): boolean {
  const text = `${String(count).padStart(digits, '0')}\n`;
  const path = join(folder, fileName);
  for (const flags of ['r+', 'w']) {
    try {
      const file = openSync(path, flags, 0o600);
      try {
        writeSync(file, text, 0, 'latin1');
        return true;
      } finally {
        closeSync(file);
      }
    } catch {
      // No file yet: it is made. No room for it: the caller is told.
    }
  }
  return false;
}

/** Writes the count; says so where it cannot. */
export function countStarts(folder: string, count: number, logger: Pick<Logger, 'warn'>): void {
  if (writeStarts(folder, count)) return;
  logger.warn({ state: folder }, 'starts cannot be counted: there will be no safe mode by itself; make room on the disk');
}

/** Why the daemon starts with its API only; undefined when it starts whole. @param died starts in a row that ended badly */
export function safetyOf(asked: boolean | undefined, died: number): string | undefined {
  if (!(asked ?? died >= deathsBeforeSafety)) return undefined;
  const because = asked ? 'as asked for' : `because ${died} starts in a row died within a minute`;
  const advice = 'remove or scale what does harm (repo rm or suspend, service rm or scale), then restart the daemon';
  return `safe mode, ${because}: only the API runs, containers, networks and repositories are not looked after; ${advice}`;
}

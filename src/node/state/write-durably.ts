/** Writes a file of the state folder whole. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Durable when it returns; a crash leaves the old file or the new one. For root alone. */
export function writeDurably(path: string, text: string): void {
  writeSynced(`${path}.new`, text, 'w');
  renameSync(`${path}.new`, path);
  syncFolder(dirname(path));
}

/** On the disk when it returns, but for its name (`syncFolder`). @param flags `wx`: there must be none yet */
export function writeSynced(path: string, content: string | Uint8Array, flags: 'w' | 'wx'): void {
  const file = openSync(path, flags, 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What was renamed or made in it stays so. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

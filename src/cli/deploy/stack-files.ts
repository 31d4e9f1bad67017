/** Reads the files of a stack from the disk for the loader. */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { LoadRequest, ReadResult, StackFile } from '#compose/compose';
import { CommandError } from '../command-error.ts';

const maximumBytes = 16 * 1024 * 1024;

/** A file's bytes, or why it cannot be read. Folders and pipes are not files. */
export function readDisk(path: string): ReadResult {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return { error: `read ${path}: is a directory` };
    if (!stat.isFile() && !isHandedOver(path)) return { error: `read ${path}: not a regular file` };
    if (stat.size > maximumBytes) return { error: `read ${path}: larger than ${maximumBytes} bytes` };
    return { bytes: readFileSync(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { error: `open ${path}: ${code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : (code ?? 'failed')}` };
  }
}

/** The shell's `<(command)` is a pipe that was opened for us. */
function isHandedOver(path: string): boolean {
  return /^\/(dev|proc\/self)\/fd\/\d+$/.test(path) || path === '/dev/stdin';
}

/** `-c` may be repeated, hold several names with commas, and be `-` for standard input. `check` sees the files before one that cannot be read. */
export function readStackFiles(names: readonly string[], check?: (files: readonly StackFile[]) => void): Pick<LoadRequest, 'files' | 'directory'> {
  const paths = names.flatMap((name) => name.split(','));
  const first = paths[0] ?? '-';
  const files: StackFile[] = [];
  for (const path of paths) {
    try {
      files.push(readStackFile(path));
    } catch (error) {
      check?.(files);
      throw error;
    }
  }
  return { files, directory: first === '-' ? process.cwd() : dirname(resolve(first)) };
}

function readStackFile(path: string): StackFile {
  if (path === '-') return { path: '-', bytes: readFileSync(0) };
  const result = readDisk(path);
  if ('error' in result) throw new CommandError(result.error);
  return { path, bytes: result.bytes };
}

/** The part of a load request that is the caller's surroundings. */
export function surroundings(environment: Readonly<Record<string, string | undefined>>): Pick<LoadRequest, 'environment' | 'home' | 'read'> {
  const present = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { environment: Object.fromEntries(present), home: homedir(), read: readDisk };
}

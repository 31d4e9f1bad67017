/** Files that a flag names: their text, or a refusal that says which flag it was. */
import { readFileSync } from 'node:fs';
import { CommandError, exitCodes } from './command-error.ts';

export function textOf(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${flag} cannot be read: ${(error as Error).message}`, exitCodes.usage);
  }
}

/** Without the line's end that editors write. */
export function lineOf(flag: string, file: string): string {
  return textOf(flag, file).replace(/\r?\n$/, '');
}

/** A passphrase from a file, the environment or the person at the terminal; never from the command line, which others can see. */
import { readFileSync } from 'node:fs';
import { CommandError } from './command-error.ts';
import { readHidden } from './hidden-input.ts';

export interface PassphraseFlags {
  passphraseFile?: string;
}

const variable = 'SHOAL_BACKUP_PASSPHRASE';

/** @param twice a new one is asked for again, so that a slip of the finger locks nothing away */
export async function passphraseFor(
  { passphraseFile }: PassphraseFlags,
  environment: Readonly<Record<string, string | undefined>>,
  twice: boolean,
): Promise<string> {
  const given = passphraseFile === undefined ? environment[variable] : readFirstLine(passphraseFile);
  if (given !== undefined && given !== '') return given;
  if (!process.stdin.isTTY) throw new CommandError(`the passphrase comes from --passphrase-file or ${variable} where there is no terminal to ask at`);
  const typed = await readHidden('Passphrase: ');
  if (twice && (await readHidden('Once more: ')) !== typed) throw new CommandError('these were two different passphrases: nothing was written');
  return typed;
}

function readFirstLine(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8').split(/\r?\n/)[0] ?? '';
  } catch (error) {
    throw new CommandError(`cannot read the passphrase: ${(error as Error).message}`);
  }
}

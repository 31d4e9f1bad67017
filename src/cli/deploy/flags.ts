/** What `stack deploy` and `stack plan` take, and which of the two ways a command goes. */
import { CommandError, exitCodes } from '../command-error.ts';
import type { WaitFlags } from '../progress/wait.ts';
import type { Client } from '../client.ts';

export interface ModeFlags {
  strict?: boolean;
  spec?: boolean;
}

export interface LoadFlags extends ModeFlags {
  composeFile?: string[];
  profile?: string[];
  envFile?: string[];
  strictVars?: boolean;
  rotate?: boolean;
  /** Mistakes as data, too. */
  json?: boolean;
}

export interface DeployFlags extends LoadFlags, WaitFlags {
  prune?: boolean;
  /** Over a repository's stack. */
  force?: boolean;
  /** The fingerprint of a plan. */
  expect?: string;
  resolveImage?: string;
  withRegistryAuth?: boolean;
}

/** Docker makes no plans, and --strict is to do what Docker does. */
export const expectNeedsUs = "--expect is for a daemon of shoal's, and not for --strict: only there a plan has a fingerprint";

/** Docker's way where the daemon is Docker's, the Compose Specification where it is ours; a flag decides otherwise. */
export async function chosenMode(client: Client, { strict, spec }: ModeFlags): Promise<'strict' | 'spec'> {
  if (strict && spec) throw new CommandError('--strict and --spec exclude each other', exitCodes.usage);
  if (strict) return 'strict';
  if (spec) return 'spec';
  return (await client.ping()).shoal === undefined ? 'strict' : 'spec';
}

/** Docker takes every name but one of blanks and quotes. */
export function checkStackName(name: string): void {
  if (name.replaceAll(/^[\s'"]+|[\s'"]+$/g, '') === '') throw new CommandError(`invalid stack name: ${JSON.stringify(name)}`);
}

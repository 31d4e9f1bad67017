/** `repo update`, and the flags that say what a repository may do. */
import type { Command } from 'commander';
import { parseDuration } from '#base/text/duration';
import { allowances } from '#model/allowance';
import { lineOf } from '../../files.ts';
import { CommandError, exitCodes } from '../../command-error.ts';
import { collect, openSession } from '../../session.ts';
import { addHeadOptions, headOf, type HeadFlags } from './repo-head.ts';
import { addLoginOptions, loginOf, placeOf, type LoginFlags } from './repo-login.ts';
import { repositoryPath } from './repo-parts.ts';
import { vaultOf, addVaultOptions, type VaultFlags } from './repo-vault.ts';

export interface TrustFlags {
  deadline?: string;
  pruneGrace?: string;
  allow?: string[];
  trust?: string;
}

interface UpdateFlags extends TrustFlags, HeadFlags, VaultFlags, LoginFlags {
  url?: string;
  unset?: string[];
  freeze?: string[];
  unfreeze?: boolean;
  webhookSecretFile?: string;
  onFailure?: string;
  branch?: string;
  path?: string;
  interval?: string;
  disallow?: string[];
}

const words = Object.entries(allowances).map(([word, { value, meaning }]) => `  ${(value === undefined ? word : `${word}=${value}`).padEnd(22)} ${meaning}`);

const allowanceHelp = `
What a repository can be allowed (a value of * allows all of its word):
${words.join('\n')}`;

export const freezeHelp = 'write nothing in this window, such as "Fri 16:00-Mon 08:00 Europe/Berlin", "22:00-06:00" or 2026-12-20/2027-01-02; may be repeated';
export const webhookSecretHelp = 'file with the secret that webhooks at /hooks/NAME are signed with (daemon --http-addr); an empty one takes the webhook away';

export function addTrustOptions(command: Command): Command {
  return command
    .option('--on-failure <what>', 'when a new version fails: rollback to the last good one (the default), or stay', onFailureOf)
    .option('--deadline <duration>', 'a new version that is not healthy and made no progress for so long has failed (15m unless it is said)')
    .option(
      '--prune-grace <duration>',
      'a stack that the repository does not have any more runs on for so long, at most 720h (0s unless it or its shoal.yml says so)',
    )
    .option('--allow <words>', 'let its stacks do what reaches beyond them, such as mounts=/srv/data,privileged; may be repeated', collect)
    .option('--trust <how>', 'limited: what is allowed by name and no more; full: everything')
    .addHelpText('after', allowanceHelp);
}

export function addRepoUpdate(repo: Command): void {
  const update = repo
    .command('update')
    .description('change how a repository is followed and what it may do')
    .argument('<name>')
    .option('--url <url>', 'where it is now: what it logged in with before goes with the old place, and is given anew')
    .option('--branch <branch>', 'branch to follow')
    .option('--path <folder>', 'folder inside the repository whose sub-folders are the stacks')
    .option('--interval <duration>', 'how often to look')
    .option('--freeze <window>', freezeHelp, collect)
    .option('--unfreeze', 'take all freeze windows away')
    .option('--webhook-secret-file <file>', webhookSecretHelp);
  addHeadOptions(addLoginOptions(update))
    .option('--no-signers', 'follow commits whoever signed them, or nobody')
    .option('--unset <key>', 'take a variable away; may be repeated', collect);
  addVaultOptions(addTrustOptions(update).option('--disallow <words>', 'take words back; may be repeated', collect))
    .option('--no-vault', 'have no values from a vault any more')
    .action(updateRepository);
}

/** What the flags say, for the daemon. */
export function trustOf({ allow, trust, deadline, pruneGrace }: TrustFlags): { Allow?: string[]; Trust?: string; Deadline?: number; PruneGrace?: number } {
  if (trust !== undefined && trust !== 'full' && trust !== 'limited') throw new CommandError(`--trust is full or limited, not "${trust}"`, exitCodes.usage);
  return {
    ...(allow && { Allow: wordsOf(allow) }),
    ...(trust !== undefined && { Trust: trust }),
    ...(deadline !== undefined && { Deadline: durationOf('--deadline', deadline) }),
    ...(pruneGrace !== undefined && { PruneGrace: graceOf(pruneGrace) }),
  };
}

export function intervalOf(text: string): number {
  return durationOf('--interval', text);
}

/** Nanoseconds. */
export function durationOf(flag: string, text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined || duration <= 0) throw new CommandError(`${flag} is a duration such as 30s, not "${text}"`, exitCodes.usage);
  return duration;
}

/** Nanoseconds; none is one as well. */
function graceOf(text: string): number {
  return parseDuration(text) === 0 ? 0 : durationOf('--prune-grace', text);
}

function onFailureOf(text: string): string {
  if (text !== 'rollback' && text !== 'stay') throw new CommandError(`--on-failure is rollback or stay, not "${text}"`, exitCodes.usage);
  return text;
}

function wordsOf(texts: readonly string[]): string[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

async function updateRepository(name: string, flags: UpdateFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const change = {
    ...headOf(flags),
    ...loginOf(flags),
    ...(flags.url !== undefined && { URL: placeOf(flags.url) }),
    ...(flags.unset && { Unset: flags.unset }),
    ...trustOf(flags),
    ...vaultOf(flags),
    ...(flags.freeze && { Freeze: flags.freeze }),
    ...(flags.unfreeze === true && { Freeze: flags.freeze ?? [] }),
    ...(flags.webhookSecretFile !== undefined && { WebhookSecret: lineOf('--webhook-secret-file', flags.webhookSecretFile) }),
    ...(flags.onFailure !== undefined && { OnFailure: flags.onFailure }),
    ...(flags.disallow && { Disallow: wordsOf(flags.disallow) }),
    ...(flags.branch !== undefined && { Branch: flags.branch }),
    ...(flags.path !== undefined && { Path: flags.path }),
    ...(flags.interval !== undefined && { Interval: intervalOf(flags.interval) }),
  };
  await client.post(`${repositoryPath(name)}/update`, change);
  terminal.out(name);
}

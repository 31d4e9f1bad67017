/** The flags that say which commit of a repository is followed, and which is believed. */
import type { Command } from 'commander';
import type { RepositorySpec } from '#model/object/repository';
import { CommandError, exitCodes } from '../../command-error.ts';
import { textOf } from '../../files.ts';
import { collect } from '../../session.ts';

export interface HeadFlags {
  ref?: string;
  semver?: string;
  /** false: nobody has to sign any more. */
  signers?: string | false;
  rewrites?: string;
  env?: string;
  set?: string[];
}

const headHelp = `
--signers takes a list as git and ssh-keygen read it, a line NAME KEYTYPE KEY for each who signs with SSH, and OpenPGP public keys
(\`gpg --armor --export\`). Once there is one, a commit (or the tag that was followed) that nobody of the list signed is not rendered.`;

export function addHeadOptions(command: Command): Command {
  return addDeployOptions(
    command
      .option('--ref <ref>', 'follow a branch or a tag by name, or stay at a commit, in the place of --branch')
      .option('--semver <range>', "follow the newest tag within a range of versions, such as '>=1.2 <2'"),
  );
}

/** How commits of a branch are judged and rendered. */
export function addDeployOptions(command: Command): Command {
  return command
    .option('--signers <file>', 'only follow commits that somebody of this list signed')
    .option('--rewrites <how>', 'when the branch leads to a commit that does not come after the last one: hold until `repo confirm`, or follow')
    .option('--env <name>', 'render each stack file with compose.NAME.yml laid over it, and .env.NAME over .env')
    .option('--set <key=value>', 'variable of its stack files, shown by inspect; may be repeated', collect)
    .addHelpText('after', headHelp);
}

/** What the flags say, for the daemon. */
export function headOf({ ref, semver, signers, rewrites, env, set }: HeadFlags): Partial<RepositorySpec> {
  if (ref !== undefined && semver !== undefined) throw new CommandError('--ref and --semver are one or the other', exitCodes.usage);
  if (rewrites !== undefined && rewrites !== 'hold' && rewrites !== 'follow')
    throw new CommandError(`--rewrites is hold or follow, not "${rewrites}"`, exitCodes.usage);
  return {
    ...(ref !== undefined && { Ref: ref }),
    ...(semver !== undefined && { SemVer: semver }),
    ...(signers !== undefined && { Signers: signers === false ? '' : textOf('--signers', signers) }),
    ...(rewrites !== undefined && { Rewrites: rewrites }),
    ...(env !== undefined && { Environment: env }),
    ...(set && { Variables: Object.fromEntries(set.map(variable)) }),
  };
}

function variable(text: string): [string, string] {
  const end = text.indexOf('=');
  if (end < 1) throw new CommandError(`--set is KEY=VALUE, not "${text}"`, exitCodes.usage);
  return [text.slice(0, end), text.slice(end + 1)];
}

/** `stack deploy`: load the files, send them in the way the daemon is used to, wait for the outcome. */
import type { Command } from 'commander';
import { CommandError, exitCodes } from '../../command-error.ts';
import { chosenMode, expectNeedsUs, type DeployFlags } from '../../deploy/flags.ts';
import { collect, openSession } from '../../session.ts';
import { addWaitOptions } from '../../progress/wait.ts';
import { withResult } from '../../progress/result.ts';

const exitCodeHelp = `
Towards a daemon of shoal's files mean what the Compose Specification says; towards Docker, or with --strict,
all is as \`docker stack deploy\` does it: same requests, same texts, and no waiting but with --detach=false.

Exit codes:
  0  all services converged        1  refused, nothing was changed
  2  wrong usage                   3  rolled back
  4  not converged in time, or failing (with each task's reason)
  5  superseded: another deploy took its place meanwhile, and is named`;

export function addStackDeploy(stack: Command): void {
  const deploy = stack
    .command('deploy')
    .alias('up')
    .description('deploy a new stack or update an existing one')
    .argument('[stack]', "name; when left out, the file's `name:` or the name of its folder");
  addLoadOptions(deploy)
    .option('--prune', "remove services that the files no longer have (the default on shoal's own cluster, but for --strict)")
    .option('--no-prune', 'keep services that the files no longer have')
    .option('--expect <fingerprint>', 'carry out the plan with this fingerprint, or nothing: refused when files or cluster changed since')
    .option('--force', 'deploy over the stack of a repository, which reverts it')
    .option('--resolve-image <when>', "ask registries for digests: always, changed (the default on a cluster of shoal's) or never")
    .option('--with-registry-auth', "give the nodes docker's credentials for the images");
  addWaitOptions(deploy).option('--no-detach', 'wait (the default, but for --strict)').addHelpText('after', exitCodeHelp).action(runDeploy);
}

/** The options that say which files are read. */
export function addFileOptions(command: Command): Command {
  return command
    .option('-c, --compose-file <file>', 'stack file, `-` for standard input; may be repeated', collect)
    .option('--strict', "be equal to Docker's own loader and deploy")
    .option('--profile <name>', 'take services of this profile too; may be repeated', collect)
    .option('--env-file <file>', 'variables, instead of `.env`; may be repeated', collect)
    .option('--strict-vars', 'undefined variables without a default are errors');
}

/** The options that say which files are read, and how they become a stack. */
export function addLoadOptions(command: Command): Command {
  return addFileOptions(command)
    .option('--spec', 'read files after the Compose Specification, towards Docker too')
    .option('--rotate', 'give changed secrets and configs a new name, a counted version (the default, but for --strict)')
    .option('--no-rotate', 'name secrets and configs as the file does');
}

async function runDeploy(name: string | undefined, flags: DeployFlags, command: Command): Promise<void> {
  const session = openSession(command);
  // Also where nobody answers the last line is the result.
  const mode = await withResult(session.terminal, flags.json, Date.now(), () => chosenMode(session.client, flags));
  if (mode === 'strict' && flags.expect !== undefined) throw new CommandError(expectNeedsUs, exitCodes.usage);
  // The loader is the heavy part of the program; only the commands that load pay for it.
  if (mode === 'strict') return (await import('../../deploy/docker/strict.ts')).deployStrict(session, name, flags);
  return (await import('../../deploy/spec.ts')).deploySpec(session, name, flags);
}

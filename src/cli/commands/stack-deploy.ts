/** `stack deploy`: load the files, send one request, wait for the outcome. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { diagnosticText, type Diagnostic } from '#compose/compose';
import { loadStack } from '#compose/load';
import type { StackSpec } from '#model/stack';
import { CommandError, exitCodes } from '../command-error.ts';
import type { Terminal } from '../output/terminal.ts';
import { collect, openSession, type Session } from '../session.ts';
import { readStackFiles, surroundings } from './stack-files.ts';
import { addWaitOptions, isDetached, timeoutOf, waitAndExit, type WaitFlags } from './wait.ts';

interface DeployFlags extends WaitFlags {
  composeFile?: string[];
  prune?: boolean;
  strictVars?: boolean;
}

/** What the daemon answers to a deploy. */
interface Deployment {
  Name: string;
  Changed: boolean;
  Services: readonly { ID: string; Name: string; Change: 'created' | 'updated' | 'unchanged' }[];
  Created?: readonly { Kind: string; Name: string }[];
  Removed?: readonly { Kind: string; Name: string }[];
}

const exitCodeHelp = `
Exit codes:
  0  all services converged        1  refused, nothing was changed
  2  wrong usage                   3  rolled back
  4  not converged in time, or failing (with each task's reason)`;

export function addStackDeploy(stack: Command): void {
  const deploy = stack
    .command('deploy')
    .alias('up')
    .description('deploy a new stack or update an existing one')
    .argument('[stack]', "name; when left out, the file's `name:` or the name of its folder")
    .option('-c, --compose-file <file>', 'stack file, `-` for standard input; may be repeated', collect)
    .option('--prune', 'remove services that the files no longer have (always so, but for --no-prune)', true)
    .option('--no-prune', 'keep services that the files no longer have')
    .option('--strict-vars', 'undefined variables without a default are errors');
  addWaitOptions(deploy).addHelpText('after', exitCodeHelp).action(runDeploy);
}

async function runDeploy(name: string | undefined, flags: DeployFlags, command: Command): Promise<void> {
  const session = openSession(command);
  timeoutOf(flags);
  const detached = isDetached(flags);
  const spec = loadSpec(session, name, flags);
  const startedAt = Date.now();
  const deployment = await session.client.post<Deployment>(`/shoal/v1/stacks/${encodeURIComponent(spec.Name)}`, { Spec: spec, Prune: flags.prune !== false });
  tell(session.terminal, deployment, flags);
  if (detached || deployment.Services.length === 0) return;
  const targets = deployment.Services.map(({ ID, Name, Change }) => ({ ID, Name, untouched: Change === 'unchanged' }));
  await waitAndExit(session, targets, flags, startedAt);
}

function loadSpec({ terminal, environment }: Session, name: string | undefined, flags: DeployFlags): StackSpec {
  if (!flags.composeFile) throw new CommandError('name a stack file: -c FILE', exitCodes.usage);
  const { files, directory } = readStackFiles(flags.composeFile);
  const { stack, diagnostics } = loadStack({
    mode: 'spec',
    ...(name !== undefined && { stack: name }),
    files,
    directory,
    ...surroundings(environment),
    rotate: true,
    strictVariables: flags.strictVars === true,
  });
  if (!stack) throw new CommandError(refusalText(diagnostics, basename(directory)));
  for (const warning of diagnostics) terminal.error(`warning: ${diagnosticText(warning)}`);
  return stack;
}

function refusalText(diagnostics: readonly Diagnostic[], fallback: string): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  return errors.length > 0 ? errors.map(diagnosticText).join('\n') : `the stack in ${fallback} is refused`;
}

function tell(terminal: Terminal, deployment: Deployment, flags: WaitFlags): void {
  if (flags.json) {
    terminal.out(JSON.stringify({ stack: deployment.Name, changed: deployment.Changed, services: deployment.Services }));
    return;
  }
  if (flags.quiet) return;
  for (const { Kind, Name } of deployment.Created ?? []) if (Kind !== 'service') terminal.out(`Creating ${Kind} ${Name}`);
  for (const { Name, ID, Change } of deployment.Services) {
    if (Change === 'created') terminal.out(`Creating service ${Name}`);
    if (Change === 'updated') terminal.out(`Updating service ${Name} (id: ${ID})`);
  }
  for (const { Kind, Name } of deployment.Removed ?? []) terminal.out(`Removing ${Kind} ${Name}`);
  if (!deployment.Changed) terminal.out(`Stack ${deployment.Name} is unchanged`);
}

/** `stack suspend|resume|rm`: the stack as a whole. */
import type { Command } from 'commander';
import { ApiError } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import { confirmAtTerminal } from '../../confirm.ts';
import { explain } from '../explain.ts';
import { checkStackName } from '../../deploy/flags.ts';
import { inspectObjects } from '../inspect.ts';
import { openSession, type Session } from '../../session.ts';

export function addStackControl(stack: Command): void {
  stack
    .command('inspect')
    .description('show stacks in full: state, health, drift and what waits')
    .argument('<stack...>')
    .option('-f, --format <template>', 'a template')
    .action((names: readonly string[], flags: { format?: string }, command: Command) =>
      inspectObjects(openSession(command), names, flags.format, 'stack', (name) => [stackPath(name)]),
    );
  stack
    .command('explain')
    .description('say what a stack wants, what runs, and why it waits, in sentences')
    .argument('<stack>')
    .action((name: string, _flags: object, command: Command) => explain(command, `${stackPath(name)}/explain`));
  for (const verb of ['suspend', 'resume'] as const) {
    stack
      .command(verb)
      .description(verb === 'suspend' ? "write nothing for a repository's stack until it is resumed" : 'follow the repository again')
      .argument('<stack...>')
      .action((names: readonly string[], _flags: object, command: Command) => changeEach(openSession(command), names, verb));
  }
  stack
    .command('rm')
    .aliases(['remove', 'down'])
    .description('remove stacks')
    .argument('<stack...>')
    .option('-d, --detach', 'do not wait (the default)')
    .option('--no-detach', 'wait until the tasks have ended')
    .option('--force', "though the stack is a repository's, which brings it back")
    .action(removeStacks);
}

export function stackPath(name: string): string {
  return `/shoal/v1/stacks/${encodeURIComponent(name)}`;
}

async function changeEach({ client, terminal }: Session, names: readonly string[], verb: 'suspend' | 'resume'): Promise<void> {
  for (const name of names) {
    await client.post(`${stackPath(name)}/${verb}`);
    terminal.out(name);
  }
}

interface RemoveFlags {
  detach?: boolean;
  force?: boolean;
}

async function removeStacks(names: readonly string[], flags: RemoveFlags, command: Command): Promise<void> {
  const session = openSession(command);
  for (const name of names) checkStackName(name);
  const ours = (await session.client.ping()).shoal !== undefined;
  const { removeStackByLabel, waitUntilGone } = await import('../../deploy/docker/remove.ts');
  const problems: string[] = [];
  for (const name of names) {
    try {
      await (ours ? removeFromShoal(session, name, flags.force === true) : removeStackByLabel(session, name));
      if (flags.detach === false) await waitUntilGone(session, name);
    } catch (error) {
      if (!(error instanceof CommandError) || error instanceof ApiError) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
}

interface Removal {
  Removed: readonly NamedObject[];
  Left: readonly NamedObject[];
  /** False: the stack is known by its label only. */
  Recorded: boolean;
  RevertedBy?: { Repository: string; Suspended: boolean };
}

interface NamedObject {
  Kind: string;
  Name: string;
}

async function removeFromShoal({ client, terminal }: Session, name: string, force: boolean): Promise<void> {
  const forced = force ? { force: '1' } : {};
  try {
    const { Removed: going, Recorded } = await client.delete<Removal>(stackPath(name), { dry: '1', ...forced });
    if (!Recorded && terminal.interactive) {
      for (const { Kind, Name } of going) terminal.error(`  ${Kind} ${Name}`);
      await confirmAtTerminal(terminal, `No deploy of stack ${name} is known here: all that carries its label goes. Remove it?`);
    }
    const { Removed, Left, RevertedBy } = await client.delete<Removal>(stackPath(name), forced);
    for (const { Kind, Name } of Removed) terminal.out(`Removing ${Kind} ${Name}`);
    for (const { Kind, Name } of Left) terminal.error(`${Kind} ${Name} stays: it carries the stack's label, and no deploy of the stack made it`);
    if (RevertedBy) {
      const when = RevertedBy.Suspended ? 'as soon as it is resumed' : 'when it is looked at';
      terminal.error(`Stack ${name} belongs to repository ${RevertedBy.Repository}, which brings it back ${when}.`);
    }
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    terminal.error(`Nothing found in stack: ${name}`);
  }
}

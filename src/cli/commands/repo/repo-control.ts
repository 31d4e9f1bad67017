/** `repo sync|confirm|suspend|resume`: what a followed repository does. */
import type { Command } from 'commander';
import type { Repository } from '#model/object/repository';
import type { RepositoryState } from '#model/object/states';
import { exitCodes } from '../../command-error.ts';
import { addWaitOptions, timeoutOf, waitAndExit, type WaitFlags } from '../../progress/wait.ts';
import type { WaitTarget } from '../../progress/watch.ts';
import { openSession, type Session } from '../../session.ts';
import { whoText } from '../../who.ts';
import { listLog, type LogFlags, verifyLog } from '../stack/log.ts';
import { durationOf } from './repo-update.ts';
import { stackPath } from '../stack/stack-control.ts';
import { repositoryPath } from './repo-parts.ts';

/** A repository as the daemon shows it. */
type ShownRepository = Omit<Repository, 'Status'> & {
  Status: Omit<Repository['Status'], 'State'> & { State: RepositoryState };
  Stacks: readonly { Name: string; Source: { Kind: string } }[];
};

type SyncFlags = WaitFlags & { wait?: boolean; renew?: boolean };

const exitCodeHelp = `
Exit codes with --wait are those of \`stack deploy\`: 0 converged, 1 refused, held or unavailable, 3 rolled back,
4 not converged or failing, 5 superseded. Without --wait: 1 when a stack is refused or held, or the repository cannot be read.`;

export function addRepoControl(repo: Command): void {
  repo
    .command('history')
    .description('list who did what to a repository: settings, words that allowed something, with commit and reason')
    .argument('<name>')
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only numbers')
    .option('--verify', 'check that nothing of it was changed or taken out; 1 where something was')
    .option('--head <seal>', 'with --verify: a seal that it told before must be there still')
    .action(async (name: string, flags: LogFlags, command: Command) => {
      const session = openSession(command);
      if (flags.verify || flags.head !== undefined) await verifyLog(session, `repository ${name}`, repositoryPath(name), flags);
      else await listLog(session, repositoryPath(name), flags);
    });
  const sync = repo
    .command('sync')
    .description('fetch and apply now')
    .argument('<name>')
    .option('--wait', 'wait until the stacks have converged')
    .option('--renew', 'with the newest versions of what a vault holds');
  addWaitOptions(sync).addHelpText('after', exitCodeHelp).action(syncRepository);
  repo
    .command('confirm')
    .description('allow what one commit removes, after it was held')
    .argument('<name>')
    .requiredOption('--commit <commit>', 'the commit that is held; the word is for it alone')
    .action(confirmRepository);
  repo
    .command('thaw')
    .description('write though a freeze window holds, for a while; who and why are kept and told')
    .argument('<name>')
    .requiredOption('--reason <text>', 'why it cannot wait')
    .option('--for <duration>', 'for how long, at most 24h', '1h')
    .action(thawRepository);
  for (const verb of ['suspend', 'resume'] as const) {
    repo
      .command(verb)
      .description(verb === 'suspend' ? 'write nothing for a repository until it is resumed; differences are still shown' : 'follow a repository again')
      .argument('<name...>')
      .action((names: readonly string[], _flags: object, command: Command) => changeEach(openSession(command), names, verb));
  }
}

async function changeEach({ client, terminal }: Session, names: readonly string[], verb: 'suspend' | 'resume'): Promise<void> {
  for (const name of names) {
    await client.post(`${repositoryPath(name)}/${verb}`);
    terminal.out(name);
  }
}

async function confirmRepository(name: string, flags: { commit: string }, command: Command): Promise<void> {
  const session = openSession(command);
  tell(session, await session.client.post<ShownRepository>(`${repositoryPath(name)}/confirm`, { Commit: flags.commit }), false);
}

async function thawRepository(name: string, flags: { reason: string; for: string }, command: Command): Promise<void> {
  const session = openSession(command);
  const body = { Reason: flags.reason, For: durationOf('--for', flags.for), Who: whoText() };
  tell(session, await session.client.post<ShownRepository>(`${repositoryPath(name)}/thaw`, body), false);
}

async function syncRepository(name: string, flags: SyncFlags, command: Command): Promise<void> {
  const session = openSession(command);
  timeoutOf(flags);
  const startedAt = Date.now();
  const repository = await session.client.post<ShownRepository>(`${repositoryPath(name)}/sync${flags.renew ? '?renew=1' : ''}`);
  const code = tell(session, repository, flags.json === true);
  if (!flags.wait && code === exitCodes.converged && repository.Status.State === 'degraded') process.exitCode = exitCodes.refused;
  if (!flags.wait) return;
  const targets = await targetsOf(session, repository);
  if (targets.length > 0) await waitAndExit(session, targets, flags, startedAt);
  // Tasks that run well do not make up for a stack that was refused.
  if (!process.exitCode) process.exitCode = code;
}

/** The services of the repository's stacks, in the versions that it has now. */
async function targetsOf({ client }: Session, { Stacks }: ShownRepository): Promise<WaitTarget[]> {
  const stacks = await Promise.all(Stacks.map(({ Name }) => client.find<{ Versions: readonly WaitTarget[] }>(stackPath(Name))));
  return stacks.flatMap((stack) => stack?.Versions ?? []);
}

/** Says what the repository is like; answers, and sets, exit code 1 where something of it was not done. */
function tell({ terminal }: Session, { Spec, Status }: ShownRepository, json: boolean): number {
  const { State, Commit, Message, Refused = {}, Held = {} } = Status;
  if (json) terminal.out(JSON.stringify({ repository: Spec.Name, state: State, commit: Commit, message: Message, refused: Refused, held: Held }));
  else terminal.out(`${Spec.Name}: ${State}${Commit === undefined ? '' : ` at ${Commit.slice(0, 12)}`}${Message === '' ? '' : `: ${Message}`}`);
  for (const [folder, errors] of Object.entries(Refused)) for (const error of errors) terminal.error(`${folder}: ${error}`);
  for (const [folder, reason] of Object.entries(Held)) terminal.error(`${folder}: held: ${reason}`);
  const undone = State === 'unavailable' || State === 'suspended' || State === 'frozen' || Object.keys(Refused).length + Object.keys(Held).length > 0;
  const code = undone ? exitCodes.refused : exitCodes.converged;
  process.exitCode = code;
  return code;
}

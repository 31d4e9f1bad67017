/** `stack history|diff|rollback|retry`: the revisions of a stack. */
import type { Command } from 'commander';
import { humanDuration } from '#base/text/human';
import { withoutDigest } from '#model/image/image-reference';
import type { StackPlan } from '#model/difference/stack-plan';
import type { StackSource } from '#model/object/stack';
import { CommandError, exitCodes } from '../../command-error.ts';
import { listLines, type Column } from '../../output/list.ts';
import { addWaitOptions, timeoutOf, waitAndExit, type WaitFlags } from '../../progress/wait.ts';
import { openSession } from '../../session.ts';
import { whoText } from '../../who.ts';
import { listLog, type LogFlags, verifyLog } from './log.ts';
import { stackPath } from './stack-control.ts';

/** A revision as the daemon shows it. */
interface ShownRevision {
  Number: number;
  CreatedAt: string;
  Source: StackSource;
  Who: string;
  Current: boolean;
  Of?: number;
  Outcome: { State: string; Message: string };
  Services: readonly { Name: string; Image: string }[];
}

const columns: readonly Column<ShownRevision>[] = [
  { heading: 'REVISION', key: 'Revision', text: ({ Number: number, Current }) => `${number}${Current ? ' *' : ''}`, value: (revision) => revision.Number },
  { heading: 'CREATED', key: 'Created', text: ({ CreatedAt }) => `${humanDuration(Date.now() - Date.parse(CreatedAt))} ago` },
  { heading: 'FROM', key: 'From', text: ({ Source, Of }) => (Of === undefined ? sourceText(Source) : `revision ${Of}`) },
  { heading: 'BY', key: 'By', text: ({ Who }) => Who },
  { heading: 'OUTCOME', key: 'Outcome', text: ({ Outcome }) => Outcome.State },
  { heading: 'IMAGES', key: 'Images', text: ({ Services }) => [...new Set(Services.map(({ Image }) => withoutDigest(Image)))].join(',') },
  { heading: 'MESSAGE', key: 'Message', text: ({ Outcome }) => Outcome.Message },
];
const more: readonly Column<ShownRevision>[] = [
  { heading: 'CURRENT', key: 'Current', text: ({ Current }) => String(Current), value: ({ Current }) => Current },
  { heading: 'SERVICES', key: 'Services', text: ({ Services }) => Services.map(({ Name }) => Name).join(','), value: ({ Services }) => Services },
];

const exitCodeHelp = `
Without --to: to the last revision before the present one that was healthy. Services, secrets, configs, networks and images
change in one step. A repository's stack stays there until a commit changes the stack, or \`shoal stack retry\`.
Exit codes are those of \`stack deploy\`.`;

export function addStackHistory(stack: Command): void {
  stack
    .command('history')
    .description('list the revisions of a stack: what was deployed, from where, by whom, and what it came to')
    .argument('<stack>')
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only numbers')
    .option('--log', 'list who did what to it: deploys, rollbacks, approvals, with commit, plan and reason')
    .option('--verify', 'check that nothing of the log and the revisions was changed or taken out; 1 where something was')
    .option('--head <seal>', 'with --verify: a seal that it told before must be there still')
    .action(listRevisions);
  stack
    .command('diff')
    .description('show what one revision of a stack changes of another; by default the present one of the one before')
    .argument('<stack>')
    .argument('[from]', 'number of a revision')
    .argument('[to]', 'number of a revision')
    .option('--json', 'as data')
    .action(showDiff);
  const rollback = stack
    .command('rollback')
    .description('bring back an earlier revision of a stack, whole')
    .argument('<stack>')
    .option('--to <revision>', 'number of a revision, as `stack history` lists them');
  addWaitOptions(rollback).addHelpText('after', exitCodeHelp).action(rollBack);
  stack
    .command('retry')
    .description('try the version of a repository once more that was given up')
    .argument('<stack>')
    .action(async (name: string, _flags: object, command: Command) => {
      const { client, terminal } = openSession(command);
      await client.post(`${stackPath(name)}/retry`);
      terminal.out(name);
    });
}

async function listRevisions(name: string, flags: LogFlags & { log?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  if (flags.verify || flags.head !== undefined) return verifyLog({ client, terminal }, `stack ${name}`, stackPath(name), flags);
  if (flags.log) return listLog({ client, terminal }, stackPath(name), flags);
  const revisions = await client.get<ShownRevision[]>(`${stackPath(name)}/revisions`);
  for (const line of await listLines(revisions.toReversed(), columns, flags, ({ Number: number }) => String(number), { more })) terminal.out(line);
}

async function showDiff(name: string, from: string | undefined, to: string | undefined, flags: { json?: boolean }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const query = { ...(from !== undefined && { from: String(numberOf(from)) }), ...(to !== undefined && { to: String(numberOf(to)) }) };
  const plan = await client.get<StackPlan>(`${stackPath(name)}/revisions/diff`, query);
  if (flags.json) return terminal.out(JSON.stringify(plan));
  const { changedLines } = await import('#model/difference/plan-text');
  const lines = changedLines(plan.changes);
  for (const line of lines.length > 0 ? lines : ['The revisions are the same.']) terminal.out(line);
}

async function rollBack(name: string, flags: WaitFlags & { to?: string }, command: Command): Promise<void> {
  const session = openSession(command);
  timeoutOf(flags);
  const startedAt = Date.now();
  const body = { Who: whoText(), ...(flags.to !== undefined && { To: numberOf(flags.to) }) };
  const answer = await session.client.post<RolledBack>(`${stackPath(name)}/rollback`, body);
  if (flags.json) session.terminal.out(JSON.stringify({ stack: name, to: answer.To, changed: answer.Changed }));
  else if (!flags.quiet)
    session.terminal.out(answer.Changed ? `Stack ${name} goes back to revision ${answer.To}` : `Stack ${name} is at revision ${answer.To} already`);
  const targets = answer.Services.map(({ ID, Name, SpecVersion, Change }) => ({ ID, Name, SpecVersion, untouched: Change === 'unchanged' }));
  if (!flags.detach && targets.length > 0) await waitAndExit(session, targets, flags, startedAt);
}

interface RolledBack {
  To: number;
  Changed: boolean;
  Services: readonly { ID: string; Name: string; SpecVersion: number; Change: 'created' | 'updated' | 'unchanged' }[];
}

function numberOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CommandError(`a revision is a number, as \`shoal stack history\` lists them, not "${text}"`, exitCodes.usage);
  return Number(text);
}

function sourceText(source: StackSource): string {
  return source.Kind === 'repository' ? `${source.Repository} ${source.Commit.slice(0, 12)}` : 'deploy';
}

/** `stack ls|ps|services`, and the place where the other commands of a stack hang. */
import type { Command } from 'commander';
import { humanDuration } from '#base/text/human';
import { namespaceLabel } from '#model/object/meta';
import type { StackCondition, StackLeaving, StackSource } from '#model/object/stack';
import { leavingText } from '#model/difference/leaving-text';
import { flagsOf, type HealthState } from '#model/object/states';
import type { Task } from '#model/object/task';
import { filters } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import { listLines, type Column } from '../../output/list.ts';
import { compareNatural } from '../../output/natural.ts';
import { collect, filterMap, openSession, type Session } from '../../session.ts';
import { addStackAdopt } from './stack-adopt.ts';
import { addStackConfig } from './stack-config.ts';
import { addStackControl } from './stack-control.ts';
import { serviceLines, type ListedService } from '../service/services-list.ts';
import { addStackDeploy } from './stack-deploy.ts';
import { addStackHistory } from './stack-history.ts';
import { addStackLint } from './stack-lint.ts';
import { addStackPlan } from './stack-plan.ts';
import { addTaskOptions, taskLines, type TaskFlags } from '../tasks.ts';

interface StackCount {
  Name: string;
  Services: number;
}

interface StackSummary extends StackCount {
  Source: StackSource;
  Condition: StackCondition;
  Health?: { State: HealthState; Message: string };
  Drifted?: readonly string[];
  Waiting?: readonly string[];
  Suspended?: object;
  Leaving?: StackLeaving;
  Quarantined?: boolean;
  UpdatedAt: string;
}

interface ListFlags {
  format?: string;
  filter?: string[];
  quiet?: boolean;
}

export function addStack(program: Command): void {
  const stack = program.command('stack').description('manage stacks');
  addStackDeploy(stack);
  addStackPlan(stack);
  addStackConfig(stack);
  addStackLint(stack);
  stack.command('ls').alias('list').description('list stacks').option('--format <template>', 'table, json or a template').action(listStacks);
  addTaskOptions(stack.command('ps').description('list the tasks of a stack').argument('<stack>'), 'desired-state=, id=, name=, node=').action(listTasks);
  stack
    .command('services')
    .description('list the services of a stack')
    .argument('<stack>')
    .option('-f, --filter <filter>', 'id=, name=, label=, mode=', collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .action(listServices);
  addStackControl(stack);
  addStackAdopt(stack);
  addStackHistory(stack);
}

const countColumns: readonly Column<StackCount>[] = [
  { heading: 'NAME', key: 'Name', text: (stack) => stack.Name },
  { heading: 'SERVICES', key: 'Services', text: (stack) => String(stack.Services) },
];

/** What only a daemon of ours knows of a stack. */
const columns: readonly Column<StackSummary>[] = [
  { heading: 'REPOSITORY', key: 'Repository', text: (stack) => (stack.Source.Kind === 'repository' ? stack.Source.Repository : '') },
  { heading: 'COMMIT', key: 'Commit', text: (stack) => (stack.Source.Kind === 'repository' ? stack.Source.Commit.slice(0, 12) : '') },
  { heading: 'STATE', key: 'State', text: (stack) => stack.Condition.State },
  { heading: 'HEALTH', key: 'Health', text: (stack) => stack.Health?.State ?? '' },
  { heading: 'FLAGS', key: 'Flags', text: (stack) => flagsOf(stack).join(',') },
  { heading: 'SINCE', key: 'Since', text: (stack) => since(stack.Condition.Since) },
  { heading: 'MESSAGE', key: 'Message', text: messageOf },
];

/** Why it is as it is: the state first, then how it fares, then what differs. */
function messageOf({ Condition, Health, Drifted, Waiting, Leaving }: StackSummary): string {
  const differs = [...(Drifted ? [`changed by hand: ${Drifted.join('; ')}`] : []), ...(Waiting ? [`waits: ${Waiting.join('; ')}`] : [])];
  const leaves = Leaving ? [leavingText(Leaving, Date.now())] : [];
  return [...leaves, Condition.Message, Health?.Message ?? '', ...differs].filter((text) => text !== '').join('; ');
}

function since(time: string): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? '' : `${humanDuration(Date.now() - at)} ago`;
}

async function listStacks(flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const ours = (await client.ping()).shoal !== undefined;
  const byName = (a: StackCount, b: StackCount): number => compareNatural(a.Name, b.Name);
  const lines = ours
    ? await listLines((await client.get<StackSummary[]>('/shoal/v1/stacks')).sort(byName), [...countColumns, ...columns], flags, (stack) => stack.Name)
    : await listLines((await stacksByLabel(client)).sort(byName), countColumns, flags, (stack) => stack.Name);
  for (const line of lines) terminal.out(line);
}

/** A plain Docker Swarm knows stacks by label only. */
async function stacksByLabel(client: Session['client']): Promise<StackCount[]> {
  const services = await client.get<ListedService[]>('/services', filters({ label: [namespaceLabel] }));
  const counts = new Map<string, number>();
  for (const service of services) {
    const name = service.Spec.Labels?.[namespaceLabel] ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([Name, Services]) => ({ Name, Services }));
}

async function listTasks(name: string, flags: TaskFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const tasks = await client.get<Task[]>('/tasks', filters({ ...filterMap(flags.filter), label: [`${namespaceLabel}=${name}`] }));
  if (tasks.length === 0) throw new CommandError(`nothing found in stack: ${name}`);
  for (const line of await taskLines(client, tasks, flags, { shortIds: true })) terminal.out(line);
}

async function listServices(name: string, flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const map = filterMap(flags.filter);
  const label = [...(map['label'] ?? []), `${namespaceLabel}=${name}`];
  const services = await client.get<ListedService[]>('/services', { ...filters({ ...map, label }), status: 'true' });
  if (services.length === 0) terminal.error(`Nothing found in stack: ${name}`);
  else for (const line of await serviceLines(services, flags)) terminal.out(line);
}

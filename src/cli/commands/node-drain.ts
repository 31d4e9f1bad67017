/** `node drain`: takes a node's tasks elsewhere, and waits until they have left. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { counted } from '#base/text/human';
import { nanosecondsPerMillisecond, parseDuration } from '#base/text/duration';
import type { Node, NodeSpec } from '#model/object/node';
import { isPlaced, type Task } from '#model/object/task';
import { filters, type Client } from '../client.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { openSession, type Session } from '../session.ts';

interface DrainFlags {
  wait?: boolean;
  timeout?: string;
}

/** Without --timeout a task is left its node's two minutes; then, and where one is given, it has this long to stop. */
const usualMs = 120_000;
const stopMs = 60_000;
const lookEveryMs = 200;

/** Changes a node's spec as it is now. */
export type ChangeNode = (client: Client, name: string, change: (spec: NodeSpec) => NodeSpec) => Promise<Node>;

export function addDrain(node: Command, changeNode: ChangeNode): void {
  node
    .command('drain')
    .description('take the tasks of nodes elsewhere: replicated ones stop when their successors run')
    .argument('<node...>')
    .option('-w, --wait', 'until no task is left there')
    .option(
      '--timeout <duration>',
      'how long a task may wait for its successor before it stops all the same; 0s: successors start when it has stopped (default: 2m)',
    )
    .action((names: readonly string[], flags: DrainFlags, command: Command) => drain(names, flags, openSession(command), changeNode));
}

async function drain(names: readonly string[], flags: DrainFlags, session: Session, changeNode: ChangeNode): Promise<void> {
  const timeout = timeoutOf(flags);
  const nodes: { name: string; id: string }[] = [];
  for (const name of names) {
    const Shoal = timeout === undefined ? {} : { Shoal: { DrainTimeout: timeout } };
    const { ID } = await changeNode(session.client, name, ({ Shoal: _before, ...spec }) => ({ ...spec, Availability: 'drain', ...Shoal }));
    nodes.push({ name, id: ID });
    if (!flags.wait) session.terminal.out(name);
  }
  if (!flags.wait) return;
  const end = Date.now() + (timeout === undefined ? usualMs : timeout / nanosecondsPerMillisecond) + stopMs;
  for (const { name, id } of nodes) await waitUntilEmpty(session, name, id, end);
}

/** Nanoseconds; undefined when nothing was said. */
function timeoutOf({ timeout }: DrainFlags): number | undefined {
  if (timeout === undefined) return undefined;
  const nanoseconds = parseDuration(timeout);
  if (nanoseconds === undefined || nanoseconds < 0) throw new CommandError(`--timeout is a duration such as 90s or 5m, not "${timeout}"`, exitCodes.usage);
  return nanoseconds;
}

async function waitUntilEmpty({ client, terminal }: Session, name: string, id: string, end: number): Promise<void> {
  let most = 0;
  let said = '';
  for (;;) {
    const left = (await client.get<Task[]>('/tasks', filters({ node: [id] }))).filter(isPlaced);
    most = Math.max(most, left.length);
    const text = `${name}: ${most - left.length} of ${counted(most, 'task')} left it`;
    if (text !== said && left.length > 0) terminal.error(text);
    said = text;
    if (left.length === 0) return terminal.out(`${name}: drained`);
    if (Date.now() >= end)
      throw new CommandError(`node ${name} still has ${counted(left.length, 'task')}, as \`shoal node ps ${name}\` shows: look at its daemon and engine`);
    await sleep(lookEveryMs);
  }
}

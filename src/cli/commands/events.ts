/** `events`: what happens to the cluster and on this host, a line each, as docker's own CLI shows it. */
import type { Command } from 'commander';
import { printableCell } from '#base/text/printable';
import { compareTexts } from '#base/text/text';
import { filters } from '../client.ts';
import { unixSeconds } from '../moment.ts';
import { expandForObject } from '../output/template.ts';
import { collect, filterMap, openSession } from '../session.ts';

interface EventFlags {
  filter?: readonly string[];
  format?: string;
  since?: string;
  until?: string;
}

interface ShownEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes?: Readonly<Record<string, string>> };
  scope: string;
  time: number;
  timeNano: number;
}

const helpAfter = `
The cluster's events (services, nodes, secrets, configs, networks: scope swarm), those of stacks and repositories, and
those of this host's engine come in one stream. Each manager keeps the last 1,024 of the cluster, over restarts of its
daemon: --since shows them, whoever leads or led. What happened while the daemon was down is missing, and events of
stacks and repositories are known to the manager that led. The engine keeps its own last 256 until it is started again.

Filters: config, container, daemon, event, image, label, network, node, plugin, repository, scope, secret, service,
stack, type, volume.`;

export function addEvents(program: Command): void {
  program
    .command('events')
    .description('show what happens to the cluster and on this host, as it happens')
    .option('-f, --filter <filter>', 'only what matches, such as type=service or stack=web', collect)
    .option('--format <template>', 'json or a template')
    .option('--since <time>', 'also what happened since a time or for a duration, such as 42m')
    .option('--until <time>', 'end at a time, or so long ago')
    .addHelpText('after', helpAfter)
    .action(showEvents);
}

async function showEvents({ filter, format, since, until }: EventFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const query = {
    ...filters(filterMap(filter)),
    ...(since !== undefined && { since: unixSeconds('--since', since) }),
    ...(until !== undefined && { until: unixSeconds('--until', until) }),
  };
  const stream = await client.stream('/events', { query });
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') terminal.out(shown(line, format));
  }
}

function shown(line: string, format: string | undefined): string {
  if (format === 'json') return line;
  const event = JSON.parse(line) as ShownEvent;
  if (format === undefined) return eventLine(event, nanosecondsOf(line));
  const { Actor, Action, scope, time, timeNano } = event;
  return expandForObject(format, {
    ...event,
    ID: Actor.ID,
    Status: Action,
    From: Actor.Attributes?.['image'] ?? '',
    Scope: scope,
    Time: time,
    TimeNano: timeNano,
  });
}

/** As docker's CLI writes it. */
function eventLine({ Type, Action, Actor }: ShownEvent, nanoseconds: bigint): string {
  const attributes = Object.entries(Actor.Attributes ?? {}).toSorted(([a], [b]) => compareTexts(a, b));
  const facts = attributes.map(([key, value]) => `${key}=${value}`).join(', ');
  return printableCell(`${localTime(nanoseconds)} ${Type} ${Action} ${Actor.ID}${facts === '' ? '' : ` (${facts})`}`);
}

/** Of the text: a number holds no nanoseconds of our time. */
function nanosecondsOf(line: string): bigint {
  return BigInt(/"timeNano":(\d+)/.exec(line)?.[1] ?? 0);
}

/** RFC 3339 with nanoseconds, in this host's zone. */
function localTime(nanoseconds: bigint): string {
  const ms = Number(nanoseconds / 1_000_000n);
  const offset = -new Date(ms).getTimezoneOffset();
  const fraction = String(nanoseconds % 1_000_000n).padStart(6, '0');
  const two = (value: number): string => String(Math.abs(value)).padStart(2, '0');
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.trunc(offset / 60))}:${two(offset % 60)}`;
  return new Date(ms + offset * 60_000).toISOString().replace('Z', `${fraction}${zone}`);
}

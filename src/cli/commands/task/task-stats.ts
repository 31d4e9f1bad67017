/** `task stats`: what tasks take of their nodes, one reading. */
import type { Command } from 'commander';
import { humanSize } from '#base/text/human';
import type { Task } from '#model/object/task';
import type { Client } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import { listLines, type Column } from '../../output/list.ts';
import { openSession } from '../../session.ts';

interface CpuReading {
  cpu_usage?: { total_usage?: number };
  system_cpu_usage?: number;
  online_cpus?: number;
}

/** What an engine says of a container; an ended one says little. */
export interface Reading {
  cpu_stats?: CpuReading;
  precpu_stats?: CpuReading;
  memory_stats?: { usage?: number; limit?: number; stats?: Readonly<Record<string, number>> };
  networks?: Readonly<Record<string, { rx_bytes: number; tx_bytes: number }>>;
  blkio_stats?: { io_service_bytes_recursive?: readonly { op: string; value: number }[] | null };
  pids_stats?: { current?: number };
}

export interface TaskReading {
  task: string;
  node: string;
  reading: Reading;
}

const columns: readonly Column<TaskReading>[] = [
  { heading: 'TASK', key: 'Task', text: ({ task }) => task },
  { heading: 'NODE', key: 'Node', text: ({ node }) => node },
  { heading: 'CPU %', key: 'CPUPerc', text: ({ reading }) => `${cpuPercent(reading).toFixed(2)}%` },
  { heading: 'MEM USAGE / LIMIT', key: 'MemUsage', text: ({ reading }) => `${humanSize(usedBytes(reading))} / ${humanSize(reading.memory_stats?.limit ?? 0)}` },
  { heading: 'MEM %', key: 'MemPerc', text: ({ reading }) => `${memoryPercent(reading).toFixed(2)}%` },
  { heading: 'NET I/O', key: 'NetIO', text: ({ reading }) => pair(sentOver(reading)) },
  { heading: 'BLOCK I/O', key: 'BlockIO', text: ({ reading }) => pair(movedBytes(reading)) },
  { heading: 'PIDS', key: 'PIDs', text: ({ reading }) => String(reading.pids_stats?.current ?? 0) },
];

/** @param find a task by what people call it */
export function addTaskStats(task: Command, find: (client: Client, name: string) => Promise<Task | undefined>): void {
  task
    .command('stats')
    .description('what tasks take of processor, memory, network and disk on their nodes: one reading')
    .argument('<task...>', 'SERVICE.SLOT of a task that runs, or the id of a task')
    .option('--format <template>', 'Go template, or json')
    .action(async (names: readonly string[], { format }: { format?: string }, command: Command) => {
      const { client, terminal } = openSession(command);
      const readings = await Promise.all(names.map(async (name) => readingOf(client, name, await find(client, name))));
      for (const line of await statsLines(readings, format)) terminal.out(line);
    });
}

/** @internal */
export function statsLines(readings: readonly TaskReading[], format: string | undefined): Promise<string[]> {
  return listLines(readings, columns, { format }, ({ task }) => task);
}

async function readingOf(client: Client, name: string, task: Task | undefined): Promise<TaskReading> {
  if (!task) throw new CommandError(`no such task: ${name}`);
  const container = task.Status.ContainerStatus?.ContainerID;
  if (!container || task.Status.State !== 'running') throw new CommandError(`task ${name} does not run: it is ${task.Status.State}`);
  const reading = await client.get<Reading>(`/containers/${container}/stats`, { stream: 'false' });
  return { task: name, node: task.NodeID, reading };
}

/** Of one core, between the engine's two looks. */
function cpuPercent({ cpu_stats: now, precpu_stats: before }: Reading): number {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const whole = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  return used > 0 && whole > 0 ? (used / whole) * (now?.online_cpus ?? 1) * 100 : 0;
}

/** Without pages of files that may go at any time, as docker counts. */
function usedBytes({ memory_stats: memory }: Reading): number {
  const idle = memory?.stats?.['inactive_file'] ?? memory?.stats?.['total_inactive_file'] ?? 0;
  return Math.max(0, (memory?.usage ?? 0) - idle);
}

function memoryPercent(reading: Reading): number {
  const limit = reading.memory_stats?.limit ?? 0;
  return limit > 0 ? (usedBytes(reading) / limit) * 100 : 0;
}

function sentOver({ networks = {} }: Reading): [number, number] {
  const all = Object.values(networks);
  return [all.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0), all.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0)];
}

function movedBytes({ blkio_stats: disk }: Reading): [number, number] {
  const of = (operation: string): number =>
    (disk?.io_service_bytes_recursive ?? []).reduce((sum, { op, value }) => (op.toLowerCase() === operation ? sum + value : sum), 0);
  return [of('read'), of('write')];
}

function pair([first, second]: [number, number]): string {
  return `${humanSize(first)} / ${humanSize(second)}`;
}

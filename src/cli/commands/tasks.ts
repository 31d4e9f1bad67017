/** `ps` of services, stacks and nodes: tasks with their history. */
import type { Command } from 'commander';
import { capital, humanDuration } from '#base/text/human';
import { compareTexts } from '#base/text/text';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { portText } from '#model/port/port';
import { taskNameOf } from '#model/object/task';
import type { Client } from '../client.ts';
import { collect } from '../session.ts';
import { familiarImage } from '#model/image/image-reference';
import { listLines, type Column, type ListOptions } from '../output/list.ts';
import { compareNatural } from '../output/natural.ts';

export interface TaskFlags extends ListOptions {
  filter?: readonly string[];
  /** Names instead of ids. */
  resolve: boolean;
  trunc: boolean;
}

/** The options of every `ps`; `filterHelp` names the filters that there are. */
export function addTaskOptions(command: Command, filterHelp: string): Command {
  return command
    .option('-f, --filter <filter>', filterHelp, collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .option('--no-resolve', 'ids instead of names')
    .option('--no-trunc', 'whole ids and errors');
}

interface Row {
  task: Task;
  name: string;
  node: string;
  /** An older attempt of the row above. */
  older: boolean;
}

/** Lines of `tasks`, newest attempt first in each slot, names looked up with the daemon. `shortIds`: also where only ids are asked for. */
export async function taskLines(client: Client, told: readonly Task[], flags: TaskFlags, { shortIds = false } = {}): Promise<string[]> {
  // A task that is on no node yet is told without one.
  const tasks = told.map((task) => ({ ...task, NodeID: (task as Partial<Task>).NodeID ?? '' }));
  const { resolve, trunc } = flags;
  const nodes = resolve ? await nodeNames(client) : new Map<string, string>();
  const services = resolve ? await serviceNames(client, tasks) : new Map<string, string>();
  const rows = tasks.map((task) => ({
    task,
    name: taskNameOf(services.get(task.ServiceID) ?? task.ServiceID, task),
    node: nodes.get(task.NodeID) ?? task.NodeID,
    older: false,
  }));
  const made = orderMade(tasks);
  rows.sort((a, b) => compareNatural(a.name, b.name) || made(b.task) - made(a.task));
  for (const [index, row] of rows.entries()) row.older = rows[index - 1]?.name === row.name;
  const inTable = flags.format === undefined || flags.format.startsWith('table');
  const length = trunc ? 12 : Infinity;
  const id = (row: Row): string => row.task.ID.slice(0, flags.quiet && !shortIds ? Infinity : length);
  return listLines(rows, columns(inTable, !trunc, id), flags, id);
}

/** The place of each task in the order in which they were made: ours come in it, Docker's in any, and its clock is the only hint. */
function orderMade(tasks: readonly Task[]): (task: Task) => number {
  const ours = tasks.every((task) => 'Shoal' in task);
  const inOrder = ours ? tasks : tasks.toSorted((a, b) => compareTexts(a.CreatedAt, b.CreatedAt));
  const places = new Map(inOrder.map((task, place) => [task, place]));
  return (task) => places.get(task) ?? 0;
}

function columns(inTable: boolean, whole: boolean, id: (row: Row) => string): Column<Row>[] {
  return [
    { heading: 'ID', key: 'ID', text: id },
    { heading: 'NAME', key: 'Name', text: (row) => (row.older && inTable ? ` \\_ ${row.name}` : row.name) },
    { heading: 'IMAGE', key: 'Image', text: (row) => familiarImage(row.task.Spec.ContainerSpec?.Image ?? '', whole) },
    { heading: 'NODE', key: 'Node', text: (row) => row.node },
    { heading: 'DESIRED STATE', key: 'DesiredState', text: (row) => capital(row.task.DesiredState) },
    { heading: 'CURRENT STATE', key: 'CurrentState', text: (row) => currentState(row.task) },
    { heading: 'ERROR', key: 'Error', text: (row) => errorText(row.task.Status.Err ?? '', whole) },
    { heading: 'PORTS', key: 'Ports', text: (row) => hostPorts(row.task) },
  ];
}

async function nodeNames(client: Client): Promise<Map<string, string>> {
  const nodes = await client.get<Node[]>('/nodes');
  return new Map(nodes.map((node) => [node.ID, node.Spec.Name || (node.Description?.Hostname ?? node.ID)]));
}

async function serviceNames(client: Client, tasks: readonly Task[]): Promise<Map<string, string>> {
  const ids = [...new Set(tasks.map((task) => task.ServiceID))];
  const services = await Promise.all(ids.map((id) => client.find<Service>(`/services/${id}`, { insertDefaults: 'false' })));
  return new Map(services.flatMap((service) => (service ? [[service.ID, service.Spec.Name] as const] : [])));
}

function currentState(task: Task): string {
  return `${capital(task.Status.State)} ${humanDuration(Date.now() - Date.parse(task.Status.Timestamp)).toLowerCase()} ago`;
}

const errorWidth = 30;

function errorText(text: string, whole: boolean): string {
  if (text === '') return '';
  return `"${whole || text.length <= errorWidth ? text : `${text.slice(0, errorWidth - 1)}…`}"`;
}

function hostPorts(task: Task): string {
  const ports = task.Status.PortStatus?.Ports ?? [];
  return ports.map((port) => portText(port)).join(',');
}

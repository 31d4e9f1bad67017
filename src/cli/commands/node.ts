/** `node ls|inspect|ps|update|drain|promote|demote|rm`. */
import { capital } from '#base/text/human';
import type { Command } from 'commander';
import { equal } from '#base/equal';
import type { TlsInfo } from '#model/object/authority';
import type { Node, NodeSpec } from '#model/object/node';
import { shortDigest, type ShownRelease } from '#model/release/release';
import type { Task } from '#model/object/task';
import { filters, type Client } from '../client.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { listLines, type Column, type ListExtras } from '../output/list.ts';
import { prettyNode } from '../output/node-pretty.ts';
import { compareNatural } from '../output/natural.ts';
import { collect, filterMap, openSession } from '../session.ts';
import { removeEach } from './change.ts';
import { inspectObjects } from './inspect.ts';
import { addDrain } from './node-drain.ts';
import { addTaskOptions, taskLines, type TaskFlags } from './tasks.ts';

interface ListFlags {
  format?: string;
  filter?: string[];
  quiet?: boolean;
}

/** As the API shows it. */
type ShownNode = Omit<Node, 'Shoal'> & { Shoal?: { Release?: ShownRelease } };

interface UpdateFlags {
  availability?: string;
  role?: string;
  labelAdd?: string[];
  labelRm?: string[];
}

export function addNode(program: Command): void {
  const node = program.command('node').description('manage nodes');
  node
    .command('ls')
    .alias('list')
    .description('list nodes')
    .option('-f, --filter <filter>', 'id=, name=, role=, label=', collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .action(listNodes);
  node
    .command('inspect')
    .description('show nodes in full')
    .argument('<node...>')
    .option('-f, --format <template>', 'a template')
    .option('--pretty', 'for people to read')
    .action(inspectNodes);
  addTaskOptions(node.command('ps').description('list the tasks of nodes; by default of this one').argument('[node...]'), 'desired-state=, id=, name=').action(
    listTasks,
  );
  node
    .command('update')
    .description('change a node')
    .argument('<node>')
    .option('--availability <availability>', 'active, pause or drain')
    .option('--role <role>', 'worker or manager')
    .option('--label-add <key=value>', 'add or change a label', collect)
    .option('--label-rm <key>', 'remove a label', collect)
    .action(updateNode);
  addDrain(node, changeNode);
  node
    .command('promote')
    .description('make nodes managers')
    .argument('<node...>')
    .action((names: readonly string[], _: object, command: Command) => setRole(names, 'manager', command));
  node
    .command('demote')
    .description('make managers workers')
    .argument('<node...>')
    .action((names: readonly string[], _: object, command: Command) => setRole(names, 'worker', command));
  node
    .command('readmit')
    .description(
      'let nodes in again whose certificates have expired, by proof of their keys, or another host in the place of a worker that is lost (swarm join --replace)',
    )
    .argument('<node...>')
    .action(readmitNodes);
  node.command('rm').alias('remove').description('remove nodes').argument('<node...>').option('-f, --force', 'though it is not down').action(removeNodes);
}

async function listNodes(flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const nodes = await client.get<ShownNode[]>('/nodes', filters(filterMap(flags.filter)));
  const self = await selfOf(client);
  nodes.sort((a, b) => compareNatural(a.Description?.Hostname ?? '', b.Description?.Hostname ?? ''));
  for (const line of await listLines(nodes, columns(self.id, nodes), flags, (node) => node.ID, extras(self))) terminal.out(line);
}

/** Where no release was declared there is nothing to show, and docker's columns are all. */
function columns(self: string, nodes: readonly ShownNode[]): Column<ShownNode>[] {
  return [
    { heading: 'ID', key: 'ID', text: (node) => (node.ID === self ? `${node.ID} *` : node.ID), value: (node) => node.ID },
    { heading: 'HOSTNAME', key: 'Hostname', text: (node) => node.Description?.Hostname ?? '' },
    { heading: 'STATUS', key: 'Status', text: (node) => capital(node.Status.State) },
    { heading: 'AVAILABILITY', key: 'Availability', text: (node) => capital(node.Spec.Availability) },
    { heading: 'MANAGER STATUS', key: 'ManagerStatus', text: managerStatus },
    { heading: 'ENGINE VERSION', key: 'EngineVersion', text: (node) => node.Description?.Engine.EngineVersion ?? '' },
    ...(nodes.some(({ Shoal }) => Shoal?.Release) ? [{ heading: 'RELEASE', key: 'Release', text: release }] : []),
  ];
}

/** Version and release that run, the one that is wanted, and why it does not run yet. */
function release({ Shoal }: ShownNode): string {
  const { Version = '', Digest, Wanted, State = '' } = Shoal?.Release ?? {};
  const runs = Digest === undefined ? Version : `${Version} (${shortDigest(Digest)})`;
  const wanted = Wanted === undefined ? runs : `${runs} → ${shortDigest(Wanted)}`;
  return State === '' ? wanted : `${wanted}, ${State}`;
}

function managerStatus({ ManagerStatus }: ShownNode): string {
  if (!ManagerStatus) return '';
  return ManagerStatus.Leader ? 'Leader' : capital(ManagerStatus.Reachability);
}

/** Whether a node trusts and is signed by what the cluster does. */
function tlsStatus(node: Partial<TlsInfo> | undefined, root: Partial<TlsInfo> | undefined): string {
  if (!node?.CertIssuerPublicKey || !root?.CertIssuerPublicKey) return 'Unknown';
  return equal(node, root) ? 'Ready' : 'Needs Rotation';
}

function extras({ id: self, root }: Self): ListExtras<ShownNode> {
  return {
    more: [
      { heading: 'SELF', key: 'Self', text: (node) => String(node.ID === self), value: (node) => node.ID === self },
      { heading: 'TLS STATUS', key: 'TLSStatus', text: (node) => tlsStatus(node.Description?.TLSInfo, root) },
    ],
    labels: (node) => node.Spec.Labels ?? {},
  };
}

/** The node that answers, and what its cluster trusts. */
interface Self {
  id: string;
  root: Partial<TlsInfo> | undefined;
}

async function selfOf(client: Client): Promise<Self> {
  const { Swarm } = await client.get<{ Swarm?: { NodeID?: string; Cluster?: { TLSInfo?: Partial<TlsInfo> } } }>('/info');
  return { id: Swarm?.NodeID ?? '', root: Swarm?.Cluster?.TLSInfo };
}

async function ownNodeId(client: Client): Promise<string> {
  return (await selfOf(client)).id;
}

/** `self` is the node that answers. */
async function nodePath(client: Client, name: string): Promise<string> {
  return `/nodes/${encodeURIComponent(name === 'self' ? await ownNodeId(client) : name)}`;
}

async function inspectNodes(names: readonly string[], flags: ListFlags & { pretty?: boolean }, command: Command): Promise<void> {
  const session = openSession(command);
  const pretty = flags.pretty || flags.format === 'pretty' ? (node: object) => prettyNode(node as Node) : undefined;
  const self = names.includes('self') ? await ownNodeId(session.client) : '';
  await inspectObjects(session, names, flags.format, 'node', (name) => [`/nodes/${encodeURIComponent(name === 'self' ? self : name)}`], pretty);
}

async function listTasks(names: readonly string[], flags: TaskFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const paths = await Promise.all((names.length > 0 ? names : ['self']).map((name) => nodePath(client, name)));
  const nodes = await Promise.all(paths.map((path) => client.get<Node>(path)));
  const tasks = await client.get<Task[]>('/tasks', filters({ ...filterMap(flags.filter), node: nodes.map((node) => node.ID) }));
  for (const line of await taskLines(client, tasks, flags)) terminal.out(line);
}

async function updateNode(name: string, flags: UpdateFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const availability = oneOf('--availability', flags.availability, ['active', 'pause', 'drain'] as const);
  const role = oneOf('--role', flags.role, ['worker', 'manager'] as const);
  await changeNode(client, name, ({ Shoal: drain, ...spec }) => ({
    ...spec,
    // How a drain goes on is of no use to a node that is not drained any more.
    ...((availability ?? spec.Availability) === 'drain' && drain && { Shoal: drain }),
    ...(availability && { Availability: availability }),
    ...(role && { Role: role }),
    Labels: changedLabels(spec.Labels ?? {}, flags),
  }));
  terminal.out(name);
}

function changedLabels(labels: NonNullable<NodeSpec['Labels']>, { labelAdd = [], labelRm = [] }: UpdateFlags): Record<string, string> {
  const added = labelAdd.map((text) => [text.split('=')[0] ?? '', text.split('=').slice(1).join('=')] as const);
  return Object.fromEntries([...Object.entries(labels).filter(([key]) => !labelRm.includes(key)), ...added]);
}

function oneOf<T extends string>(flag: string, text: string | undefined, values: readonly T[]): T | undefined {
  const found = values.find((value) => value === text);
  if (text !== undefined && found === undefined) throw new CommandError(`${flag} is one of ${values.join(', ')}, not "${text}"`, exitCodes.usage);
  return found;
}

async function changeNode(client: Client, name: string, change: (spec: NodeSpec) => NodeSpec): Promise<Node> {
  const node = await client.get<Node>(await nodePath(client, name));
  await client.post(`/nodes/${node.ID}/update`, change(node.Spec), { query: { version: String(node.Version.Index) } });
  return node;
}

async function setRole(names: readonly string[], role: 'worker' | 'manager', command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  for (const name of names) {
    const node = await client.get<Node>(await nodePath(client, name));
    if (node.Spec.Role === role) {
      terminal.out(`Node ${name} is already a ${role}.`);
      continue;
    }
    await changeNode(client, name, (spec) => ({ ...spec, Role: role }));
    terminal.out(role === 'manager' ? `Node ${name} promoted to a manager in the swarm.` : `Manager ${name} demoted in the swarm.`);
  }
}

async function readmitNodes(names: readonly string[], _flags: object, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  for (const name of names) {
    await client.post(`/shoal/v1${await nodePath(client, name)}/readmit`);
    terminal.out(`Node ${name} may have another certificate within the next hour.`);
  }
}

async function removeNodes(names: readonly string[], flags: { force?: boolean }, command: Command): Promise<void> {
  const session = openSession(command);
  const paths = new Map(await Promise.all(names.map(async (name) => [name, await nodePath(session.client, name)] as const)));
  await removeEach(session, names, (name) => paths.get(name) ?? '', flags.force ? { force: '1' } : {});
}

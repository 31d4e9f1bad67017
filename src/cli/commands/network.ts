/** `network create|ls|inspect|rm|prune`. */
import type { Command } from 'commander';
import { filters } from '../client.ts';
import { confirmAtTerminal } from '../confirm.ts';
import { labelText, listLines, type Column } from '../output/list.ts';
import { compareNatural } from '../output/natural.ts';
import { collect, filterMap, openSession } from '../session.ts';
import { removeEach } from './change.ts';
import { inspectObjects } from './inspect.ts';
import { addNetworkCreate } from './network-create.ts';
import { addNetworkDoctor } from './network-doctor.ts';

/** The flat form that the networks route has. */
interface ListedNetwork {
  Id: string;
  Name: string;
  Driver: string;
  Scope: string;
  Created: string;
  EnableIPv6: boolean;
  Internal: boolean;
  Labels?: Readonly<Record<string, string>> | null;
}

interface ListFlags {
  format?: string;
  filter?: string[];
  quiet?: boolean;
  trunc: boolean;
}

interface InspectFlags {
  format?: string;
  verbose?: boolean;
}

interface PruneFlags {
  filter?: string[];
  force?: boolean;
}

const columns = (id: (network: ListedNetwork) => string): Column<ListedNetwork>[] => [
  { heading: 'NETWORK ID', key: 'ID', text: id },
  { heading: 'NAME', key: 'Name', text: (network) => network.Name },
  { heading: 'DRIVER', key: 'Driver', text: (network) => network.Driver },
  { heading: 'SCOPE', key: 'Scope', text: (network) => network.Scope },
];

const labels = (network: ListedNetwork): Readonly<Record<string, string>> => network.Labels ?? {};

const more: readonly Column<ListedNetwork>[] = [
  { heading: 'CREATED AT', key: 'CreatedAt', text: (network) => network.Created },
  { heading: 'IPV6', key: 'IPv6', text: (network) => String(network.EnableIPv6) },
  { heading: 'INTERNAL', key: 'Internal', text: (network) => String(network.Internal) },
  { heading: 'LABELS', key: 'Labels', text: (network) => labelText(labels(network)) },
];

export function addNetwork(program: Command): void {
  const network = program.command('network').description('manage networks');
  addNetworkCreate(network);
  network
    .command('ls')
    .alias('list')
    .description('list networks')
    .option('-f, --filter <filter>', 'dangling=, driver=, id=, label=, name=, scope=, type=', collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .option('--no-trunc', 'whole ids')
    .action(listNetworks);
  network
    .command('inspect')
    .description('show networks in full')
    .argument('<network...>')
    .option('-f, --format <template>', 'a template')
    .option('-v, --verbose', 'with the services on it and where their tasks are')
    .action((names: readonly string[], { format, verbose }: InspectFlags, command: Command) => {
      const query = verbose ? { verbose: 'true' } : {};
      return inspectObjects(openSession(command), names, format, 'network', (name) => [`/networks/${encodeURIComponent(name)}`, query]);
    });
  network
    .command('rm')
    .alias('remove')
    .description('remove networks')
    .argument('<network...>')
    .option('-f, --force', 'one that is not there is no error')
    .action(removeNetworks);
  network
    .command('prune')
    .description('remove networks that nothing uses')
    .option('--filter <filter>', 'label=, label!=, until=', collect)
    .option('-f, --force', 'do not ask')
    .action(pruneNetworks);
  addNetworkDoctor(network);
}

async function removeNetworks(names: readonly string[], { force }: { force?: boolean }, command: Command): Promise<void> {
  const session = openSession(command);
  const path = (name: string): string => `/networks/${encodeURIComponent(name)}`;
  const there = force ? await Promise.all(names.map((name) => session.client.find(path(name)))) : names;
  await removeEach(
    session,
    names.filter((_, index) => there[index] !== undefined),
    path,
  );
}

async function pruneNetworks(flags: PruneFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  if (!flags.force) await confirmAtTerminal(terminal, 'Remove all networks that neither a service nor a container uses?');
  const { NetworksDeleted: deleted } = await client.post<{ NetworksDeleted: string[] | null }>('/networks/prune', undefined, {
    query: filters(filterMap(flags.filter)),
  });
  if (!deleted?.length) return;
  terminal.out('Deleted Networks:');
  for (const name of deleted) terminal.out(name);
}

async function listNetworks(flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const networks = await client.get<ListedNetwork[]>('/networks', filters(filterMap(flags.filter)));
  networks.sort((a, b) => compareNatural(a.Name, b.Name));
  const id = (network: ListedNetwork): string => (flags.trunc ? network.Id.slice(0, 12) : network.Id);
  for (const line of await listLines(networks, columns(id), flags, id, { more, labels })) terminal.out(line);
}

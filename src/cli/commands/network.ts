/** `network create|ls|inspect|rm`. */
import type { Command } from 'commander';
import { filters } from '../client.ts';
import { CommandError } from '../command-error.ts';
import { labelText, listLines, type Column } from '../output/list.ts';
import { compareNatural } from '../output/natural.ts';
import { collect, filterMap, openSession } from '../session.ts';
import { removeEach } from './change.ts';
import { inspectObjects } from './inspect.ts';

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

interface CreateFlags {
  driver: string;
  attachable?: boolean;
  internal?: boolean;
  ingress?: boolean;
  subnet?: string[];
  gateway?: string[];
  label?: string[];
  opt?: string[];
}

interface ListFlags {
  format?: string;
  filter?: string[];
  quiet?: boolean;
  trunc: boolean;
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
  network
    .command('create')
    .description('create a cluster network')
    .argument('<name>')
    .option('-d, --driver <driver>', 'overlay reaches all nodes', 'overlay')
    .option('--attachable', 'plain containers may join')
    .option('--internal', 'no way out')
    .option('--ingress', 'carries published ports')
    .option('--subnet <cidr>', 'instead of one from the pool', collect)
    .option('--gateway <address>', 'in that subnet', collect)
    .option('--label <key=value>', 'label', collect)
    .option('-o, --opt <key=value>', 'option of the driver', collect)
    .action(createNetwork);
  network
    .command('ls')
    .alias('list')
    .description('list networks')
    .option('-f, --filter <filter>', 'driver=, id=, label=, name=, scope=', collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .option('--no-trunc', 'whole ids')
    .action(listNetworks);
  network
    .command('inspect')
    .description('show networks in full')
    .argument('<network...>')
    .option('-f, --format <template>', 'a template')
    .action((names: readonly string[], flags: ListFlags, command: Command) =>
      inspectObjects(openSession(command), names, flags.format, 'network', (name) => [`/networks/${encodeURIComponent(name)}`]),
    );
  network
    .command('rm')
    .alias('remove')
    .description('remove networks')
    .argument('<network...>')
    .action((names: readonly string[], _: object, command: Command) =>
      removeEach(openSession(command), names, (name) => `/networks/${encodeURIComponent(name)}`),
    );
}

async function createNetwork(name: string, flags: CreateFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const pairs = (texts: readonly string[] = []): Record<string, string> =>
    Object.fromEntries(texts.map((text) => [text.split('=')[0] ?? '', text.split('=').slice(1).join('=')]));
  const gateways = flags.gateway ?? [];
  if (gateways.length > (flags.subnet?.length ?? 0)) throw new CommandError('every gateway needs a --subnet of its own');
  const Config = flags.subnet?.map((Subnet, index) => ({ Subnet, ...(gateways[index] !== undefined && { Gateway: gateways[index] }) }));
  const body = {
    Name: name,
    Driver: flags.driver,
    Attachable: flags.attachable === true,
    Internal: flags.internal === true,
    Ingress: flags.ingress === true,
    Labels: pairs(flags.label),
    Options: pairs(flags.opt),
    IPAM: { Driver: 'default', ...(Config && { Config }) },
  };
  const { Id } = await client.post<{ Id: string }>('/networks/create', body);
  terminal.out(Id);
}

async function listNetworks(flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const networks = await client.get<ListedNetwork[]>('/networks', filters(filterMap(flags.filter)));
  networks.sort((a, b) => compareNatural(a.Name, b.Name));
  const id = (network: ListedNetwork): string => (flags.trunc ? network.Id.slice(0, 12) : network.Id);
  for (const line of listLines(networks, columns(id), flags, id, { more, labels })) terminal.out(line);
}

/** `network create`: what docker's has; what no cluster network can be is refused by the API, by its name. */
import type { Command } from 'commander';
import { parsePrefix, parseAddress, prefixHolds } from '#model/address';
import { CommandError } from '../command-error.ts';
import { collect, openSession } from '../session.ts';

interface CreateFlags {
  driver: string;
  attachable?: boolean;
  auxAddress?: string[];
  configFrom?: string;
  configOnly?: boolean;
  gateway?: string[];
  ingress?: boolean;
  internal?: boolean;
  ipRange?: string[];
  ipamDriver: string;
  ipamOpt?: string[];
  ipv4: boolean;
  ipv6?: boolean;
  label?: string[];
  opt?: string[];
  scope?: string;
  subnet?: string[];
}

interface Config {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

export function addNetworkCreate(network: Command): void {
  network
    .command('create')
    .description('create a cluster network')
    .argument('<name>')
    .option('-d, --driver <driver>', 'overlay reaches all nodes', 'overlay')
    .option('--attachable', 'plain containers may join')
    .option('--aux-address <name=address>', 'nobody is given this address', collect)
    .option('--config-from <network>', 'not supported: settings of another network')
    .option('--config-only', 'not supported: a network of mere settings')
    .option('--gateway <address>', 'in that subnet; every node answers it', collect)
    .option('--ingress', 'carries published ports')
    .option('--internal', 'no way out')
    .option('--ip-range <cidr>', 'part of the subnet that tasks get addresses of', collect)
    .option('--ipam-driver <driver>', 'the cluster gives addresses itself', 'default')
    .option('--ipam-opt <key=value>', 'kept and shown: addresses are given the same way', collect)
    .option('--ipv4', 'addresses of version 4, always', true)
    .option('--no-ipv4', 'not supported')
    .option('--ipv6', 'not supported: addresses of version 6')
    .option('--label <key=value>', 'label', collect)
    .option('-o, --opt <key=value>', 'option of the driver', collect)
    .option('--scope <scope>', 'swarm')
    .option('--subnet <cidr>', 'instead of one from the pool', collect)
    .action(createNetwork);
}

async function createNetwork(name: string, flags: CreateFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const Config = configsOf(flags);
  const body = {
    Name: name,
    Driver: flags.driver,
    Attachable: flags.attachable === true,
    Internal: flags.internal === true,
    Ingress: flags.ingress === true,
    EnableIPv6: flags.ipv6 === true,
    ...(!flags.ipv4 && { EnableIPv4: false }),
    ...(flags.scope !== undefined && { Scope: flags.scope }),
    ...(flags.configOnly && { ConfigOnly: true }),
    ...(flags.configFrom !== undefined && { ConfigFrom: { Network: flags.configFrom } }),
    Labels: pairs(flags.label),
    Options: pairs(flags.opt),
    IPAM: { Driver: flags.ipamDriver, ...(flags.ipamOpt && { Options: pairs(flags.ipamOpt) }), ...(Config.length > 0 && { Config }) },
  };
  const { Id } = await client.post<{ Id: string }>('/networks/create', body);
  terminal.out(Id);
}

function pairs(texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(texts.map((text) => [text.split('=')[0] ?? '', text.split('=').slice(1).join('=')]));
}

/** Each subnet with what lies in it; what lies in none is refused. */
function configsOf({ subnet = [], gateway = [], ipRange = [], auxAddress }: CreateFlags): Config[] {
  const configs = subnet.map((Subnet): Config => ({ Subnet }));
  const home = (what: string, text: string): Config => {
    const found = configs.find(({ Subnet }) => holds(Subnet, text));
    if (!found) throw new CommandError(`no matching subnet for ${what} ${text}: say --subnet as well`);
    return found;
  };
  for (const text of ipRange) once(home('range', text), 'IPRange', text, 'range');
  for (const text of gateway) once(home('gateway', text), 'Gateway', text, 'gateway');
  for (const [name, address] of Object.entries(pairs(auxAddress))) (home('aux-address', address).AuxiliaryAddresses ??= {})[name] = address;
  return configs;
}

function once(config: Config, key: 'IPRange' | 'Gateway', text: string, what: string): void {
  if (config[key] !== undefined) throw new CommandError(`cannot configure multiple ${what}s (${text}, ${config[key]}) on the same subnet (${config.Subnet})`);
  config[key] = text;
}

/** What is no address at all is the daemon's to refuse, by what it is. */
function holds(subnet: string, text: string): boolean {
  const prefix = parsePrefix(subnet);
  const bits = parseAddress(text.split('/', 1)[0] ?? '');
  return prefix === undefined || bits === undefined || prefixHolds(prefix, bits);
}

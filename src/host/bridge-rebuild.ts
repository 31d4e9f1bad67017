/** Makes a bridge again that somebody deleted under running containers, and puts them back on it: they go on as if nothing had been. */
import { macAddress } from '#model/mac-address';
import { parseSubnet } from '#model/ipv4';
import { bridgeName } from '#model/object/network';
import type { LocalNetwork, TaskAttachment } from '#network/contract';
import { announceChanges } from './bridge.ts';
import { run } from './run.ts';

interface Link {
  ifindex: number;
  ifname: string;
  address?: string;
  link_index?: number;
}

const limits = { timeoutMs: 10_000 };

/** False where no container of the network runs: then the engine may just be removing it. */
export async function rebuildBridge({ network, gateway }: LocalNetwork, attachments: Iterable<TaskAttachment>): Promise<boolean> {
  const ports = await portsOf(network.ID, attachments);
  const subnet = parseSubnet(network.IPAMOptions?.Configs?.[0]?.Subnet);
  if (ports.length === 0 || !subnet) return false;
  const bridge = bridgeName(network.ID);
  await batch([`link add ${bridge} address ${macAddress(gateway)} type bridge`, `addr add ${gateway}/${subnet.prefix} broadcast + dev ${bridge}`]);
  await announceChanges(bridge);
  await batch([...ports.flatMap((port) => [`link set dev ${port} master ${bridge}`, `link set dev ${port} up`]), `link set dev ${bridge} up`]);
  return true;
}

/** This host's ends of the containers' interfaces on the network. */
async function portsOf(networkId: string, attachments: Iterable<TaskAttachment>): Promise<string[]> {
  const indexes = new Set<number>();
  for (const { pid, networks } of attachments) {
    const mac = networks.find((each) => each.networkId === networkId)?.macAddress;
    if (mac === undefined || mac === '') continue;
    const inside = await links(['nsenter', '-t', String(pid), '-n', 'ip', '-j', 'link', 'show']);
    const index = inside.find(({ address }) => address === mac)?.link_index;
    if (index !== undefined) indexes.add(index);
  }
  if (indexes.size === 0) return [];
  return (await links(['ip', '-j', 'link', 'show', 'type', 'veth'])).filter(({ ifindex }) => indexes.has(ifindex)).map(({ ifname }) => ifname);
}

async function links([command = '', ...args]: readonly string[]): Promise<readonly Link[]> {
  const { code, stdout } = await run(command, args, limits);
  return code === 0 && stdout.trim() !== '' ? (JSON.parse(stdout) as Link[]) : [];
}

async function batch(lines: readonly string[]): Promise<void> {
  const { code, stderr } = await run('ip', ['-batch', '-'], { ...limits, input: `${lines.join('\n')}\n` });
  if (code !== 0) throw new Error(`a bridge could not be made again: ${stderr.trim()}`);
}

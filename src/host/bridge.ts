/** The engine's bridges as containers and published ports need them. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseSubnet } from '#model/ipv4';
import { bridgeName } from '#model/object/network';
import type { LocalNetwork } from '#network/contract';
import { batchInput, run } from './run.ts';

const limits = { timeoutMs: 5000 };

/** Lets connections to 127.0.0.1 be led to the tasks behind `bridge`. False when there is no such bridge (yet). */
export async function allowLoopback(bridge: string): Promise<boolean> {
  const file = `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`;
  try {
    if ((await readFile(file, 'utf8')).trim() !== '1') await writeFile(file, '1');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Lets each container on `bridge` be answered by itself: the way of a task that calls its own published port. */
export async function allowHairpin(bridge: string): Promise<void> {
  await turnHairpinOn(await portsShown(['master', bridge]));
}

/** The same for all of `bridges`, at the price of one process when all is well. */
export async function allowHairpins(bridges: ReadonlySet<string>): Promise<void> {
  if (bridges.size === 0) return;
  await turnHairpinOn((await portsShown([])).filter(({ master = '' }) => bridges.has(master)));
}

interface BridgePort {
  ifname: string;
  master?: string;
  hairpin?: boolean;
}

async function portsShown(selection: readonly string[]): Promise<readonly BridgePort[]> {
  const { code, stdout } = await run('bridge', ['-j', '-d', 'link', 'show', ...selection], limits);
  return code !== 0 || stdout.trim() === '' ? [] : (JSON.parse(stdout) as BridgePort[]);
}

async function turnHairpinOn(ports: readonly BridgePort[]): Promise<void> {
  const lines = ports.filter(({ hairpin }) => !hairpin).map(({ ifname }) => `link set dev ${ifname} hairpin on`);
  // A container that ends just now takes its port along; that is no fault.
  if (lines.length > 0) await run('bridge', ['-force', '-batch', '-'], { ...limits, input: batchInput(lines) });
}

/** A bridge as `ip -j addr` shows it. */
export interface ShownBridge {
  ifname: string;
  flags: readonly string[];
  addr_info?: readonly { local?: string }[];
}

/** Sets up those that somebody set down, and gives back the gateway's address that somebody took; the names of the networks. At the price of one process when all is well. */
export async function raiseBridges(networks: readonly LocalNetwork[]): Promise<readonly string[]> {
  if (networks.length === 0) return [];
  const { code, stdout } = await run('ip', ['-j', 'addr', 'show', 'type', 'bridge'], limits);
  const shown = code !== 0 || stdout.trim() === '' ? [] : (JSON.parse(stdout) as ShownBridge[]);
  const { lines, raised } = raising(networks, shown);
  // A network that the engine removes just now takes its bridge along; that is no fault.
  if (lines.length > 0) await run('ip', ['-force', '-batch', '-'], { ...limits, input: batchInput(lines) });
  return raised;
}

/**
 * Lines for `ip -batch`.
 * @internal
 */
export function raising(networks: readonly LocalNetwork[], shown: readonly ShownBridge[]): { lines: readonly string[]; raised: readonly string[] } {
  const bridges = new Map(shown.map((bridge) => [bridge.ifname, bridge]));
  const lines: string[] = [];
  const raised: string[] = [];
  for (const { network, gateway } of networks) {
    const name = bridgeName(network.ID);
    const bridge = bridges.get(name);
    if (!bridge) continue;
    const { prefix } = parseSubnet(network.IPAMOptions?.Configs?.[0]?.Subnet) ?? {};
    const bare = prefix !== undefined && !bridge.addr_info?.some(({ local }) => local === gateway);
    const down = !bridge.flags.includes('UP');
    if (bare) lines.push(`addr add ${gateway}/${prefix} broadcast + dev ${name}`);
    if (down) lines.push(`link set dev ${name} up`);
    if (bare || down) raised.push(network.Spec.Name);
  }
  return { lines, raised };
}

/** Containers keep their neighbour's hardware address for a while; the kernel tells them of a new one when the bridge comes up. */
export async function announceChanges(bridge: string): Promise<void> {
  await writeFile(`/proc/sys/net/ipv4/conf/${bridge}/arp_notify`, '1').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
}

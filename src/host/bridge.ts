/** Settings of the engine's bridges that published ports need. */
import { readFile, writeFile } from 'node:fs/promises';
import { batchInput, run } from './run.ts';

const limits = { timeoutMs: 5000 };
/** As many processes may be started one by one. */
const fewPorts = 8;
const fewAddresses = 2;

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

/** Containers keep their neighbour's hardware address for a while; the kernel tells them of a new one when the bridge comes up. */
export async function announceChanges(bridge: string): Promise<void> {
  await writeFile(`/proc/sys/net/ipv4/conf/${bridge}/arp_notify`, '1').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
}

/** Makes the kernel forget UDP flows that lead to `address`; without the tool they end by themselves after 30 to 120 s. */
export async function forgetFlowsTo(address: string): Promise<void> {
  await run('conntrack', ['-D', '-p', 'udp', '-r', address], limits);
}

/**
 * Forgets connections to `addresses` that nobody has answered yet: who knocks again is led to somebody else. Those to one address by one process that
 * looks at each as it takes it away: what was answered since an earlier look is a connection, and its client would be cut off.
 */
export async function forgetUnanswered(addresses: ReadonlySet<string>): Promise<void> {
  const concerned = addresses.size <= fewAddresses ? addresses : await unansweredAmong(addresses);
  for (const address of concerned) await run('conntrack', ['-D', '-p', 'tcp', '--state', 'SYN_SENT', '-r', address], limits);
}

async function unansweredAmong(addresses: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const { stdout } = await run('conntrack', ['-L', '-p', 'tcp', '--state', 'SYN_SENT'], limits);
  // The second one of a line is who would answer.
  const answering = stdout.split('\n').map((line) => [...line.matchAll(/\bsrc=(\S+)/g)][1]?.[1] ?? '');
  return new Set(answering.filter((address) => addresses.has(address)));
}

/** Makes the kernel forget UDP flows to `ports` of this host that began before they were published. Of many, those that have flows are asked for first. */
export async function forgetFlowsToPorts(ports: ReadonlySet<number>): Promise<void> {
  const concerned = ports.size <= fewPorts ? ports : await portsWithFlows(ports);
  for (const port of concerned) await run('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', String(port)], limits);
}

async function portsWithFlows(ports: ReadonlySet<number>): Promise<ReadonlySet<number>> {
  const { stdout } = await run('conntrack', ['-L', '-p', 'udp'], limits);
  // The first of a line is that of the way there, the second that of the way back.
  const flows = [...stdout.matchAll(/^udp\b.*?\bdport=(\d+)/gm)].map(([, port]) => Number(port));
  return new Set(flows.filter((port) => ports.has(port)));
}

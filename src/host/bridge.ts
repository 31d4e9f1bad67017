/** Settings of the engine's bridges that published ports need. */
import { readFile, writeFile } from 'node:fs/promises';
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

/** Containers keep their neighbour's hardware address for a while; the kernel tells them of a new one when the bridge comes up. */
export async function announceChanges(bridge: string): Promise<void> {
  await writeFile(`/proc/sys/net/ipv4/conf/${bridge}/arp_notify`, '1').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
}

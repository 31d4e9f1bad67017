/** Settings of the engine's bridges that published ports need. */
import { readFile, writeFile } from 'node:fs/promises';
import { run } from './run.ts';

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
  const { code, stdout } = await run('bridge', ['-j', '-d', 'link', 'show', 'master', bridge], limits);
  if (code !== 0 || stdout.trim() === '') return;
  const ports = JSON.parse(stdout) as { ifname: string; hairpin?: boolean }[];
  for (const { ifname, hairpin } of ports) {
    // A container that ends just now takes its port along; that is no fault.
    if (!hairpin) await run('bridge', ['link', 'set', 'dev', ifname, 'hairpin', 'on'], limits);
  }
}

/** Makes the kernel forget UDP flows that lead to `address`; without the tool they end by themselves after 30 to 120 s. */
export async function forgetFlowsTo(address: string): Promise<void> {
  await run('conntrack', ['-D', '-p', 'udp', '-r', address], limits);
}

/** Makes the kernel forget UDP flows to port `port` of this host that began before it was published. */
export async function forgetFlowsToPort(port: number): Promise<void> {
  await run('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', String(port)], limits);
}

/** The network between five hosts: whom it reaches, what it costs beside the engines' plain ways, and how soon a stack with a network runs beside Docker Swarm. */
import { installPackages } from '../../support/machine.mjs';
import { startHosts } from '../../support/hosts.mjs';
import type { Row } from '../figures.ts';
import { deployRows, oursMs, replicas, rounds, swarmMs } from './beside-swarm.ts';
import { floorMs } from './engine-floor.ts';
import { FiveHosts } from './five-hosts.ts';
import { momentRows } from './moments.ts';
import { oneChangeRows } from './one-change.ts';
import { ratioRows } from './ratios.ts';
import { reachRows } from './reach.ts';

const hosts = 5;

/** @param parts of them: change, swarm, reach, moments, ratios; all when none is named */
export async function benchNetwork(parts: readonly string[], say: (text: string) => void): Promise<Row[]> {
  const chosen = (part: string): boolean => parts.length === 0 || parts.includes(part);
  const rows: Row[] = [];
  const step = async (part: string, work: () => Promise<readonly Row[]>): Promise<void> => {
    if (!chosen(part)) return;
    say(`  ${part} …`);
    rows.push(...(await work()));
  };
  await step('change', oneChangeRows);
  if (!['swarm', 'reach', 'moments', 'ratios'].some(chosen)) return rows;
  const advice = chosen('ratios') ? installPackages({ iperf3: 'iperf3' }) : undefined;
  if (advice !== undefined) say(`  ${advice}`);
  const cluster = new FiveHosts(await startHosts(hosts));
  try {
    const swarms = chosen('swarm') ? await swarmMs(cluster) : 0;
    const floor = chosen('swarm') ? await floorMs(cluster, replicas, rounds) : 0;
    await cluster.form();
    await step('swarm', async () => deployRows(await oursMs(cluster), swarms, floor));
    await step('reach', () => reachRows(cluster));
    await step('moments', () => momentRows(cluster));
    await step('ratios', () => ratioRows(cluster));
  } finally {
    await cluster.end();
  }
  return rows;
}

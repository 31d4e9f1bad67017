/** How soon a task is led to by every host after it has started, and by none after it has ended. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../support/machine.mjs';
import { median, type Row } from '../figures.ts';
import { fetchIn, image, limitMs, type FiveHosts, type Replica } from './five-hosts.ts';

const port = 8090;
const rounds = 5;

export async function momentRows(cluster: FiveHosts): Promise<Row[]> {
  const [manager] = cluster.daemons;
  if (!manager) return [];
  const service = ['--name', 'moment', '-p', `${port}:80`, '--stop-grace-period', '100ms', '--restart-delay', '2s'];
  await manager.askDocker('service', 'create', '-d', ...service, image);
  const [old] = await cluster.running('moment', 'ingress', 1);
  if (!old) return [];
  const entered: number[] = [];
  const left: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await until(() => cluster.hosts.every(({ address }) => fetchIn([], `${address}:${port}`) === old.name), limitMs, () => 'not led to the first task'); // prettier-ignore
    await manager.askDocker('service', 'scale', '-d', 'moment=2');
    const answeredAt = await answered(cluster, old);
    const task = (await cluster.running('moment', 'ingress', 2)).find(({ name }) => name !== old.name);
    if (!task) continue;
    entered.push(answeredAt - timeOf(task, 'StartedAt'));
    task.host.docker(['kill', task.name]);
    left.push((await forgotten(cluster, task)) - timeOf(task, 'FinishedAt'));
    await manager.askDocker('service', 'scale', '-d', 'moment=1');
    await cluster.running('moment', 'ingress', 1);
  }
  await manager.askDocker('service', 'rm', 'moment');
  const figure = (took: readonly number[]): string => `${Math.round(median([...took]))} ms, at most ${Math.round(Math.max(...took))} ms`;
  return [
    { what: 'network: from a task’s start until it has answered by all five hosts', figure: figure(entered) },
    { what: 'network: from the end of a task that was killed until no host leads to it', figure: figure(left) },
  ];
}

/** When the last host led to a task that is not `old`, milliseconds since 1970. */
async function answered(cluster: FiveHosts, old: Replica): Promise<number> {
  const waiting = new Set(cluster.hosts.map(({ address }) => address));
  const end = Date.now() + limitMs;
  while (waiting.size > 0 && Date.now() < end) {
    for (const address of waiting) {
      const name = fetchIn([], `${address}:${port}`);
      if (name !== undefined && name !== old.name) waiting.delete(address);
    }
    await pause(1);
  }
  return Date.now();
}

async function forgotten(cluster: FiveHosts, { address }: Replica): Promise<number> {
  const waiting = new Set(cluster.hosts);
  const end = Date.now() + limitMs;
  while (waiting.size > 0 && Date.now() < end) {
    for (const host of waiting) if (!host.run(['sh', '-c', `nft list ruleset | grep -A3 'chain p_tcp_${port}'`]).includes(`${address} `)) waiting.delete(host);
    await pause(1);
  }
  return Date.now();
}

function timeOf({ host, name }: Replica, which: 'StartedAt' | 'FinishedAt'): number {
  return Date.parse(host.docker(['inspect', '-f', `{{.State.${which}}}`, name]).trim());
}

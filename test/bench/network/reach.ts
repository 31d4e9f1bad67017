/** Ten replicas on five hosts: whom each host's containers and clients reach, and who is seen to call. */
import { until } from '../../support/machine.mjs';
import type { Row } from '../figures.ts';
import { fetchIn, image, limitMs, within, type FiveHosts } from './five-hosts.ts';

const replicas = 10;
const port = 8080;
/** So often all are asked in turn; who was not met by then is not reached. */
const rounds = 4;

export async function reachRows(cluster: FiveHosts): Promise<Row[]> {
  const [manager] = cluster.daemons;
  if (!manager) return [];
  await manager.askDocker('network', 'create', '-d', 'overlay', 'reach');
  await manager.askDocker('service', 'create', '-d', '--name', 'ten', '--network', 'reach', '--replicas', String(replicas), '-p', `${port}:80`, image);
  const all = await cluster.running('ten', 'reach', replicas);
  const froms = cluster.hosts.flatMap((host) => all.find((replica) => replica.host === host) ?? []);
  // Where all lead to all, which they do a moment after the last one runs.
  await until(
    () => cluster.hosts.every(({ address }) => met([], `${address}:${port}`) === replicas),
    limitMs,
    () => 'not every host leads to all ten',
  );
  await until(
    () => froms.every(({ enter }) => lookedUp(enter, 'tasks.ten').length === replicas),
    limitMs,
    () => 'not every container finds all ten by name',
  );
  const rows: Row[] = [];
  const tell = (what: string, counts: readonly number[], target: number): void =>
    void rows.push({
      what: `network: ${what}`,
      figure: counts.join(', '),
      target: `${target} each`,
      met: counts.length === cluster.hosts.length && counts.every((count) => count === target),
    });
  tell(
    'replicas met by the name from a container on each host',
    froms.map(({ enter }) => met(enter, lookedUp(enter, 'ten')[0] ?? '')),
    replicas,
  );
  tell(
    'addresses of tasks.NAME',
    froms.map(({ enter }) => lookedUp(enter, 'tasks.ten').length),
    replicas,
  );
  tell(
    'addresses of NAME',
    froms.map(({ enter }) => lookedUp(enter, 'ten').length),
    1,
  );
  tell(
    'replicas met by each host’s port',
    cluster.hosts.map(({ address }) => met([], `${address}:${port}`)),
    replicas,
  );
  const seen = cluster.hosts.map(
    ({ address }) =>
      Array.from({ length: replicas }, () => fetchIn([], `${address}:${port}/cgi-bin/who`)).filter((who) => who?.includes(cluster.client)).length,
  );
  tell('of ten requests by each host those whose task saw the client’s own address', seen, replicas);
  await manager.askDocker('service', 'rm', 'ten');
  await cluster.running('ten', 'reach', 0);
  return rows;
}

function met(enter: readonly string[], url: string): number {
  const answers = Array.from({ length: rounds * replicas }, () => fetchIn(enter, url));
  return new Set(answers.filter((answer) => answer !== undefined)).size;
}

export function lookedUp(enter: readonly string[], name: string): string[] {
  const script = `const r = new (require('dns').promises.Resolver)({ timeout: 3000, tries: 1 }); r.setServers(['127.0.0.11']);
    r.resolve4(process.argv[1]).then((a) => console.log(a.join(' ')), () => {});`;
  return (within(enter, process.execPath, '-e', script, name) ?? '').split(' ').filter(Boolean);
}

/** What a service's address and the published ports cost, beside the same engines' plain ways, one after the other in one run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { until } from '../../support/machine.mjs';
import { median, type Row } from '../figures.ts';
import { image, limitMs, within, type FiveHosts, type Replica } from './five-hosts.ts';
import { lookedUp } from './reach.ts';

/** Short and many: the machine's speed changes by the second, and what is compared is what was measured side by side. */
const rounds = 15;
const seconds = 1;
const [streamPort, webPort, plainStream, plainWeb] = [5201, 5280, 5301, 5380];

/** A client, and whom it asks. */
interface Way {
  name: string;
  enter: readonly string[];
  host: string;
  stream: number;
  web: number;
}

const web = `require('http').createServer((_, answer) => answer.end('x'.repeat(64))).listen(${webPort}, () => console.log('ready'))`;
/** Requests in so long over 32 connections that stay. */
const asker = `const http = require('http'); const [host, port, ms] = process.argv.slice(1); const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  let count = 0; const end = Date.now() + Number(ms); const ask = () => { if (Date.now() > end) return; http.get({ host, port, agent }, (r) => r.resume().on('end', () => { count++; ask(); })).on('error', ask); };
  for (let i = 0; i < 32; i++) ask(); setTimeout(() => { console.log(count); process.exit(0); }, Number(ms) + 50);`;

export async function ratioRows(cluster: FiveHosts): Promise<Row[]> {
  const [manager] = cluster.daemons;
  const [one, two] = cluster.hosts;
  if (!manager || !one || !two) return [];
  await manager.askDocker('network', 'create', '-d', 'overlay', 'speed');
  const ports = ['-p', `${streamPort}:${streamPort}`, '-p', `${webPort}:${webPort}`];
  await manager.askDocker('service', 'create', '-d', '--name', 'server', '--network', 'speed', '--constraint', `node.hostname==${two.name}`, ...ports, image);
  await manager.askDocker('service', 'create', '-d', '--name', 'asker', '--network', 'speed', '--constraint', `node.hostname==${one.name}`, image);
  const [server] = (await cluster.running('server', 'speed', 1)) as [Replica];
  const [client] = (await cluster.running('asker', 'speed', 1)) as [Replica];
  two.docker(['run', '-d', '--name', 'plain', '-p', `${plainStream}:${streamPort}`, '-p', `${plainWeb}:${webPort}`, image]);
  const plain = ['nsenter', '-t', two.docker(['inspect', '-f', '{{.State.Pid}}', 'plain']).trim(), '-n'];
  const servers: ChildProcess[] = [];
  try {
    for (const enter of [server.enter, plain]) {
      servers.push(start(enter, 'iperf3', '-s', '-p', String(streamPort)), start(enter, process.execPath, '-e', web));
    }
    const [virtual = ''] = lookedUp(client.enter, 'server');
    const own = { stream: streamPort, web: webPort };
    const ways: Way[] = [
      { name: 'direct', enter: client.enter, host: server.address, ...own },
      { name: 'virtual', enter: client.enter, host: virtual, ...own },
      { name: 'plain', enter: [], host: two.address, stream: plainStream, web: plainWeb },
      { name: 'local', enter: [], host: two.address, ...own },
      { name: 'remote', enter: [], host: one.address, ...own },
    ];
    for (const way of ways)
      await until(
        () => streamed(way, 1) !== undefined && asked(way, 200) > 0,
        limitMs,
        () => `no answer: ${way.name}`,
      );
    const figures = new Map(ways.map(({ name }): [string, { stream: number[]; web: number[] }] => [name, { stream: [], web: [] }]));
    for (let round = 0; round < rounds; round++) {
      for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
        figures.get(way.name)?.stream.push(streamed(way, seconds) ?? 0);
        figures.get(way.name)?.web.push(asked(way, seconds * 1000));
      }
    }
    const of = (name: string, kind: 'stream' | 'web'): number => median(figures.get(name)?.[kind] ?? []);
    const pairs = [
      ['virtual', 'direct', 0.92, 'by a service’s address over hosts, of direct'],
      ['local', 'plain', 0.95, 'published, to a task of the node that is asked, of docker -p'],
      ['remote', 'direct', 0.9, 'published, to a task of another node, of direct over hosts'],
    ] as const;
    return pairs.flatMap(([name, beside, target, what]) =>
      (['stream', 'web'] as const).map((kind): Row => {
        const [ours, theirs] = [of(name, kind), of(beside, kind)];
        const alongside = figures.get(beside)?.[kind] ?? [];
        const ratio = median((figures.get(name)?.[kind] ?? []).map((value, round) => value / (alongside[round] ?? Number.NaN)).filter(Number.isFinite));
        const unit = kind === 'stream' ? 'Gbit/s' : 'requests/s';
        const shown = (value: number): string => (kind === 'stream' ? (value / 1e9).toFixed(2) : String(Math.round(value / seconds)));
        return {
          what: `network: ${kind === 'stream' ? 'iperf3' : 'HTTP'} ${what}`,
          figure: `${ratio.toFixed(2)} (${shown(ours)} / ${shown(theirs)} ${unit})`,
          target: `≥ ${target}`,
          met: ratio >= target,
        };
      }),
    );
  } finally {
    for (const child of servers) child.kill('SIGKILL');
    two.docker(['rm', '-f', 'plain']);
    await manager.askDocker('service', 'rm', 'server', 'asker');
  }
}

function start([program = '', ...enter]: readonly string[], ...words: readonly string[]): ChildProcess {
  return spawn(program, [...enter, ...words], { stdio: 'ignore' });
}

/** Bits a second. */
function streamed({ enter, host, stream }: Way, forSeconds: number): number | undefined {
  const told = within(enter, 'iperf3', '-c', host, '-p', String(stream), '-t', String(forSeconds), '-J');
  return told === undefined ? undefined : (JSON.parse(told) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second;
}

function asked({ enter, host, web: port }: Way, ms: number): number {
  return Number(within(enter, process.execPath, '-e', asker, host, String(port), String(ms)) ?? 0);
}

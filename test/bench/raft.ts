/** How many changes a second a manager stores durably, beside an etcd on the same disk in the same run: by turns, so that both meet the same noise. */
import { build } from 'esbuild';
import { execFile, fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { median } from './figures.ts';
import type { ChildLoad } from './writer-child.ts';
import type { Command, Figures, Load, Reply } from './writers.ts';

export interface RaftRow extends Figures {
  what: string;
  writers: number;
  bytes: number;
  rssMB: number;
  /** Of the event loop; absent for etcd, which has none. */
  longestTurnMs?: number;
  /** Of etcd's writes a second: the median of the rounds. */
  ratio?: number;
}

const run = promisify(execFile);
const programs = new URL('../../.test/bench', import.meta.url).pathname;
const etcdPort = 42_379;
const rounds = 5;
const loads = [
  { writers: 1, bytes: 256 },
  { writers: 64, bytes: 256 },
  { writers: 1, bytes: 1024 },
  { writers: 64, bytes: 1024 },
];

class Server {
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
  }

  static async start(folder: string): Promise<Server> {
    const child = fork(join(programs, 'store-server.mjs'), [folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'message');
    return new Server(folder, child);
  }

  async ask(command: Command): Promise<Reply> {
    this.#child.send(command);
    const [reply] = (await once(this.#child, 'message')) as [Reply];
    return reply;
  }

  stop(): void {
    this.#child.kill();
  }
}

/** Several processes share the writers, as one would be the bottleneck. */
async function runChildren(load: Load, target: ChildLoad['target']): Promise<Figures> {
  const processes = Math.min(2, load.writers);
  const child = async (at: number): Promise<Figures> => {
    const share: ChildLoad = { ...load, target, writers: load.writers / processes, keys: load.keys.filter((_, key) => key % processes === at) };
    const { stdout } = await run(process.execPath, [join(programs, 'writer-child.mjs'), JSON.stringify(share)], { maxBuffer: 2 ** 24 });
    return JSON.parse(stdout) as Figures;
  };
  const all = await Promise.all(Array.from({ length: processes }, (_, at) => child(at)));
  const sum = (of: (figures: Figures) => number): number => all.reduce((total, figures) => total + of(figures), 0);
  const worst = (of: (figures: Figures) => number): number => Math.max(...all.map(of));
  return {
    count: sum(({ count }) => count),
    perSecond: sum(({ perSecond }) => perSecond),
    p50Ms: worst(({ p50Ms }) => p50Ms),
    p99Ms: worst(({ p99Ms }) => p99Ms),
  };
}

async function startEtcd(folder: string): Promise<ChildProcess | undefined> {
  if (spawnSync('etcd', ['--version']).error) return undefined;
  const url = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${etcdPort + 1}`;
  const args = ['--data-dir', join(folder, 'etcd'), '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer];
  const child = spawn('etcd', [...args, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`, '--log-level', 'error'], {
    stdio: 'ignore',
  });
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(etcdPort, '127.0.0.1');
    const [well] = await Promise.race([once(socket, 'connect').then(() => [true]), once(socket, 'error').then(() => [false])]).catch(() => [false]);
    socket.destroy();
    if (well) return child;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill();
  return undefined;
}

function rssOf(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

type Measure = () => Promise<Omit<RaftRow, 'what' | 'writers' | 'bytes'>>;

/** The ways of writing, each for one round. */
function waysOf(server: Server, etcd: ChildProcess | undefined, load: Omit<Load, 'keys'>): ReadonlyMap<string, Measure> {
  const keys = Array.from({ length: 1000 }, (_, at) => `config-${at}`);
  const ended = async (): Promise<{ rssMB: number; longestTurnMs: number }> => {
    const { rssMB = 0, longestTurnMs = 0 } = await server.ask({ type: 'end' });
    return { rssMB, longestTurnMs };
  };
  const ways = new Map<string, Measure>();
  if (etcd) ways.set('etcd put', async () => ({ ...(await runChildren({ ...load, keys }, { type: 'etcd', port: etcdPort })), rssMB: rssOf(etcd.pid) }));
  ways.set('Manager.submit', async () => {
    await server.ask({ type: 'begin' });
    const { figures } = await server.ask({ type: 'submit', ...load });
    return { ...(figures as Figures), ...(await ended()) };
  });
  ways.set('over HTTP', async () => {
    const { ids = [] } = await server.ask({ type: 'begin' });
    const figures = await runChildren({ ...load, keys: ids }, { type: 'http', socket: join(server.folder, 'api.sock') });
    return { ...figures, ...(await ended()) };
  });
  return ways;
}

/** Round by round, one way behind the other. */
async function rowsOf(server: Server, etcd: ChildProcess | undefined, load: Omit<Load, 'keys'>): Promise<RaftRow[]> {
  const found = new Map<string, Awaited<ReturnType<Measure>>[]>();
  const ways = waysOf(server, etcd, load);
  for (let round = 0; round < rounds; round++) {
    for (const [what, measure] of ways) found.set(what, [...(found.get(what) ?? []), await measure()]);
  }
  const beside = found.get('etcd put') ?? [];
  return [...found].map(([what, all]) => {
    const middle = (of: (figures: Figures) => number): number => median(all.map(of));
    const turns = all.flatMap(({ longestTurnMs }) => (longestTurnMs === undefined ? [] : [longestTurnMs]));
    const ratios = what === 'etcd put' ? [] : beside.map(({ perSecond }, round) => (all[round]?.perSecond ?? 0) / perSecond);
    return {
      what,
      ...load,
      count: all.reduce((sum, { count }) => sum + count, 0),
      perSecond: middle(({ perSecond }) => perSecond),
      p50Ms: middle(({ p50Ms }) => p50Ms),
      p99Ms: middle(({ p99Ms }) => p99Ms),
      rssMB: Math.max(...all.map(({ rssMB }) => rssMB)),
      ...(turns.length > 0 && { longestTurnMs: Math.max(...turns) }),
      ...(ratios.length > 0 && { ratio: median(ratios) }),
    };
  });
}

/** The server and the writers, built as the product is. */
async function buildPrograms(): Promise<void> {
  const entryPoints = ['store-server', 'writer-child'].map((name) => new URL(`${name}.ts`, import.meta.url).pathname);
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  await build({ entryPoints, outdir: programs, outExtension: { '.js': '.mjs' }, bundle: true, platform: 'node', format: 'esm', packages: 'external', banner });
}

/** A write changes one label of one of 1,000 configs; in etcd, it puts one of 1,000 keys. */
export async function benchRaft(ms = 1000): Promise<RaftRow[]> {
  await buildPrograms();
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  const etcd = await startEtcd(folder);
  const server = await Server.start(folder);
  const rows: RaftRow[] = [];
  try {
    for (const load of loads) rows.push(...(await rowsOf(server, etcd, { ...load, ms })));
  } finally {
    server.stop();
    etcd?.kill();
    await rm(folder, { recursive: true, force: true });
  }
  return rows;
}

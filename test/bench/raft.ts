/** How many changes a second a manager stores durably, beside an etcd on the same disk in the same run. */
import { execFile, fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ChildLoad } from './writer-child.ts';
import type { Command, Figures, Load, Reply } from './writers.ts';

export interface RaftRow extends Figures {
  what: string;
  writers: number;
  bytes: number;
  rssMB: number;
  /** Of the event loop; absent for etcd, which has none. */
  longestTurnMs?: number;
  /** Of etcd's writes a second in the same run. */
  ratio?: number;
}

const run = promisify(execFile);
const etcdPort = 42_379;
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
    const child = fork(new URL('store-server.ts', import.meta.url), [folder], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
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
    const { stdout } = await run(process.execPath, ['--import', 'tsx', new URL('writer-child.ts', import.meta.url).pathname, JSON.stringify(share)], {
      maxBuffer: 2 ** 24,
    });
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

async function oursRows(server: Server, load: Omit<Load, 'keys'>): Promise<RaftRow[]> {
  const { ids = [] } = await server.ask({ type: 'begin' });
  const { figures: submitted } = await server.ask({ type: 'submit', ...load });
  const { rssMB: submitRss = 0, longestTurnMs: submitTurn = 0 } = await server.ask({ type: 'end' });
  await server.ask({ type: 'begin' });
  const http = await runChildren({ ...load, keys: ids }, { type: 'http', socket: join(server.folder, 'api.sock') });
  const { rssMB = 0, longestTurnMs = 0 } = await server.ask({ type: 'end' });
  return [
    { what: 'Manager.submit', ...load, ...(submitted as Figures), rssMB: submitRss, longestTurnMs: submitTurn },
    { what: 'over HTTP', ...load, ...http, rssMB, longestTurnMs },
  ];
}

/** A write changes one label of one of 1,000 configs; in etcd, it puts one of 1,000 keys. */
export async function benchRaft(ms = 4000): Promise<RaftRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-bench-'));
  const etcd = await startEtcd(folder);
  const server = await Server.start(folder);
  const keys = Array.from({ length: 1000 }, (_, at) => `config-${at}`);
  const rows: RaftRow[] = [];
  try {
    for (const load of loads) {
      const beside = etcd && (await runChildren({ ...load, ms, keys }, { type: 'etcd', port: etcdPort }));
      if (beside) rows.push({ what: 'etcd put', ...load, ...beside, rssMB: rssOf(etcd.pid) });
      for (const row of await oursRows(server, { ...load, ms })) rows.push({ ...row, ...(beside && { ratio: row.perSecond / beside.perSecond }) });
    }
  } finally {
    server.stop();
    etcd?.kill();
    await rm(folder, { recursive: true, force: true });
  }
  return rows;
}

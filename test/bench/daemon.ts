/** A built daemon on a host of its own, for benches. */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { endResolvers } from '../support/end-resolvers.mjs';
import { endProcess, startHost, until } from '../support/machine.mjs';
import { resolverPid } from '../support/resolver-process.ts';

export interface BenchDaemon {
  /** Of the daemon. */
  socket: string;
  /** Of the engine below it. */
  engine: string;
  pid: number;
  /** Process id of its resolver. */
  resolver(): Promise<number>;
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Command that runs the rest of its line on the host. */
  enter: readonly string[];
  stop(): Promise<void>;
}

/** Starts an engine and a daemon, and makes a cluster. */
export async function startDaemon(...flags: readonly string[]): Promise<BenchDaemon> {
  const host = await startHost();
  const folder = join(host.folder, 'shoal');
  // The tmpfs for secrets; paths of sockets are short.
  const run = `/dev/shm/${host.name}`;
  mkdirSync(folder);
  mkdirSync(run);
  const socket = join(host.folder, 'shoal.sock');
  const logFile = join(folder, 'daemon.log');
  const log = openSync(logFile, 'a');
  const args = ['bin/shoal', 'daemon', '--socket', socket, '--state', join(folder, 'state'), '--run', run, '--engine', host.socket, ...flags];
  const child = spawn(host.enter[0] ?? '', [...host.enter.slice(1), process.execPath, ...args], { stdio: ['ignore', log, log] });
  const call = (method: string, path: string, body?: unknown): Promise<unknown> => callSocket(socket, method, path, body);
  const answers = (): Promise<boolean> =>
    call('GET', '/info').then(
      () => true,
      () => false,
    );
  await until(answers, 30_000, () => readFileSync(logFile, 'utf8'));
  await call('POST', '/swarm/init', { ListenAddr: '0.0.0.0:2377', AdvertiseAddr: host.address });
  async function stop(): Promise<void> {
    await endProcess(child.pid);
    await endResolvers(run);
    await host.stop();
    rmSync(run, { recursive: true, force: true });
  }
  const resolver = (): Promise<number> => resolverPid(join(run, readdirSync(run).find((name) => name.startsWith('resolver')) ?? ''));
  return { socket, engine: host.socket, pid: child.pid ?? 0, resolver, call, enter: host.enter, stop };
}

/** One request with JSON; rejects with what the daemon says. */
export function callSocket(socketPath: string, method: string, path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { 'Content-Type': 'application/json' } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        if ((response.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        else resolve(text.trim().startsWith('{') || text.trim().startsWith('[') ? (JSON.parse(text) as unknown) : text);
      });
    });
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What a daemon weighs while it is under load: memory, descriptors, threads, delay of its event loop. */
import { readdirSync, readFileSync } from 'node:fs';
import { pssMegabytes } from '#test/support/resolver-process';

export interface Sample {
  minute: number;
  rssMB: number;
  heapMB: number;
  descriptors: number;
  threads: number;
  delayMs: { p50: number; p99: number; longest: number };
  resolver: { pssMB: number; descriptors: number } | undefined;
  gitWorkers: { count: number; rssMB: number };
}

/** `metrics` is the daemon's own text; undefined while it did not answer. */
export function sample(minute: number, pid: number, resolverPid: number | undefined, metrics: string | undefined): Sample {
  const workers = childrenOf(pid).filter((child) => commandOf(child).includes('git-worker'));
  const delay = (quantile: string): number => figureOf(metrics, `shoal_event_loop_delay_seconds{quantile="${quantile}"}`) * 1000;
  return {
    minute,
    rssMB: residentMB(pid),
    heapMB: figureOf(metrics, 'process_heap_bytes') / 1e6,
    descriptors: descriptorsOf(pid),
    threads: Number(/^Threads:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? 0),
    delayMs: { p50: delay('0.5'), p99: delay('0.99'), longest: delay('1') },
    resolver: resolverPid === undefined ? undefined : { pssMB: pssMegabytes(resolverPid), descriptors: descriptorsOf(resolverPid) },
    gitWorkers: { count: workers.length, rssMB: workers.reduce((sum, worker) => sum + residentMB(worker), 0) },
  };
}

export function lineOf({ minute, rssMB, heapMB, descriptors, threads, delayMs, resolver, gitWorkers }: Sample): string {
  const names = resolver ? `resolver ${resolver.pssMB.toFixed(0)} MB ${resolver.descriptors} fds` : 'no resolver';
  const loop = [delayMs.p50, delayMs.p99, delayMs.longest].map((delay) => delay.toFixed(0)).join('/');
  return [
    `minute ${String(minute).padStart(3)}:`,
    `RSS ${rssMB.toFixed(0)} MB (heap ${heapMB.toFixed(0)}),`,
    `${descriptors} fds, ${threads} threads,`,
    `loop ${loop} ms,`,
    `${names},`,
    `${gitWorkers.count} git workers ${gitWorkers.rssMB.toFixed(0)} MB`,
  ].join(' ');
}

/** Process ids whose parent is `pid`. */
export function childrenOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((each) => Number(/^PPid:\s+(\d+)/m.exec(statusOf(each))?.[1] ?? 0) === pid);
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

function residentMB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? 0) / 1024;
}

function statusOf(pid: number): string {
  return read(`/proc/${pid}/status`);
}

/** Empty for a process that has gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function figureOf(metrics: string | undefined, name: string): number {
  const line = metrics?.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

/** The process that answers names behind a socket, and what it weighs. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Where the one of a run folder's only daemon answers. */
export function resolverSocket(runFolder: string): string {
  return join(runFolder, readdirSync(runFolder).find((name) => /^resolver.*\.sock$/.test(name)) ?? 'no resolver');
}

/** It runs: one that has ended and that nobody has waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Its id, asked as somebody who is not its daemon. */
export function resolverPid(socket: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const line = connect(socket, () => line.write('{"type":"hello","protocol":1,"instance":"nobody","owner":""}\n'));
    line.once('data', (data) => resolve((JSON.parse(data.toString().split('\n')[0] ?? '') as { pid: number }).pid));
    line.once('error', reject);
  });
}

/** Processor time (ms) of a process, and with it of those that it started and that have ended. */
export function cpuMs(pid: number): { own: number; withChildren: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime, stime, cutime and cstime in hundredths of a second: fields 14 to 17, of which two are cut off here.
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map((ticks) => Number(ticks) * 10);
  return { own: user + system, withChildren: user + system + childUser + childSystem };
}

/** Proportional set size: pages that it shares with others count in part. */
export function pssMegabytes(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
}

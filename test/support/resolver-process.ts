/** The process that answers names behind a socket, and what it weighs. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** Its id, asked as somebody who is not its daemon. */
export function resolverPid(socket: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const line = connect(socket, () => line.write('{"type":"hello","protocol":1,"instance":"nobody","owner":""}\n'));
    line.once('data', (data) => resolve((JSON.parse(data.toString().split('\n')[0] ?? '') as { pid: number }).pid));
    line.once('error', reject);
  });
}

/** Proportional set size: pages that it shares with others count in part. */
export function pssMegabytes(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Which network devices there are. */
import { readFile } from 'node:fs/promises';

/** Of this network namespace, read from the kernel without a process. */
export async function deviceNames(): Promise<ReadonlySet<string>> {
  const lines = (await readFile('/proc/net/dev', 'utf8')).split('\n').slice(2);
  return new Set(lines.map((line) => line.slice(0, Math.max(line.indexOf(':'), 0)).trim()));
}

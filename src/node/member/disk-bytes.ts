/** What a manager's log and snapshots take of the disk. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface DiskBytes {
  log: number;
  snapshots: number;
}

/** Of a folder that is not there: nothing. Files come and go meanwhile. */
export async function diskBytes(folder: string): Promise<DiskBytes> {
  const bytes = { log: 0, snapshots: 0 };
  for (const name of await readdir(folder).catch(() => [])) {
    const what = name.startsWith('log-') ? 'log' : name.startsWith('snapshot-') ? 'snapshots' : undefined;
    if (what) bytes[what] += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

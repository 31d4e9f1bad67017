/** Where secrets of running tasks lie: a folder in memory that the engine sees as well. */
import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const tmpfsMagic = 0x01021994;
const sharedMemory = '/dev/shm';

/**
 * `wanted` where that is in memory already. Else a folder in shared memory: a tmpfs mounted just now on `wanted`
 * would not be seen by an engine that lives in a mount namespace of its own. `name` keeps daemons of one machine apart.
 */
export function chooseRunFolder(wanted: string, name: string, inMemory: (path: string) => boolean = isTmpfs): string {
  if (inMemory(existingParent(wanted)) || !inMemory(sharedMemory)) return wanted;
  return join(sharedMemory, name === '' ? 'shoal' : `shoal-${name}`);
}

function existingParent(path: string): string {
  return existsSync(path) ? path : existingParent(dirname(path));
}

function isTmpfs(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === tmpfsMagic;
}

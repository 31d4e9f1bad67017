/** What lies in a mirror's folder: its size, and what broken fetches left behind. */
import { statSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where commits lie that are only asked about: beside the mirror, whose objects they have. */
export function peekFolder(folder: string): string {
  return `${folder}.peek`;
}

/** Bytes of all packs, unfinished ones included: they grow while a fetch goes on. */
export async function packBytes(folder: string): Promise<number> {
  const packs = join(folder, 'objects', 'pack');
  // Some sixty files before each command: to ask for them one after the other takes a tenth of what it takes to ask for all at once.
  return (await names(packs)).reduce((sum, name) => sum + (statSync(join(packs, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Bytes of the largest pack that is not whole yet; -1 when there is none. */
export async function largestUnfinished(folder: string): Promise<number> {
  const packs = join(folder, 'objects', 'pack');
  const unfinished = (await names(packs)).filter((name) => name.startsWith('tmp_'));
  const sizes = unfinished.map((name) => stat(join(packs, name)).then(({ size }) => size));
  return Math.max(-1, ...(await Promise.all(sizes)));
}

/** Only ever called while no git works on the mirror. */
export async function removeLeftovers(folder: string): Promise<void> {
  const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });
  const objects = join(folder, 'objects');
  for (const name of await names(join(objects, 'pack'))) if (/^(tmp_|\.tmp-)|\.(keep|lock)$/.test(name)) await remove(join(objects, 'pack', name));
  for (const name of await names(objects)) if (name.startsWith('tmp_')) await remove(join(objects, name));
  for (const name of await names(folder)) if (/\.lock$|^FETCH_HEAD$/.test(name)) await remove(join(folder, name));
  // One that is left keeps its ref from ever being written again.
  const refs = join(folder, 'refs');
  for (const name of await readdir(refs, { recursive: true }).catch(() => [])) if (name.endsWith('.lock')) await remove(join(refs, name));
}

/** Mirrors of before have objects outside packs. */
export async function hasLooseObjects(folder: string): Promise<boolean> {
  return (await names(join(folder, 'objects'))).some((name) => /^[0-9a-f]{2}$/.test(name));
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

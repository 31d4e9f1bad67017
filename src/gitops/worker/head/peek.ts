/** Commits that somebody only asks about, a merge request's among them: they lie beside the mirror, have a bound of their own, and keep nothing of what is followed away. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import type { MirrorPlace } from '../../protocol.ts';
import { Mirror } from '../mirror.ts';
import { packBytes, peekFolder } from '../mirror-files.ts';
import type { GroupListener } from '../run-git.ts';

/** Of what the mirror may take, they may take this part besides. */
const shareOfMirror = 0.25;
/** That much of it is left for each. */
const keptForNext = 0.5;
const mostPacks = 20;
const mebibyte = 1024 * 1024;

/** Where they lie, with the mirror's objects at hand. */
export function peekPlace(place: MirrorPlace): MirrorPlace {
  const quotaBytes = Math.floor(place.quotaBytes * shareOfMirror);
  const bound = `the ${Math.floor(quotaBytes / mebibyte)} MiB that commits may take which are only asked about`;
  return { ...place, folder: peekFolder(place.folder), beside: place.folder, quotaBytes, bound };
}

/** The commit that the place asks for, brought here and looked at. */
export async function peek(place: MirrorPlace, signal: AbortSignal, groups: GroupListener): Promise<string> {
  const beside = peekPlace(place);
  if (await isWorn(beside)) await rm(beside.folder, { recursive: true, force: true });
  const mirror = new Mirror(beside, signal, groups);
  try {
    return await mirror.peek();
  } catch (error) {
    if (!(error instanceof Refusal) || error.facts['mirror'] !== true) throw error;
    // The mirror may have dropped what it had when it was begun.
    await rm(beside.folder, { recursive: true, force: true });
    return mirror.peek();
  }
}

async function isWorn({ folder, quotaBytes }: MirrorPlace): Promise<boolean> {
  const packs = await readdir(join(folder, 'objects', 'pack')).catch(() => []);
  return packs.filter((name) => name.endsWith('.pack')).length > mostPacks || (await packBytes(folder)) > quotaBytes * keptForNext;
}

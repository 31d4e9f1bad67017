/** How much of the disk mirrors take: of a repository that declares others, with all of theirs together. */
import type { MirrorPlace } from '../protocol.ts';
import { packBytes, peekFolder } from '../worker/mirror-files.ts';

/** A house has room for so many mirrors of the largest size. Whoever fetches may take this part of what is left of it: as many as ever do at once, with what they keep of commits that are only asked about, take no more than all. */
const mirrorsOfHouse = 10;
const mebibyte = 1024 * 1024;

/** Folders of all mirrors of the house that `folder` belongs to, and the name of its first repository. */
export type HouseOf = (folder: string) => { name: string; folders: readonly string[] };

export class MirrorShares {
  readonly #houseOf: HouseOf;
  /** Folder → bytes, as they were measured last, or as many as are let to it just now. */
  readonly #bytes = new Map<string, number>();

  constructor(houseOf: HouseOf) {
    this.#houseOf = houseOf;
  }

  /** The place with the bound that holds for it now; `leave` is called when nothing is fetched any more. */
  async enter(place: MirrorPlace): Promise<{ place: MirrorPlace; leave: () => Promise<void> }> {
    const { folder, quotaBytes } = place;
    const { name, folders } = this.#houseOf(folder);
    if (folders.length < 2) return { place, leave: async () => {} };
    for (const each of folders) if (!this.#bytes.has(each)) this.#bytes.set(each, await mirrorBytes(each));
    const own = await mirrorBytes(folder);
    const all = quotaBytes * mirrorsOfHouse;
    const others = folders.reduce((sum, each) => sum + (each === folder ? 0 : (this.#bytes.get(each) ?? 0)), 0);
    const most = Math.min(quotaBytes, own + Math.floor(Math.max(0, all - others - own) / mirrorsOfHouse));
    this.#bytes.set(folder, Math.max(own, most));
    const leave = async (): Promise<void> => void this.#bytes.set(folder, await mirrorBytes(folder));
    if (most === quotaBytes) return { place, leave };
    const bound = `the ${mebibytes(most)} that are left to it of the ${mebibytes(all)} that repository ${name} and all that it declares may take`;
    return { place: { ...place, quotaBytes: most, bound }, leave };
  }

  forget(folder: string): void {
    this.#bytes.delete(folder);
  }
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / mebibyte)} MiB`;
}

async function mirrorBytes(folder: string): Promise<number> {
  return (await packBytes(folder)) + (await packBytes(peekFolder(folder)));
}

/** How much of what was rendered the leader holds in memory: of all repositories together, and of one that an operator added with all that it declares. */
import { getHeapStatistics } from 'node:v8';
import { Refusal } from '#base/refusal';

export interface HeldBounds {
  allBytes: number;
  /** Of one house: a repository that an operator added, with those that it declares. */
  houseBytes: number;
}

const mebibyte = 1024 * 1024;
/** Of the heap: what is held of repositories, and of that one house's. */
const [shareOfHeap, shareOfHouse] = [0.25, 0.5];

/** Of all that is held: what a house may have to count as small, and what those that are larger leave to the small ones together. */
const [shareOfSmall, shareForSmall] = [1 / 16, 1 / 4];

/** For what is followed. While one version takes another's place both are there, of as many repositories as are rendered just then. */
export function followedBounds(): HeldBounds {
  const allBytes = getHeapStatistics().heap_size_limit * shareOfHeap;
  return { allBytes, houseBytes: allBytes * shareOfHouse };
}

/** For what is only asked about: as much of a house as is followed of it, and the room that it leaves to others. */
export function askedBounds(): HeldBounds {
  const { houseBytes } = followedBounds();
  return { allBytes: houseBytes / (1 - shareForSmall), houseBytes };
}

/** Where the stacks of one repository are counted: what is asked about takes nothing of what is followed. */
export interface Shares {
  followed: () => HeldPart;
  asked: () => HeldPart;
}

export class HeldBytes {
  readonly #bounds: HeldBounds;
  readonly #houses = new Map<string, number>();
  #all = 0;

  constructor(bounds: HeldBounds) {
    this.#bounds = bounds;
  }

  /** A part that grows and shrinks, of a house that is called so before people. */
  part(house: string, name: string): HeldPart {
    return new HeldPart((by) => this.#move(house, name, by));
  }

  #move(house: string, name: string, by: number): void {
    const own = (this.#houses.get(house) ?? 0) + by;
    const { allBytes, houseBytes } = this.#bounds;
    // Some that are large do not leave the others without anything.
    const room = own > allBytes * shareOfSmall ? allBytes * (1 - shareForSmall) : allBytes;
    const limit = `of ${Math.floor((own > houseBytes ? houseBytes : room) / mebibyte)} MiB`;
    // Whoever gives something back is never refused.
    if (by > 0 && own > houseBytes)
      throw new Refusal(
        'unavailable',
        `the stacks of repository ${name}, and of those that belong to it, are larger with their files than their share ${limit}`,
      );
    if (by > 0 && this.#all + by > room)
      throw new Refusal(
        'unavailable',
        `the stacks of all repositories are larger with their files than the ${limit.slice(3)} that are held: there is no room for those of ${name}`,
      );
    this.#all += by;
    if (own > 0) this.#houses.set(house, own);
    else this.#houses.delete(house);
  }
}

/** What one holder has of it. */
export class HeldPart {
  readonly #move: (by: number) => void;
  readonly #before: HeldPart | undefined;
  #bytes = 0;
  #counted = 0;
  #ended = false;

  /** `before`: in whose place it comes. */
  constructor(move: (by: number) => void, before?: HeldPart) {
    this.#move = move;
    this.#before = before;
  }

  /** A part for what takes the place of this one's: of both the larger counts, so that whatever fits alone can take it. */
  successor(): HeldPart {
    return new HeldPart(this.#move, this);
  }

  /** Throws a Refusal where that is too much, and has what it had. */
  set(bytes: number): void {
    if (this.#ended) return;
    const counted = Math.max(0, bytes - (this.#before ? this.#before.#bytes : 0));
    this.#move(counted - this.#counted);
    this.#bytes = bytes;
    this.#counted = counted;
  }

  add(bytes: number): void {
    this.set(this.#bytes + bytes);
  }

  /** For good. */
  end(): void {
    this.set(0);
    this.#ended = true;
  }
}

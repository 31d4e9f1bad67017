/** Trees and blobs by id, kept over commits: most of a new commit is old. The oldest go first. */
import type { Tree } from './tree.ts';

class Bounded<T> {
  readonly #held = new Map<string, T>();
  readonly #weigh: (value: T) => number;
  readonly #limit: number;
  #weight = 0;

  constructor(limit: number, weigh: (value: T) => number) {
    this.#limit = limit;
    this.#weigh = weigh;
  }

  get(key: string): T | undefined {
    const value = this.#held.get(key);
    if (value === undefined) return undefined;
    // Used again: the youngest.
    this.#held.delete(key);
    this.#held.set(key, value);
    return value;
  }

  put(key: string, value: T): void {
    if (this.#held.has(key)) return;
    this.#held.set(key, value);
    this.#weight += this.#weigh(value);
    for (const [oldest, content] of this.#held) {
      if (this.#weight <= this.#limit || oldest === key) break;
      this.#held.delete(oldest);
      this.#weight -= this.#weigh(content);
    }
  }
}

/** What one repository may see of the cache: an id alone must not open another's files. */
export interface ObjectShelf {
  blob: (oid: string) => Uint8Array | undefined;
  putBlob: (oid: string, bytes: Uint8Array) => void;
  tree: (oid: string) => Tree | undefined;
  putTree: (oid: string, tree: Tree) => void;
}

export class ObjectCache {
  readonly #blobs: Bounded<Uint8Array>;
  readonly #trees: Bounded<Tree>;

  constructor(limitBytes = 32 * 1024 * 1024, limitEntries = 200_000) {
    this.#blobs = new Bounded(limitBytes, (bytes) => bytes.length + 100);
    this.#trees = new Bounded(limitEntries, (tree) => tree.size + 4);
  }

  shelf(repository: string): ObjectShelf {
    const key = (oid: string): string => `${repository} ${oid}`;
    return {
      blob: (oid) => this.#blobs.get(key(oid)),
      putBlob: (oid, bytes) => this.#blobs.put(key(oid), bytes),
      tree: (oid) => this.#trees.get(key(oid)),
      putTree: (oid, tree) => this.#trees.put(key(oid), tree),
    };
  }
}

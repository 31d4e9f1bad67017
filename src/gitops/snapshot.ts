/** A commit's files for the loader: read on demand, following links only inside the repository. */
import { posix } from 'node:path';
import type { ReadResult } from '#compose/compose';
import type { Mirror, TreeEntry } from './git.ts';

/** Where the loader believes the repository to lie; no such folder exists. */
export const root = '/repository';

const linksFollowed = 8;
const largestBytes = 16 * 1024 * 1024;
const prefetchedBytes = 64 * 1024;
const prefetchedTotalBytes = 16 * 1024 * 1024;
const largestTotalBytes = 256 * 1024 * 1024;

/** Blobs by id, kept over commits: most files of a new commit are old ones. */
export class BlobCache {
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(limitBytes = 32 * 1024 * 1024) {
    this.#limitBytes = limitBytes;
  }

  get(oid: string): Uint8Array | undefined {
    return this.#blobs.get(oid);
  }

  put(oid: string, bytes: Uint8Array): void {
    if (this.#blobs.has(oid)) return;
    this.#blobs.set(oid, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, content] of this.#blobs) {
      if (this.#bytes <= this.#limitBytes || oldest === oid) break;
      this.#blobs.delete(oldest);
      this.#bytes -= content.length;
    }
  }
}

export class Snapshot {
  readonly commit: string;
  readonly #entries: ReadonlyMap<string, TreeEntry>;
  readonly #folders = new Set<string>(['']);
  readonly #mirror: Mirror;
  readonly #cache: BlobCache;
  readonly #held = new Map<string, Uint8Array>();
  readonly #wanted = new Set<string>();
  #heldBytes = 0;
  #misses = 0;

  constructor(commit: string, entries: readonly TreeEntry[], mirror: Mirror, cache: BlobCache) {
    this.commit = commit;
    this.#entries = new Map(entries.map((entry) => [entry.path, entry]));
    this.#mirror = mirror;
    this.#cache = cache;
    for (const { path } of entries) for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) this.#folders.add(folder);
  }

  /** Paths of all files. */
  paths(): Iterable<string> {
    return this.#entries.keys();
  }

  hasFolder(path: string): boolean {
    return this.#folders.has(path);
  }

  /** Reads an absolute path under `root`. What is not at hand yet is noted for `load` and reads as an error meanwhile. */
  read(given: string): ReadResult {
    const path = posix.normalize(given);
    const inside = path === root ? '' : path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined;
    if (inside === undefined) return { error: `${path} is outside the repository` };
    return this.#readInside(inside, linksFollowed);
  }

  /** How many reads failed so far only because the content was not at hand. */
  get misses(): number {
    return this.#misses;
  }

  /** Fetches the small files of these folders ahead: what a stack names lies mostly beside it, and each round renders anew. */
  async prefetch(folders: ReadonlySet<string>): Promise<void> {
    let total = 0;
    for (const [path, entry] of this.#entries) {
      if (entry.mode === '160000' || entry.size > prefetchedBytes || total + entry.size > prefetchedTotalBytes) continue;
      if (!folders.has(posix.dirname(path)) || this.#wanted.has(entry.oid)) continue;
      total += entry.size;
      this.#want(entry, path);
    }
    await this.load();
  }

  /** Fetches what reads asked for in vain. */
  async load(): Promise<void> {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    const absent = wanted.filter((oid) => !this.#cache.get(oid));
    const fetched = absent.length > 0 ? await this.#mirror.blobs(absent) : new Map<string, Uint8Array>();
    for (const oid of wanted) {
      const bytes = fetched.get(oid) ?? this.#cache.get(oid);
      if (bytes) this.#held.set(oid, bytes);
    }
    for (const [oid, bytes] of fetched) this.#cache.put(oid, bytes);
  }

  /** Notes that a blob is needed, unless that would be too much to hold. */
  #want({ oid, size }: TreeEntry, shown: string): ReadResult {
    if (this.#heldBytes + size > largestTotalBytes)
      return { error: `read ${shown}: the files that the stacks use are larger than ${largestTotalBytes} bytes together` };
    if (!this.#wanted.has(oid)) this.#heldBytes += size;
    this.#wanted.add(oid);
    this.#misses += 1;
    return { error: `${shown} is not loaded yet` };
  }

  #readInside(path: string, links: number): ReadResult {
    const found = this.#resolveFolders(path, links);
    if (typeof found !== 'string') return found;
    const entry = this.#entries.get(found);
    const shown = posix.join(root, path);
    if (!entry) return { error: this.#folders.has(found) ? `read ${shown}: is a directory` : `open ${shown}: no such file or directory` };
    if (entry.mode === '160000') return { error: `${shown} is a submodule, which is not followed` };
    if (entry.size > largestBytes) return { error: `read ${shown}: larger than ${largestBytes} bytes` };
    const bytes = this.#held.get(entry.oid);
    if (!bytes) return this.#want(entry, shown);
    return entry.mode === '120000' ? this.#follow(found, bytes, links) : { bytes };
  }

  /** Replaces links among the folders of `path` by where they lead. */
  #resolveFolders(path: string, links: number): string | ReadResult {
    const parts = path.split('/');
    for (let count = 1; count < parts.length; count++) {
      const folder = parts.slice(0, count).join('/');
      const entry = this.#entries.get(folder);
      if (entry?.mode !== '120000') continue;
      const bytes = this.#held.get(entry.oid);
      if (!bytes) return this.#want(entry, folder);
      const target = this.#target(folder, bytes, links);
      if (typeof target !== 'string') return target;
      return this.#resolveFolders(posix.join(target, ...parts.slice(count)), links - 1);
    }
    return path;
  }

  #follow(path: string, bytes: Uint8Array, links: number): ReadResult {
    const target = this.#target(path, bytes, links);
    return typeof target === 'string' ? this.#readInside(target, links - 1) : target;
  }

  #target(path: string, bytes: Uint8Array, links: number): string | ReadResult {
    const text = new TextDecoder().decode(bytes);
    const target = posix.normalize(posix.join(posix.dirname(path), text));
    if (links <= 0) return { error: `${posix.join(root, path)}: too many symbolic links` };
    if (text.startsWith('/') || target.startsWith('..')) return { error: `${posix.join(root, path)} is a symbolic link out of the repository` };
    return target;
  }
}

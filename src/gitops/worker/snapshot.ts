/** A commit's files for the loader: read on demand, tree by tree, following links only inside the repository. */
import { posix } from 'node:path';
import type { ReadResult } from '#compose/compose';
import { encryptedAs, encryptedText, isOpenable, sealedText } from './sealed/encrypted.ts';
import type { ObjectShelf } from './object-cache.ts';
import type { ObjectInfo } from './objects.ts';
import type { Opener, OpenResult } from './sealed/opener.ts';
import { isFolder, largestTreeBytes, parseTree, type Tree, type TreeEntry } from './tree.ts';

/** Where the loader believes the repository to lie; no such folder exists. */
export const root = '/repository';

const linksFollowed = 8;
const longestPath = 4096;
const largestBytes = 16 * 1024 * 1024;
const prefetchedBytes = 64 * 1024;
const prefetchedTotalBytes = 16 * 1024 * 1024;
const largestTotalBytes = 128 * 1024 * 1024;
/** Trees that one commit's stacks may lead through. */
const mostTrees = 50_000;
/** Files of one commit's stacks that are decrypted. */
const mostSealed = 5000;
/** Shorter ones are words like any other. */
const shortestSecret = 4;
const mostSecrets = 20_000;

/** How objects are had. */
export interface Objects {
  infos: (oids: readonly string[]) => Promise<ReadonlyMap<string, ObjectInfo>>;
  contents: (oids: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;
}

/** A path's end: what lies there, or why nothing can be read; `undefined` while that is not known yet. */
type Found = { entry: TreeEntry; path: string } | NotFound | undefined;

export interface NotFound {
  error: string;
  /** There is nothing at the path; else it cannot be known. */
  nothing?: true;
}

interface SealedFile {
  path: string;
  shown: string;
  what: string;
  oid: string;
  bytes: Uint8Array;
}

export class Snapshot {
  readonly commit: string;
  /** Id of the commit's tree. */
  readonly top: string;
  readonly #objects: Objects;
  readonly #cache: ObjectShelf;
  readonly #opener: Opener | undefined;
  /** What encrypted files hold, by path: how they are read goes by their names. */
  readonly #opened = new Map<string, { oid: string; result: OpenResult }>();
  readonly #sealed = new Map<string, { oid: string; bytes: Uint8Array }>();
  readonly #secrets = new Set<string>();
  readonly #trees = new Map<string, Tree>();
  /** Path → what it was found to lead to: many stacks look at the same ones. */
  readonly #identities = new Map<string, string>();
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #refused = new Map<string, string>();
  readonly #wantedTrees = new Set<string>();
  readonly #wantedBlobs = new Set<string>();
  readonly #absent = new Set<string>();
  #heldBytes = 0;
  #misses = 0;
  #noted: Map<string, string> | undefined;
  #notedSealed = false;

  /** `top` is the commit's tree; without an `opener`, encrypted files are refused. */
  constructor(commit: string, top: string, objects: Objects, cache: ObjectShelf, opener?: Opener) {
    this.commit = commit;
    this.top = top;
    this.#objects = objects;
    this.#cache = cache;
    this.#opener = opener;
  }

  /** How many reads failed so far only because the content was not at hand. */
  get misses(): number {
    return this.#misses;
  }

  /** What reads asked for and the mirror does not hold. */
  get absent(): ReadonlySet<string> {
    return this.#absent;
  }

  /** Reads an absolute path under `root`. What is not at hand yet is noted for `load` and reads as an error meanwhile. */
  read(given: string): ReadResult {
    const result = this.#read(given);
    this.#noted?.set(given, this.identity(given) ?? '');
    return result;
  }

  /** What a path leads to, in a text that changes with it; undefined while that is not known. */
  identity(given: string): string | undefined {
    const known = this.#identities.get(given);
    if (known !== undefined) return known;
    const found = this.#find(given);
    if (!found) return undefined;
    const identity = 'error' in found ? `error ${found.error}` : `${found.entry.mode} ${found.entry.oid}`;
    this.#identities.set(given, identity);
    return identity;
  }

  /** The folder that a path lies in, where no link leads there or on from there; undefined where that is not so, or not known, and at the top, which each commit changes. */
  folderOf(given: string): { folder: string; tree: string } | undefined {
    const folder = posix.dirname(given);
    const tree = folder.startsWith(`${root}/`) ? this.treeOf(folder) : undefined;
    const entries = tree === undefined ? undefined : this.#trees.get(tree);
    return tree !== undefined && entries && entries.get(posix.basename(given))?.mode !== '120000' ? { folder, tree } : undefined;
  }

  /** The tree at a folder's path, without a link on the way. */
  treeOf(folder: string): string | undefined {
    const found = this.#walk(folder.slice(root.length + 1).split('/'), 0);
    return found && !('error' in found) && isFolder(found.entry) ? found.entry.oid : undefined;
  }

  /** Notes each path that `work` reads, with what it led to, and whether anything of it was encrypted. */
  noting<T>(work: () => T): { result: T; inputs: ReadonlyMap<string, string>; sealed: boolean } {
    const inputs = new Map<string, string>();
    this.#noted = inputs;
    this.#notedSealed = false;
    try {
      const result = work();
      return { result, inputs, sealed: this.#notedSealed };
    } finally {
      this.#noted = undefined;
    }
  }

  /** A text for people without what was encrypted. */
  hidden(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) if (shown.includes(secret)) shown = shown.replaceAll(secret, '***');
    return shown;
  }

  /** The entries of a folder by a path inside the repository; an error where there is none, undefined while it is not known. */
  folder(path: string): Tree | NotFound | undefined {
    const found = path === '' ? { entry: { mode: '40000', oid: this.top }, path } : this.#walk(path.split('/'), 0);
    if (!found || 'error' in found) return found;
    return isFolder(found.entry) ? this.#tree(found.entry.oid) : { error: `${path} is no folder`, nothing: true };
  }

  /** The entries of a tree that was found; an error where they cannot be read, undefined while they are not known. */
  entries(oid: string): Tree | NotFound | undefined {
    return this.#tree(oid);
  }

  /** Asks for the small files of a folder ahead: what a stack names lies mostly beside it, and each round renders anew. */
  async prefetch(paths: readonly string[]): Promise<void> {
    const oids = new Set<string>();
    for (const path of paths) {
      const tree = this.folder(path);
      if (!tree || 'error' in tree) continue;
      for (const entry of (tree as Tree).values()) if (!isFolder(entry) && entry.mode !== '160000' && !this.#blobs.has(entry.oid)) oids.add(entry.oid);
    }
    const infos = await this.#objects.infos([...oids].filter((oid) => !this.#cache.blob(oid)));
    let total = 0;
    for (const oid of oids) {
      const size = this.#cache.blob(oid)?.length ?? infos.get(oid)?.size ?? Infinity;
      if (size > prefetchedBytes || total + size > prefetchedTotalBytes) continue;
      total += size;
      this.#wantedBlobs.add(oid);
    }
    await this.load();
  }

  /** Fetches what reads asked for in vain; whether anything came of it. */
  async load(): Promise<boolean> {
    const opened = await this.#openSealed();
    const wanted = [...this.#wantedTrees, ...this.#wantedBlobs];
    const trees = new Set(this.#wantedTrees);
    this.#wantedTrees.clear();
    this.#wantedBlobs.clear();
    const unknown = wanted.filter((oid) => (trees.has(oid) ? !this.#takeTree(oid) : !this.#takeBlob(oid)));
    if (unknown.length === 0) return opened || wanted.length > 0;
    const infos = await this.#objects.infos(unknown);
    const readable = unknown.filter((oid) => this.#isReadable(oid, trees.has(oid), infos.get(oid)));
    const contents = await this.#objects.contents(readable);
    for (const [oid, bytes] of contents) {
      if (trees.has(oid)) this.#keepTree(oid, bytes);
      else this.#cache.putBlob(oid, bytes);
      if (!trees.has(oid)) this.#blobs.set(oid, bytes);
    }
    return opened || unknown.length < wanted.length || unknown.some((oid) => contents.has(oid) || this.#refused.has(oid));
  }

  /** Decrypts what reads found to be encrypted; whether there was any. */
  async #openSealed(): Promise<boolean> {
    const sealed = [...this.#sealed];
    this.#sealed.clear();
    for (const [path, { oid, bytes }] of sealed) {
      const result = await this.#openOne(path, bytes);
      if ('bytes' in result) {
        this.#heldBytes += result.bytes.length;
        this.#keepSecrets(result.secrets);
      }
      this.#opened.set(path, { oid, result });
    }
    return sealed.length > 0;
  }

  async #openOne(path: string, bytes: Uint8Array): Promise<OpenResult> {
    if (!this.#opener) return { error: 'there is no key to decrypt it with' };
    if (this.#opened.size >= mostSealed) return { error: `the stacks use more than ${mostSealed} encrypted files` };
    if (this.#heldBytes > largestTotalBytes) return { error: `the files that the stacks use are larger than ${largestTotalBytes} bytes together` };
    return this.#opener.open(path, bytes);
  }

  /** Whole, and line by line: a fault is mostly that of a line. The longest go first, for one may be part of another. */
  #keepSecrets(secrets: readonly string[]): void {
    const pieces = secrets
      .flatMap((secret) => [secret, ...secret.split('\n')])
      .flatMap((piece) => [piece, piece.trim(), piece.slice(piece.indexOf('=') + 1).trim()]);
    const all = [...this.#secrets, ...pieces.filter((piece) => piece.length >= shortestSecret)].toSorted((a, b) => b.length - a.length);
    this.#secrets.clear();
    for (const piece of all.slice(0, mostSecrets)) this.#secrets.add(piece);
  }

  #takeTree(oid: string): boolean {
    const tree = this.#cache.tree(oid);
    if (tree) this.#trees.set(oid, tree);
    return tree !== undefined;
  }

  #takeBlob(oid: string): boolean {
    const bytes = this.#cache.blob(oid);
    if (bytes) this.#blobs.set(oid, bytes);
    return bytes !== undefined;
  }

  #keepTree(oid: string, bytes: Uint8Array): void {
    const tree = parseTree(bytes, oid.length / 2);
    this.#trees.set(oid, tree);
    this.#cache.putTree(oid, tree);
  }

  /** Whether it is there and small enough; else it is noted why not. */
  #isReadable(oid: string, asTree: boolean, info: ObjectInfo | undefined): boolean {
    if (!info) {
      this.#absent.add(oid);
      return false;
    }
    const limit = asTree ? largestTreeBytes : largestBytes;
    if (info.type !== (asTree ? 'tree' : 'blob')) this.#refused.set(oid, 'is damaged');
    else if (info.size > limit) this.#refused.set(oid, `larger than ${limit} bytes`);
    else if (this.#heldBytes + info.size > largestTotalBytes)
      this.#refused.set(oid, `the files that the stacks use are larger than ${largestTotalBytes} bytes together`);
    else if (this.#trees.size > mostTrees) this.#refused.set(oid, `the stacks lead through more than ${mostTrees} folders`);
    if (this.#refused.has(oid)) return false;
    this.#heldBytes += info.size;
    return true;
  }

  #read(given: string): ReadResult {
    const found = this.#find(given);
    const shown = posix.normalize(given);
    if (!found) return this.#missing(shown);
    if ('error' in found) return found;
    if (isFolder(found.entry)) return { error: `read ${shown}: is a directory` };
    const content = this.#content(found.entry.oid);
    if (!content) return this.#missing(shown);
    if ('error' in content) return { error: `read ${shown}: ${content.error}` };
    const what = encryptedAs(content.bytes);
    return what === undefined ? content : this.#readSealed({ path: found.path, shown, what, oid: found.entry.oid, bytes: content.bytes });
  }

  #readSealed({ path, shown, what, oid, bytes }: SealedFile): ReadResult {
    this.#notedSealed = true;
    if (!isOpenable(what)) return { error: encryptedText(shown, what) };
    const known = this.#opened.get(path);
    if (!known || known.oid !== oid) {
      this.#sealed.set(path, { oid, bytes });
      return this.#missing(shown);
    }
    return 'error' in known.result ? { error: sealedText(shown, what, known.result.error) } : { bytes: known.result.bytes };
  }

  #missing(shown: string): { error: string } {
    this.#misses += 1;
    return { error: `${shown} is not loaded yet` };
  }

  #find(given: string): Found {
    if (given.length > longestPath) return { error: `a path of ${given.length} characters is longer than ${longestPath}` };
    const path = posix.normalize(given);
    const inside = path === root ? '' : path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined;
    if (inside === undefined) return { error: `${path} is outside the repository` };
    return this.#walk(inside.replace(/\/$/, '').split('/'), linksFollowed);
  }

  /** From the top down; a link on the way is replaced by where it leads. With no `links` left, none is followed. */
  #walk(parts: readonly string[], links: number): Found {
    let entry: TreeEntry = { mode: '40000', oid: this.top };
    for (let depth = 0; depth < parts.length; depth++) {
      const part = parts[depth] ?? '';
      if (part === '') continue;
      const tree = isFolder(entry) ? this.#tree(entry.oid) : undefined;
      const shown = () => posix.join(root, ...parts.slice(0, depth + 1));
      if (!isFolder(entry)) return { error: `open ${posix.join(root, ...parts)}: no such file or directory`, nothing: true };
      if (!tree) return undefined;
      if ('error' in tree) return { error: `read ${shown()}: ${String(tree.error)}` };
      const next = (tree as Tree).get(part);
      if (!next) return { error: `open ${posix.join(root, ...parts)}: no such file or directory`, nothing: true };
      if (next.mode === '160000') return { error: `${shown()} is a submodule, which is not followed`, nothing: true };
      if (next.mode === '120000') return this.#follow(next.oid, parts, depth, links);
      entry = next;
    }
    return { entry, path: parts.join('/') };
  }

  #follow(oid: string, parts: readonly string[], depth: number, links: number): Found {
    const path = parts.slice(0, depth + 1).join('/');
    if (links <= 0) return { error: `${posix.join(root, path)}: too many symbolic links`, nothing: true };
    const content = this.#content(oid);
    if (!content) return undefined;
    if ('error' in content) return content;
    const text = new TextDecoder().decode(content.bytes.subarray(0, longestPath + 1));
    const target = posix.normalize(posix.join(posix.dirname(path), text));
    if (text.startsWith('/') || target === '..' || target.startsWith('../'))
      return { error: `${posix.join(root, path)} is a symbolic link out of the repository` };
    if (text.length > longestPath) return { error: `${posix.join(root, path)} is a symbolic link of more than ${longestPath} characters` };
    const whole = posix.normalize(posix.join(target, ...parts.slice(depth + 1)));
    return this.#walk(whole === '.' ? [] : whole.replace(/\/$/, '').split('/'), links - 1);
  }

  #tree(oid: string): Tree | { error: string } | undefined {
    const tree = this.#trees.get(oid);
    if (tree) return tree;
    const refused = this.#refused.get(oid);
    if (refused !== undefined) return { error: refused };
    this.#wantedTrees.add(oid);
    return undefined;
  }

  #content(oid: string): { bytes: Uint8Array } | { error: string } | undefined {
    const bytes = this.#blobs.get(oid);
    if (bytes) return { bytes };
    const refused = this.#refused.get(oid);
    if (refused !== undefined) return { error: refused };
    this.#wantedBlobs.add(oid);
    return undefined;
  }
}

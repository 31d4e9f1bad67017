/** A repository on this machine, seen from its files: which of them say where the branch is, and whether they changed. Anything may stand there: nothing is opened that is no plain file. */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WatchedFolder } from '../protocol.ts';

const smallFileBytes = 4096;

export interface LocalPlace {
  /** The same text: the branch did not move. Absent where files alone don't tell. */
  signature?: string;
  /** What the branch's own file says that its commit is, where there is one; not asked for while the signature is the known one. */
  head?: string;
  watch: readonly WatchedFolder[];
}

export function isLocal(url: string): boolean {
  return url.startsWith('file://') || url.startsWith('/');
}

/** Nothing for repositories elsewhere, and for places that are no repository. `known`: the signature that was seen last. */
export async function localPlace(url: string, branch: string, known?: string): Promise<LocalPlace> {
  const folder = await gitFolder(url);
  if (folder === undefined) return { watch: [] };
  const parts = branch.split('/');
  const heads = parts.map((_, depth) => join(folder, 'refs', 'heads', ...parts.slice(0, depth)));
  const tables = join(folder, 'reftable');
  const folders = [
    { folder, names: ['packed-refs', 'HEAD'] },
    { folder: tables, names: ['tables.list'] },
    ...heads.map((place, depth) => ({ folder: place, names: [parts[depth] ?? ''] })),
  ];
  const watch: WatchedFolder[] = [];
  let leads = false;
  for (const place of folders) {
    const found = await lstat(place.folder).catch(() => undefined);
    leads ||= found?.isSymbolicLink() === true && (place.folder === folder || place.folder === tables);
    if (found?.isDirectory()) watch.push({ ...place, identity: `${found.dev} ${found.ino}` });
  }
  // Where a link leads may change, and its own file does not tell.
  return { watch, ...(!leads && (await seen(folder, branch, watch, known))) };
}

/** A branch that names another one moves with that: only a plain one is known by its files. */
async function seen(
  folder: string,
  branch: string,
  watch: readonly WatchedFolder[],
  known: string | undefined,
): Promise<Pick<LocalPlace, 'signature' | 'head'>> {
  const loose = join(folder, 'refs', 'heads', branch);
  // The folder's own time changes with every lock file: which one it is says enough.
  const facts = [watch.find((each) => each.folder === folder)?.identity ?? 'none'];
  const list = watch.some((each) => each.folder === join(folder, 'reftable')) ? [join(folder, 'reftable', 'tables.list')] : [];
  for (const path of [join(folder, 'packed-refs'), ...list, loose]) {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    if (found?.isSymbolicLink()) return {};
    facts.push(found ? [found.ino, found.mtimeNs, found.size].join(' ') : 'none');
  }
  const signature = [folder, ...facts].join('\n');
  if (facts.at(-1) === 'none' || signature === known) return { signature };
  const head = /^([0-9a-f]{40}|[0-9a-f]{64})\s*$/.exec((await smallFile(loose)) ?? '')?.[1];
  return head === undefined ? {} : { signature, head };
}

/** The folder that holds the branches: for a linked worktree that of the repository it belongs to. */
async function gitFolder(url: string): Promise<string | undefined> {
  try {
    if (!isLocal(url)) return undefined;
    const path = url.startsWith('/') ? url : fileURLToPath(url);
    const inside = join(path, '.git');
    const found = await lstat(inside).catch(() => undefined);
    const pointer = found?.isFile() ? (await smallFile(inside))?.replace(/^gitdir:/, '').trim() : undefined;
    if (found?.isFile() && pointer === undefined) return undefined;
    const own = pointer !== undefined ? resolve(path, pointer) : found ? inside : path;
    if (!(await lstat(join(own, 'HEAD')).catch(() => undefined))) return undefined;
    const common = join(own, 'commondir');
    if (!(await lstat(common).catch(() => undefined))) return own;
    const shared = await smallFile(common);
    return shared === undefined ? undefined : resolve(dirname(common), shared.trim());
  } catch {
    // Vanished while we looked: the next look tells.
    return undefined;
  }
}

/** The text of a small plain file; undefined for whatever else stands there. A pipe is not waited for, a link not followed. */
async function smallFile(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(() => undefined);
  if (!file) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > smallFileBytes) return undefined;
    return (await file.readFile()).toString('utf8');
  } finally {
    await file.close();
  }
}

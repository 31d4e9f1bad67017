/** Which folders of a commit are stacks: those with a stack file below the repository's path, or those that `shoal.yml` names. */
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import { matchesWildcard } from '#base/text/wildcard';
import type { RepositoryFile, StackEntry } from '#compose/repository/repository-file';
import type { StackPolicy } from '#reconciler/rendered';
import { root, type NotFound, type Snapshot } from '../snapshot.ts';
import { isFolder, type Tree, type TreeEntry } from '../tree.ts';

/** In the order in which they are looked for. */
const fileNames = ['compose.yml', 'compose.yaml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = fileNames.map((name) => name.replace(/\.(ya?ml)$/, '.override.$1'));
const mostFolders = 10_000;
/** Of one commit, whatever number of entries leads to them. */
const mostStacks = 5_000;
/** Of a stack's name, as of a file's on most disks. */
const longestNameBytes = 255;
const shownOfName = 40;
/** Links and submodules where stacks would be: of more nothing is told. */
const mostLeftOut = 50;
const longestTold = 255;
/** The very same of each place that has none. */
const none: readonly string[] = [];

/** A folder with a stack file. */
export interface Place {
  name: string;
  folder: string;
  /** Id of the folder's tree. */
  tree: string;
  /** The stack file, and those laid over it. */
  file: string;
  laid: readonly string[];
  /** Overrides beside it, which are not used. */
  ignored: readonly string[];
  policy?: StackPolicy;
  /** What of its services belongs to somebody else. */
  ignore: readonly string[];
  /** Why it cannot be a stack. */
  trouble?: string;
}

/** Where stacks would be, and nobody looks: the last part of a path → why. */
export type LeftOut = Map<string, string>;

/** What the folders of the commit before were found to be: most of them are the same in the next one, and are not looked into again. */
export class PlaceMemory {
  #of = '';
  #known: ReadonlyMap<string, readonly Place[]> = new Map();

  /** What is known as long as all that decides beside the folders, `of`, is the same. */
  known(of: string): ReadonlyMap<string, readonly Place[]> {
    return this.#of === of ? this.#known : new Map();
  }

  keep(of: string, known: ReadonlyMap<string, readonly Place[]>): void {
    this.#of = of;
    this.#known = known;
  }
}

/** In the order of their names; undefined when the commit lacks `path`. `leftOut` gets what stands there for a folder of another place or repository. */
export async function stackPlaces(
  snapshot: Snapshot,
  path: string,
  file: RepositoryFile | undefined,
  { leftOut, memory }: { leftOut: LeftOut; memory: PlaceMemory },
): Promise<Place[] | undefined> {
  const entries = file?.stacks ?? [{ path: posix.join(normal(path), '*'), after: [], waves: [], sync: {}, ignore: [] }];
  if (!file?.stacks && (await isMissing(snapshot, normal(path)))) return undefined;
  const of = JSON.stringify([entries, file]);
  const [known, seen] = [memory.known(of), new Map<string, readonly Place[]>()];
  const found = new Map<string, Place>();
  for (const [at, entry] of entries.entries()) {
    const folders = await foldersOf(snapshot, entry.path.split('/'), leftOut);
    const keyOf = ({ folder, oid }: Folder): string => `${at} ${oid} ${folder}`;
    const trees = new Map(
      await treesOf(
        snapshot,
        folders.filter((each) => !known.has(keyOf(each))),
      ),
    );
    let any = false;
    for (const each of folders) {
      const key = keyOf(each);
      const tree = trees.get(each);
      const places = known.get(key) ?? (tree && placeIn(each, tree, entry, file));
      if (!places) continue;
      any ||= places.length > 0;
      seen.set(key, places);
      // The last entry that names a folder counts.
      for (const place of places) found.set(each.folder, place);
    }
    if (!any && file?.stacks && leftOut.size < mostLeftOut)
      leftOut.set(entry.path, `shoal.yml: stacks: ${shownPath(entry.path)} leads to no folder with a stack file`);
  }
  memory.keep(of, seen);
  if (found.size > mostStacks) throw new Refusal('invalidArgument', `the commit has ${found.size} stacks: at most ${mostStacks} are taken`);
  return checked([...found.values()].map(withShortName).toSorted((a, b) => compareTexts(a.name, b.name) || compareTexts(a.folder, b.folder)));
}

function shownPath(path: string): string {
  return JSON.stringify(path.length > longestTold ? `${path.slice(0, longestTold)}…` : path);
}

/** Of each stack its name is told, held and stored, whatever becomes of it: one that is too long is refused under its beginning. */
function withShortName(place: Place): Place {
  const { name, folder } = place;
  const bytes = Buffer.byteLength(name);
  if (bytes <= longestNameBytes) return place;
  const shown = `${name.slice(0, shownOfName)}…`;
  const short = posix.join(posix.dirname(folder), shown);
  const trouble = `its name has ${bytes} bytes: that of a stack has at most ${longestNameBytes}`;
  return { ...place, name: shown, folder: short, file: posix.join(short, posix.basename(place.file)), laid: [], ignored: [], trouble };
}

/** Two folders of one name would be one stack. */
function checked(places: readonly Place[]): Place[] {
  const names = new Map<string, Place>();
  for (const place of places) {
    const first = names.get(place.name);
    names.set(
      place.name,
      first ? { ...first, trouble: `stack ${place.name} is that of folder ${place.folder} as well: give one of them another name` } : place,
    );
  }
  return [...names.values()];
}

function placeIn({ folder, oid }: Folder, tree: Tree, entry: StackEntry, repository: RepositoryFile | undefined): Place[] {
  const [first, ...others] = entry.files ?? [];
  const own = first ?? fileNames.find((each) => isFile(tree, each));
  if (own === undefined) return [];
  const overrides = entry.files ? none : some(overrideNames.filter((each) => isFile(tree, each)));
  const inside = (name: string): string => posix.join(folder, name);
  // Without the file all is as it was before there was one.
  const used = repository ? overrides.slice(0, 1) : none;
  const policy = repository && policyOf(entry, repository);
  return [
    {
      name: posix.basename(folder),
      folder,
      tree: oid,
      file: inside(own),
      laid: some([...others, ...used].map(inside)),
      ignored: some(overrides.filter((each) => !used.includes(each)).map(inside)),
      ...(policy && { policy }),
      ignore: some([...(repository?.ignore ?? none), ...entry.ignore]),
    },
  ];
}

function some(list: readonly string[]): readonly string[] {
  return list.length > 0 ? list : none;
}

function policyOf({ after, waves, sync: own }: StackEntry, { sync: all, atomic }: RepositoryFile): StackPolicy | undefined {
  const sync = { ...all, ...own };
  const policy: StackPolicy = {
    ...(after.length > 0 && { After: after }),
    ...(sync.mode === 'manual' && { Manual: true }),
    ...(sync.prune === false && { KeepsServices: true }),
    ...(all.prune === false && { KeepsStacks: true }),
    ...(sync.selfHeal === false && { KeepsDrift: true }),
    ...(sync.onFailure !== undefined && { OnFailure: sync.onFailure }),
    ...(waves.length > 0 && { Waves: waves }),
    ...(atomic && { Atomic: true }),
  };
  return Object.keys(policy).length > 0 ? policy : undefined;
}

async function isMissing(snapshot: Snapshot, path: string): Promise<boolean> {
  const top = await loaded(snapshot, () => snapshot.folder(path));
  if (!('error' in top)) return false;
  if ('nothing' in top) return true;
  throw new Refusal('unavailable', String(top.error).replaceAll(`${root}/`, ''));
}

interface Folder {
  folder: string;
  /** Of its tree. */
  oid: string;
}

/** The folders that a path with wildcards leads to. */
async function foldersOf(snapshot: Snapshot, parts: readonly string[], leftOut: LeftOut): Promise<Folder[]> {
  let reached: Folder[] = [{ folder: '', oid: snapshot.top }];
  const others: { path: string; entry: TreeEntry }[] = [];
  for (const part of parts.filter((each) => each !== '')) {
    const next: Folder[] = [];
    for (const [{ folder }, tree] of await treesOf(snapshot, reached)) {
      const before = folder === '' ? '' : `${folder}/`;
      for (const [name, entry] of tree) {
        const path = `${before}${name}`;
        if (isFolder(entry) && matchesWildcard(part, name)) next.push({ folder: path, oid: entry.oid });
        else if (isElsewhere(entry) && others.length < mostLeftOut && path.length <= longestTold && matchesWildcard(part, name)) others.push({ path, entry });
      }
    }
    if (next.length > mostFolders)
      throw new Refusal('unavailable', `${parts.join('/')} leads to ${next.length} folders; at most ${mostFolders} are looked through for stacks`);
    reached = next;
  }
  for (const { path, entry } of others) {
    const why = await elsewhere(snapshot, path, entry);
    if (why !== undefined) leftOut.set(posix.basename(path), `${path} is ${why}, which is not followed: it is no stack`);
  }
  return reached;
}

function isElsewhere({ mode }: TreeEntry): boolean {
  return mode === '160000' || mode === '120000';
}

/** A link to a file is looked at by whoever reads that. */
async function elsewhere(snapshot: Snapshot, path: string, { mode }: TreeEntry): Promise<string | undefined> {
  if (mode === '160000') return 'a submodule';
  const found = (): string | undefined => snapshot.identity(`${root}/${path}`);
  let leads = found();
  while (leads === undefined && (await snapshot.load())) leads = found();
  return leads?.startsWith('40000 ') ? 'a link to a folder' : undefined;
}

/** What the folders hold, those left out of which that cannot be known. */
async function treesOf(snapshot: Snapshot, folders: readonly Folder[]): Promise<[Folder, Tree][]> {
  // All of them are asked for before any is waited for.
  for (const { oid } of folders) snapshot.entries(oid);
  await snapshot.load();
  const trees: [Folder, Tree][] = [];
  for (const at of folders) {
    const tree = snapshot.entries(at.oid) ?? (await loaded(snapshot, () => snapshot.entries(at.oid)));
    if (!('error' in tree)) trees.push([at, tree as Tree]);
  }
  return trees;
}

function isFile(tree: Tree, name: string): boolean {
  const entry = tree.get(name);
  return entry !== undefined && !isFolder(entry) && entry.mode !== '160000';
}

async function loaded(snapshot: Snapshot, find: () => Tree | NotFound | undefined): Promise<Tree | NotFound> {
  for (;;) {
    const found = find();
    if (found) return found;
    if (!(await snapshot.load())) throw new Refusal('unavailable', 'the mirror lacks trees of the commit');
  }
}

/** `.` and '' are the top; no slashes around. */
export function normal(path: string): string {
  const plain = posix.normalize(path).replaceAll(/^\/+|\/+$/g, '');
  return plain === '.' ? '' : plain;
}

/** Turns a commit into stacks: each folder PATH/NAME with a stack file is the stack NAME. */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import { diagnosticText, type LoadRequest, type LoadResult, type StackFile } from '#compose/compose';
import { loadStack } from '#compose/load';
import type { StackSpec } from '#model/object/stack';
import { stackSpec } from '#model/shape/object-shapes';
import type { RenderedStack } from '#reconciler/rendered';
import { largestAnswerBytes } from '../protocol.ts';
import type { InputMemory } from './input-memory.ts';
import { root, type NotFound, type Snapshot } from './snapshot.ts';
import { isFolder, type Tree } from './tree.ts';

/** In the order in which they are looked for. */
const fileNames = ['compose.yml', 'compose.yaml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = fileNames.map((name) => name.replace(/\.(ya?ml)$/, '.override.$1'));

/** Each round fetches the files that the last one found to be named; real stacks need two or three. */
const mostRounds = 40;
const mostFolders = 10_000;
const mostErrors = 50;
const longestError = 1000;
/** Of all stacks together: what comes after has one short reason each. The repository's status holds them. */
const reasonsBytes = 1024 * 1024;
const shortError = 200;
/** Left for what stands around a stack in its frame. */
const largestStackBytes = largestAnswerBytes - 1024 * 1024;

export interface RenderParts {
  snapshot: Snapshot;
  /** Folder of stacks inside the repository. */
  path: string;
  /** Stacks whose result the asker has: name → digest. */
  have: Readonly<Record<string, string>>;
  /** Stacks that broke a bound when they were rendered: name → reason. */
  skip: Readonly<Record<string, string>>;
  memory: InputMemory;
  settings: RenderSettings;
  /** Of a digest: one that only this cluster could have made. */
  fingerprint: (digest: string) => string;
  /** Before the work on a stack begins. */
  begun: (name: string) => void;
  /** Stacks that are as the asker has them. */
  same: (names: readonly string[]) => Promise<void>;
  /** A stack that is done, and the digest of what came of it. */
  done: (stack: RenderedStack, digest: string) => Promise<void>;
}

/** What a repository's stack files are rendered with. */
export interface RenderSettings {
  /** `compose.NAME.yml` is laid over a stack file, `.env.NAME` over `.env`. */
  environment?: string;
  variables: Readonly<Record<string, string>>;
}

/** A folder with a stack file. */
interface Place {
  name: string;
  folder: string;
  file: string;
  /** Overrides beside it, which are not used. */
  ignored: readonly string[];
}

const anyFile = 'services: { any: { image: any, environment: { A: "1" }, ports: ["80:80"], deploy: { replicas: 1 } } }';

/** What the first stack of all would have to wait for: schemas are compiled when they are first used. */
export function getReady(): void {
  const files = [{ path: fileNames[0] ?? '', bytes: Buffer.from(anyFile) }];
  loadStack({
    mode: 'spec',
    stack: 'any',
    files,
    directory: root,
    environment: {},
    read: () => ({ error: 'no such file or directory' }),
    confine: root,
    rotate: true,
  });
}

/** Gives out all stacks of the commit. A stack that is in error says why and spoils no other. Those that wait for blobs of `snapshot.absent` are left out. */
export async function renderCommit(parts: RenderParts): Promise<{ missing: boolean }> {
  const { snapshot, path, memory, have } = parts;
  const places = await stackPlaces(snapshot, normal(path));
  if (places === undefined) return { missing: true };
  let pending: Place[] = [];
  const settled: string[] = [];
  for (const place of places) {
    const digest = await settledDigest(place, parts);
    if (digest !== undefined && own(have, place.name) === digest) settled.push(place.name);
    else pending.push(place);
  }
  if (settled.length > 0) await parts.same(settled);
  memory.keepOnly(places.map(({ name }) => name));
  await snapshot.prefetch(pending.map(({ folder }) => folder));
  for (let round = 0; round < mostRounds && pending.length > 0; round++) {
    const missing: Place[] = [];
    for (const place of pending) if (!(await renderOne(place, parts))) missing.push(place);
    pending = missing;
    if (!(await snapshot.load()) && snapshot.absent.size > 0) return { missing: false };
  }
  for (const place of pending) await refuse(place, `names files through more than ${mostRounds} others`, parts);
  return { missing: false };
}

/** The digest that a stack had, if all that it was made from is as it was. */
async function settledDigest({ name }: Place, { snapshot, memory }: RenderParts): Promise<string | undefined> {
  const known = memory.get(name);
  if (!known) return undefined;
  for (;;) {
    const states = [...known.inputs].map(([path, before]) => ({ before, now: snapshot.identity(path) }));
    if (states.some(({ before, now }) => now !== undefined && now !== before)) return undefined;
    if (states.every(({ now }) => now !== undefined)) return known.digest;
    if (!(await snapshot.load())) return undefined;
  }
}

/** Whether the stack is done; what was found while files were missing means nothing yet. */
async function renderOne(place: Place, parts: RenderParts): Promise<boolean> {
  const { snapshot, skip, memory, begun, same, done, fingerprint, settings } = parts;
  const { name } = place;
  const reason = own(skip, name);
  if (reason !== undefined) {
    await refuse(place, reason, parts);
    return true;
  }
  begun(name);
  // The word must be out before the work that may never end.
  await setImmediate();
  const before = snapshot.misses;
  const { result: made, inputs, sealed } = snapshot.noting(() => renderStack(snapshot, place, settings));
  if (snapshot.misses > before) return false;
  // A plain digest would let everybody who sees it try what was encrypted.
  const result = sealed && 'spec' in made ? { ...made, digest: fingerprint(made.digest) } : made;
  const digest = digestOf('spec' in result ? [result.digest, result.Places, result.Notes] : result.errors);
  memory.put(name, { digest, inputs });
  if (own(parts.have, name) === digest) await same([name]);
  else await done(result, digest);
  return true;
}

/** Keeps the reasons of a commit's stacks within bounds, however many are refused. */
export function shortReasons(): (stack: RenderedStack) => RenderedStack {
  let left = reasonsBytes;
  return (stack) => {
    if (!('errors' in stack)) return stack;
    left -= stack.errors.reduce((sum, error) => sum + error.length, 0);
    return left >= 0 ? stack : { ...stack, errors: stack.errors.slice(0, 1).map((error) => error.slice(0, shortError)) };
  };
}

/** Folders may be called `constructor` or `__proto__`. */
function own(record: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function refuse({ name, folder, file }: Place, reason: string, { snapshot, done }: RenderParts): Promise<void> {
  const errors = [`${file}: ${reason}`];
  return done({ Name: name, Path: folder, Commit: snapshot.commit, errors }, digestOf(errors));
}

/** The folders with a stack file, in the order of their names; undefined when the commit lacks `path`. */
async function stackPlaces(snapshot: Snapshot, path: string): Promise<Place[] | undefined> {
  const top = await known(snapshot, path);
  if ('error' in top && 'nothing' in top) return undefined;
  if ('error' in top) throw new Refusal('unavailable', String(top.error).replaceAll(`${root}/`, ''));
  const folders = [...top].filter(([, entry]) => isFolder(entry)).map(([name]) => name);
  if (folders.length > mostFolders)
    throw new Refusal('unavailable', `${path === '' ? 'the top' : path} holds ${folders.length} folders; at most ${mostFolders} are looked through for stacks`);
  const inside = folders.map((name) => ({ name, folder: posix.join(path, name) }));
  // All of them are asked for before any is waited for.
  for (const { folder } of inside) snapshot.folder(folder);
  await snapshot.load();
  const places: Place[] = [];
  for (const { name, folder } of inside) {
    const tree = await known(snapshot, folder);
    if ('error' in tree) continue;
    const file = fileNames.find((each) => isFile(tree, each));
    if (file === undefined) continue;
    const ignored = overrideNames.filter((each) => isFile(tree, each)).map((each) => posix.join(folder, each));
    places.push({ name, folder, file: posix.join(folder, file), ignored });
  }
  return places.toSorted((a, b) => compareTexts(a.name, b.name));
}

function isFile(tree: Tree, name: string): boolean {
  const entry = tree.get(name);
  return entry !== undefined && !isFolder(entry) && entry.mode !== '160000';
}

async function known(snapshot: Snapshot, path: string): Promise<Tree | NotFound> {
  for (;;) {
    const found = snapshot.folder(path);
    if (found) return found;
    if (!(await snapshot.load())) throw new Refusal('unavailable', 'the mirror lacks trees of the commit');
  }
}

/** `.` and '' are the top; no slashes around. */
function normal(path: string): string {
  const plain = posix.normalize(path).replaceAll(/^\/+|\/+$/g, '');
  return plain === '.' ? '' : plain;
}

function renderStack(snapshot: Snapshot, { name, folder, file, ignored }: Place, settings: RenderSettings): RenderedStack {
  const place = { Name: name, Path: folder, Commit: snapshot.commit };
  const refused = (errors: readonly string[]): RenderedStack => ({
    ...place,
    errors: errors.slice(0, mostErrors).map((error) => snapshot.hidden(error).slice(0, longestError)),
  });
  const result = load(snapshot, name, file, settings);
  if ('error' in result) return refused([`${file}: ${result.error}`]);
  const said = (severity: 'error' | 'warning') =>
    result.diagnostics.filter((diagnostic) => diagnostic.severity === severity).map((diagnostic) => relative(diagnosticText(diagnostic)));
  if (!result.stack) return refused(said('error').length > 0 ? said('error') : [`${file}: is refused`]);
  const checked = inGoTypes(result.stack);
  if ('error' in checked) return refused([`${file}: ${checked.error}`]);
  const text = JSON.stringify(result.stack);
  if (Buffer.byteLength(text) > largestStackBytes) return refused([`${file}: with all its files it is larger than ${largestStackBytes} bytes`]);
  const Notes = [...ignored.map((path) => `${path} is not used: only ${file} is`), ...said('warning')]
    .slice(0, mostErrors)
    .map((note) => snapshot.hidden(note).slice(0, longestError));
  return {
    ...place,
    spec: checked.spec,
    digest: digestOf(result.stack, text),
    ...(result.places && { Places: result.places }),
    ...(Notes.length > 0 && { Notes }),
  };
}

/** What a request's body is held to: whatever is stored must be readable by every client. */
function inGoTypes(spec: StackSpec): { spec: StackSpec } | { error: string } {
  try {
    return { spec: stackSpec(spec, '') };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { error: error.message };
  }
}

function digestOf(value: unknown, text = JSON.stringify(value)): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function load(snapshot: Snapshot, name: string, file: string, settings: RenderSettings): LoadResult | { error: string } {
  const own = snapshot.read(posix.join(root, file));
  if ('error' in own) return { error: relative(own.error) };
  try {
    const files = [{ path: file, bytes: own.bytes }];
    const laid = overlayOf(snapshot, file, settings);
    if (laid && 'error' in laid) return { error: relative(laid.error) };
    return loadStack(request(snapshot, name, laid ? [...files, laid] : files, settings));
  } catch (error) {
    // A fault of ours that one stack brings out must not stop its neighbours.
    return { error: `cannot be rendered: ${(error as Error).message}` };
  }
}

/** The environment's own file beside the stack file; undefined where there is none. */
function overlayOf(snapshot: Snapshot, file: string, { environment }: RenderSettings): StackFile | { error: string } | undefined {
  if (environment === undefined) return undefined;
  for (const ending of ['yml', 'yaml']) {
    const path = file.replace(/\.ya?ml$/, `.${environment}.${ending}`);
    const found = snapshot.read(posix.join(root, path));
    if ('bytes' in found) return { path, bytes: found.bytes };
    if (!isAbsent(snapshot, path)) return found;
  }
  return undefined;
}

function isAbsent(snapshot: Snapshot, path: string): boolean {
  return snapshot.identity(posix.join(root, path))?.endsWith(': no such file or directory') === true;
}

function request(snapshot: Snapshot, name: string, files: readonly StackFile[], { environment, variables }: RenderSettings): LoadRequest {
  const folder = posix.dirname(files[0]?.path ?? '');
  const named = environment === undefined ? [] : ['.env', `.env.${environment}`].map((each) => posix.join(folder, each));
  // Also where there are none: what is not there may come.
  const envFiles = named.filter((path) => 'bytes' in snapshot.read(posix.join(root, path)) || !isAbsent(snapshot, path)).map((path) => posix.join(root, path));
  return {
    mode: 'spec',
    stack: name,
    files,
    directory: posix.join(root, folder),
    // Nothing of the daemon's own surroundings may decide what a commit means.
    environment: variables,
    ...(environment !== undefined && { envFiles }),
    read: (path) => snapshot.read(path),
    confine: root,
    strictVariables: true,
    places: true,
    rotate: true,
  };
}

/** People know paths from the top of their repository. */
function relative(text: string): string {
  return text.replaceAll(`${root}/`, '');
}

/** Turns a commit into stacks: each folder PATH/NAME with a stack file is the stack NAME. */
import { own } from '#base/text/own';
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { diagnosticText, type LoadRequest, type LoadResult, type StackFile } from '#compose/compose';
import { loadStack } from '#compose/load';
import type { Declared } from '#model/object/repository';
import type { StackSpec } from '#model/object/stack';
import { stackSpec } from '#model/shape/object-shapes';
import type { RenderedStack } from '#reconciler/rendered';
import { largestAnswerBytes } from '../protocol.ts';
import type { InputMemory, StackInputs } from './input-memory.ts';
import { type AskedSettings, repositoryFile, repositoryFileName, settingsOf, withoutForeign, type RenderSettings } from './places/repository-settings.ts';
import { declaredIn } from './places/declared.ts';
import { withShared } from './places/shared-files.ts';
import { withVault } from './places/vault-names.ts';
import { root, type Snapshot } from './snapshot.ts';
import { stackPlaces, type LeftOut, type Place } from './places/stack-places.ts';

/** Each round fetches the files that the last one found to be named; real stacks need two or three. */
const mostRounds = 40;
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
  settings: AskedSettings;
  /** A commit that is not followed: what is sealed stays so, and what is remembered stays that of the one that is. */
  closed?: true;
  /** Of a digest: one that only this cluster could have made. */
  fingerprint: (digest: string) => string;
  /** Before the work on a stack begins. */
  begun: (name: string) => void;
  /** Stacks that are as the asker has them. */
  same: (names: readonly string[]) => Promise<void>;
  /** A stack that is done, and the digest of what came of it. */
  done: (stack: RenderedStack, digest: string) => Promise<void>;
}

type Parts = Omit<RenderParts, 'settings'> & { settings: RenderSettings };

const anyFile = 'services: { any: { image: any, environment: { A: "1" }, ports: ["80:80"], deploy: { replicas: 1 } } }';

/** What the first stack of all would have to wait for: schemas are compiled when they are first used. */
export function getReady(): void {
  const files = [{ path: 'compose.yml', bytes: Buffer.from(anyFile) }];
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
export async function renderCommit(asked: RenderParts): Promise<{ missing: boolean; declared: Declared }> {
  const { snapshot, path, memory, have } = asked;
  const file = await repositoryFile(snapshot);
  if (file === 'absent') return { missing: false, declared: {} };
  const said = await declaredIn(snapshot, file, asked.closed === true);
  if (said === 'absent') return { missing: false, declared: {} };
  const leftOut: LeftOut = new Map();
  const places = await stackPlaces(snapshot, path, file, { leftOut, memory: memory.places });
  const declared: Declared = { ...said, ...(leftOut.size > 0 && { LeftOut: Object.fromEntries(leftOut) }) };
  if (places === undefined) return { missing: true, declared };
  const parts = { ...asked, settings: settingsOf(file, path, asked.settings) };
  let pending: Place[] = [];
  const settled: string[] = [];
  for (const place of places) {
    let digest = settledDigest(place, parts);
    while (digest === 'open') digest = (await snapshot.load()) ? settledDigest(place, parts) : undefined;
    if (digest !== undefined && own(have, place.name) === digest) settled.push(place.name);
    else pending.push(place);
  }
  if (settled.length > 0) await parts.same(settled);
  if (!parts.closed) memory.keepOnly(places.map(({ name }) => name));
  await snapshot.prefetch(pending.map(({ folder }) => folder));
  for (let round = 0; round < mostRounds && pending.length > 0; round++) {
    const missing: Place[] = [];
    for (const place of pending) if (!(await renderOne(place, parts))) missing.push(place);
    pending = missing;
    if (!(await snapshot.load()) && snapshot.absent.size > 0) return { missing: false, declared };
  }
  for (const place of pending) await refuse(place, `names files through more than ${mostRounds} others`, parts);
  return { missing: false, declared };
}

/** The digest that a stack had, if all that it was made from is as it was; `open` while that is not known. Most stacks of most commits end here: nothing is waited for in between. */
function settledDigest(place: Place, { snapshot, memory }: Parts): string | undefined {
  const known = memory.get(place.name);
  // What is beside a stack's own files is no file that was read.
  if (!known || place.trouble !== undefined || !isSamePlace(known.place, place)) return undefined;
  const itself = place.folder === '' ? root : `${root}/${place.folder}`;
  let isOpen = false;
  const isMoved = ([path, before]: readonly [string, string]): boolean => {
    const now = snapshot.identity(path);
    isOpen ||= now === undefined;
    return now !== undefined && now !== before;
  };
  for (const { folder, tree, inputs } of known.folders)
    if ((folder === itself ? place.tree : snapshot.treeOf(folder)) !== tree && inputs.some(isMoved)) return undefined;
  if (known.others.some(isMoved)) return undefined;
  return isOpen ? 'open' : known.digest;
}

function isSamePlace(a: Place, b: Place): boolean {
  if (a === b) return true;
  const isSame = a.folder === b.folder && a.file === b.file;
  return isSame && equal(a.laid, b.laid) && equal(a.ignored, b.ignored) && equal(a.policy, b.policy) && equal(a.ignore, b.ignore);
}

/** Whether the stack is done; what was found while files were missing means nothing yet. */
async function renderOne(place: Place, parts: Parts): Promise<boolean> {
  const { snapshot, skip, begun, same, done, fingerprint, settings } = parts;
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
  const digest = digestOf('spec' in result ? [result.digest, result.Places, result.Notes, result.Policy] : [result.errors, result.Policy]);
  if (!parts.closed) remember(place, { digest, ...byFolder(snapshot, inputs) }, parts.memory);
  if (own(parts.have, name) === digest) await same([name]);
  else await done(result, digest);
  return true;
}

function byFolder(snapshot: Snapshot, inputs: ReadonlyMap<string, string>): Pick<StackInputs, 'folders' | 'others'> {
  const folders = new Map<string, { folder: string; tree: string; inputs: (readonly [string, string])[] }>();
  const others: (readonly [string, string])[] = [];
  for (const input of inputs) {
    const at = snapshot.folderOf(input[0]);
    if (!at) others.push(input);
    else if (folders.has(at.folder)) folders.get(at.folder)?.inputs.push(input);
    else folders.set(at.folder, { ...at, inputs: [input] });
  }
  return { folders: [...folders.values()], others };
}

/** What another folder is to blame for is told anew each time. */
function remember(place: Place, made: Omit<StackInputs, 'place'>, memory: InputMemory): void {
  if (place.trouble === undefined) memory.put(place.name, { ...made, place });
  else memory.forget(place.name);
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

function refuse({ name, folder, file }: Place, reason: string, { snapshot, done }: Parts): Promise<void> {
  const errors = [`${file}: ${reason}`];
  return done({ Name: name, Path: folder, Commit: snapshot.commit, errors }, digestOf(errors));
}

function renderStack(snapshot: Snapshot, { name, folder, file, laid, ignored, policy, ignore, trouble }: Place, settings: RenderSettings): RenderedStack {
  // Whatever it says may decide.
  snapshot.read(posix.join(root, repositoryFileName));
  const place = { Name: name, Path: folder, Commit: snapshot.commit, ...(policy && { Policy: policy }) };
  const refused = (errors: readonly string[]): RenderedStack => ({
    ...place,
    errors: errors.slice(0, mostErrors).map((error) => snapshot.hidden(error).slice(0, longestError)),
  });
  if (trouble !== undefined) return refused([`${file}: ${trouble}`]);
  const result = load(snapshot, name, [file, ...laid], settings);
  if ('error' in result) return refused([`${file}: ${result.error}`]);
  const said = (severity: 'error' | 'warning') =>
    result.diagnostics.filter((diagnostic) => diagnostic.severity === severity).map((diagnostic) => relative(diagnosticText(diagnostic)));
  if (!result.stack) return refused(said('error').length > 0 ? said('error') : [`${file}: is refused`]);
  const shared = withShared(result.stack, settings.shared, snapshot);
  if ('error' in shared) return refused([`${file}: ${relative(shared.error)}`]);
  const vault = withVault(shared.stack);
  if ('error' in vault) return refused([`${own(result.places, vault.name) ?? file}: ${vault.error}`]);
  const wave = policy?.Waves?.flat().find((each) => !result.stack?.Services.some((service) => service.Name === `${name}_${each}`));
  if (wave !== undefined) return refused([`${repositoryFileName}: stack ${name}: its waves name service ${wave}, which it does not have`]);
  const wanted = withoutForeign(vault.stack, ignore);
  const checked = inGoTypes(wanted);
  if ('error' in checked) return refused([`${file}: ${checked.error}`]);
  const text = JSON.stringify(wanted);
  if (Buffer.byteLength(text) > largestStackBytes) return refused([`${file}: with all its files it is larger than ${largestStackBytes} bytes`]);
  const Notes = [...ignored.map((path) => `${path} is not used: only ${file} is`), ...said('warning')]
    .slice(0, mostErrors)
    .map((note) => snapshot.hidden(note).slice(0, longestError));
  return {
    ...place,
    spec: checked.spec,
    digest: digestOf(wanted, text),
    ...(result.places && { Places: { ...result.places, ...shared.places, ...placesIn(vault.names, result.places) } }),
    ...(Notes.length > 0 && { Notes }),
  };
}

/** Where the secrets are declared that stand for values in a vault. */
function placesIn(names: ReadonlyMap<string, string>, places: Readonly<Record<string, string>>): Record<string, string> {
  const placed = [...names].map(([reference, name]) => [name, own(places, reference) ?? ''] as const);
  return Object.fromEntries(placed.filter(([, place]) => place !== ''));
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

function load(snapshot: Snapshot, name: string, files: readonly string[], settings: RenderSettings): LoadResult | { error: string } {
  const read: StackFile[] = [];
  for (const path of [...files, ...overlaysOf(snapshot, files[0] ?? '', settings)]) {
    const found = snapshot.read(posix.join(root, path));
    if ('error' in found) return { error: relative(found.error) };
    read.push({ path, bytes: found.bytes });
  }
  try {
    return loadStack(request(snapshot, name, read, settings));
  } catch (error) {
    // A fault of ours that one stack brings out must not stop its neighbours.
    return { error: `cannot be rendered: ${(error as Error).message}` };
  }
}

/** The environment's own files beside the stack file, those that there are. */
function overlaysOf(snapshot: Snapshot, file: string, { environment, overlays }: RenderSettings): string[] {
  const own = environment === undefined ? [] : ['yml', 'yaml'].map((ending) => file.replace(/\.ya?ml$/, `.${environment}.${ending}`));
  const named = overlays.map((name) => posix.join(posix.dirname(file), name));
  const first = own.find((path) => !isAbsent(snapshot, path));
  return [...(first === undefined ? [] : [first]), ...named.filter((path) => path !== first && !isAbsent(snapshot, path))];
}

function isAbsent(snapshot: Snapshot, path: string): boolean {
  const at = posix.join(root, path);
  // Also what is not there is an input: it may come.
  snapshot.read(at);
  return snapshot.identity(at)?.endsWith(': no such file or directory') === true;
}

function request(snapshot: Snapshot, name: string, files: readonly StackFile[], { environment, variables, envFiles: shared }: RenderSettings): LoadRequest {
  const folder = posix.dirname(files[0]?.path ?? '');
  const named = ['.env', ...(environment === undefined ? [] : [`.env.${environment}`])].map((each) => posix.join(folder, each));
  const own = environment === undefined && shared.length === 0 ? [] : named.filter((path) => !isAbsent(snapshot, path));
  const envFiles = [...shared, ...own].map((path) => posix.join(root, path));
  return {
    mode: 'spec',
    stack: name,
    files,
    directory: posix.join(root, folder),
    // Nothing of the daemon's own surroundings may decide what a commit means.
    environment: variables,
    ...((environment !== undefined || shared.length > 0) && { envFiles }),
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

/** Turns a commit into stacks: each folder PATH/NAME with a stack file is the stack NAME. */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { compareTexts } from '#base/text';
import { diagnosticText, type LoadRequest, type LoadResult } from '#compose/compose';
import { loadStack } from '#compose/load';
import type { RenderedStack } from '#reconciler/rendered';
import { root, type Snapshot } from './snapshot.ts';

/** In the order in which they are looked for. */
const fileNames = ['compose.yml', 'compose.yaml', 'docker-compose.yml', 'docker-compose.yaml'];

/** Each round fetches the files that the last one found to be named; real stacks need two or three. */
const mostRounds = 40;

/** All stacks of the commit under `path`, in the order of their names. A stack that is in error says why and spoils no other. */
export async function renderCommit(snapshot: Snapshot, path: string): Promise<RenderedStack[]> {
  const done = new Map<string, RenderedStack>();
  const folders = stackFolders(snapshot, normal(path));
  await snapshot.prefetch(new Set([...folders.values()].map((file) => posix.dirname(file))));
  let pending = [...folders];
  for (let round = 0; round < mostRounds && pending.length > 0; round++) {
    const missing: typeof pending = [];
    for (const [name, file] of pending) {
      const before = snapshot.misses;
      const rendered = renderStack(snapshot, name, file);
      // What was found while files were missing means nothing yet.
      if (snapshot.misses > before) missing.push([name, file]);
      else done.set(name, rendered);
      // Many stacks are a lot of work in one go: others have their turn in between.
      await setImmediate();
    }
    await snapshot.load();
    pending = missing;
  }
  for (const [name, file] of pending) {
    const errors = [`${file}: names files through more than ${mostRounds} others`];
    done.set(name, { Name: name, Path: posix.dirname(file), Commit: snapshot.commit, errors });
  }
  return [...folders.keys()].flatMap((name) => done.get(name) ?? []);
}

/** Whether the commit has the folder of stacks. */
export function hasStackFolder(snapshot: Snapshot, path: string): boolean {
  return snapshot.hasFolder(normal(path));
}

/** Folder name → its stack file. */
function stackFolders(snapshot: Snapshot, path: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of snapshot.paths()) {
    const folder = posix.dirname(file);
    const name = posix.basename(folder);
    if (normal(posix.dirname(folder)) !== path || folder === '.' || !fileNames.includes(posix.basename(file))) continue;
    const other = found.get(name);
    if (other === undefined || rank(file) < rank(other)) found.set(name, file);
  }
  return new Map([...found].toSorted(([a], [b]) => compareTexts(a, b)));
}

function rank(file: string): number {
  return fileNames.indexOf(posix.basename(file));
}

/** `.` and '' are the top; no slashes around. */
function normal(path: string): string {
  const plain = posix.normalize(path).replaceAll(/^\/+|\/+$/g, '');
  return plain === '.' ? '' : plain;
}

function renderStack(snapshot: Snapshot, name: string, file: string): RenderedStack {
  const place = { Name: name, Path: posix.dirname(file), Commit: snapshot.commit };
  const result = load(snapshot, name, file);
  if ('error' in result) return { ...place, errors: [`${file}: ${result.error}`] };
  const errors = result.diagnostics.filter((diagnostic) => diagnostic.severity === 'error').map((diagnostic) => relative(diagnosticText(diagnostic)));
  if (!result.stack) return { ...place, errors: errors.length > 0 ? errors : [`${file}: is refused`] };
  const digest = `sha256:${createHash('sha256').update(JSON.stringify(result.stack)).digest('hex')}`;
  return { ...place, spec: result.stack, digest };
}

function load(snapshot: Snapshot, name: string, file: string): LoadResult | { error: string } {
  const own = snapshot.read(posix.join(root, file));
  if ('error' in own) return { error: relative(own.error) };
  try {
    return loadStack(request(snapshot, name, file, own.bytes));
  } catch (error) {
    // A fault of ours that one stack brings out must not stop its neighbours.
    return { error: `cannot be rendered: ${(error as Error).message}` };
  }
}

function request(snapshot: Snapshot, name: string, file: string, bytes: Uint8Array): LoadRequest {
  return {
    mode: 'spec',
    stack: name,
    files: [{ path: file, bytes }],
    directory: posix.join(root, posix.dirname(file)),
    // Nothing of the daemon's own surroundings may decide what a commit means.
    environment: {},
    read: (path) => snapshot.read(path),
    confine: root,
    strictVariables: true,
    rotate: true,
  };
}

/** People know paths from the top of their repository. */
function relative(text: string): string {
  return text.replaceAll(`${root}/`, '');
}

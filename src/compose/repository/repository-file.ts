/** `shoal.yml` at the top of a repository: which folders are stacks, in which order they come, and what is done for them by itself. */
import repositorySchema from '#schemas/shoal.json' with { type: 'json' };
import { Refusal } from '#base/refusal';
import { checkFreeze } from '#model/freeze';
import { ignorableWords, isIgnorable } from '#model/options/ignored';
import { diagnosticText } from '../compose.ts';
import { check } from '../schema/check.ts';
import type { Schema } from '../schema/schema.ts';
import { add, addRefusal, addSchemaErrors, diagnosticsOf, failed, newReport, type Report } from '../spec/report.ts';
import { specVersion } from '../spec/schema.ts';
import { goText, isList, isMap, type Path, type Value, type ValueMap } from '../value.ts';
import { readYaml, type Source } from '../yaml/read.ts';

export interface SyncPolicy {
  /** `manual`: a new version waits for somebody's word. */
  mode?: 'auto' | 'manual';
  /** false: what a commit does not have any more stays. */
  prune?: boolean;
  /** How long a stack runs on which the commit does not have any more, as it is written; of the whole repository only. */
  grace?: string;
  /** false: what is changed by hand is shown, and stays. */
  selfHeal?: boolean;
  /** What becomes of a version that fails. */
  onFailure?: 'rollback' | 'stay';
}

export interface StackEntry {
  /** Of folders, from the top of the repository; `*` and `?` stand for parts of one name. */
  path: string;
  /** In the place of those that a stack's folder has by convention. */
  files?: readonly string[];
  /** Names of stacks that come first, and must be healthy. */
  after: readonly string[];
  /** Names of its services: a wave comes when those before it are healthy. */
  waves: readonly (readonly string[])[];
  sync: SyncPolicy;
  ignore: readonly string[];
}

export interface EnvironmentEntry {
  /** Laid over the stack files of each folder that has them. */
  files: readonly string[];
  /** From the top of the repository. */
  envFiles: readonly string[];
  variables: Readonly<Record<string, string>>;
}

export interface RepositoryFile {
  /** Absent: each folder of the repository's path. */
  stacks?: readonly StackEntry[];
  environments: ReadonlyMap<string, EnvironmentEntry>;
  variables: Readonly<Record<string, string>>;
  sync: SyncPolicy;
  ignore: readonly string[];
  /** All stacks of a commit come in one entry, or none. */
  atomic: boolean;
  /** In which nothing is written. */
  windows: readonly string[];
  notifications: readonly Readonly<Record<string, string>>[];
  repositories: readonly RepositoryEntry[];
  /** Of the daemons themselves; absent: the file says nothing of it. */
  release?: { url: string; sha256: string };
}

/** Another repository; texts under the keys of the file. */
export interface RepositoryEntry {
  texts: Readonly<Record<string, string>>;
  variables: Readonly<Record<string, string>>;
  allow: readonly string[];
  windows: readonly string[];
}

/** Stacks that one comes after. */
const mostAfter = 256;
const mostWaves = 32;

/** Never throws on what the file holds; errors have their places. */
export function readRepositoryFile(path: string, bytes: Uint8Array): RepositoryFile | { errors: readonly string[] } {
  const report = newReport();
  const source = sourceOf(path, bytes, report);
  const value = source?.value ?? {};
  if (source) addSchemaErrors(report, check(repositorySchema as Schema, specVersion, value, true).errors, 'error', source);
  if (!failed(report)) checkMeaning(report, value);
  if (failed(report)) return { errors: diagnosticsOf(report).map(diagnosticText) };
  return fileOf(mapOf(value));
}

function sourceOf(path: string, bytes: Uint8Array, report: Report): Source | undefined {
  try {
    const source = readYaml(path, bytes);
    report.sources.push(source);
    if (source.further) {
      const hint = 'put what it holds into the first one';
      report.diagnostics.push({ severity: 'error', file: path, ...source.further, message: 'another document begins here, and this file has one', hint });
    }
    return source;
  } catch (error) {
    addRefusal(report, error);
    return undefined;
  }
}

/** What a schema does not say. */
function checkMeaning(report: Report, value: Value): void {
  const words = (path: Path, holder: ValueMap): void => {
    for (const [at, word] of texts(holder['ignore']).entries())
      if (!isIgnorable(word)) add(report, 'error', [...path, 'ignore', at], `${word} is nothing that can be ignored`, `one of ${ignorableWords.join(', ')}`);
  };
  const top = mapOf(value);
  words([], top);
  checkWindows(report, ['windows'], top['windows']);
  for (const [at, item] of listOf(top['repositories']).entries()) checkWindows(report, ['repositories', at, 'windows'], mapOf(item)['windows']);
  for (const [at, item] of listOf(top['stacks']).entries()) {
    const path = isMap(item) ? goText(item['path'] ?? '') : goText(item);
    if (isMap(item)) words(['stacks', at], item);
    const after = isMap(item) ? texts(item['after']).length : 0;
    if (after > mostAfter) add(report, 'error', ['stacks', at, 'after'], `it names ${after} stacks`, `at most ${mostAfter}: name those that come last of them`);
    if (isMap(item)) checkWaves(report, item, at);
    if (top['atomic'] === true && after > 0)
      add(report, 'error', ['stacks', at, 'after'], 'stacks of an `atomic` repository come at once', 'leave out `after`, or `atomic`');
    if (path.startsWith('!')) add(report, 'error', ['stacks', at], `${JSON.stringify(path)}: nothing is excluded here`, 'name the folders that are stacks');
    const parts = path.split('/');
    if (path === '' || path.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('**')))
      add(
        report,
        'error',
        ['stacks', at],
        `${JSON.stringify(path)} is no path of folders`,
        'names between slashes, from the top of the repository, with * and ? for parts of a name',
      );
  }
}

/** One that is not understood would hold nothing. */
function checkWindows(report: Report, path: Path, value: Value | undefined): void {
  for (const [at, text] of texts(value).entries()) {
    try {
      checkFreeze([text]);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      add(report, 'error', [...path, at], error.message);
    }
  }
}

function checkWaves(report: Report, item: ValueMap, at: number): void {
  const waves = listOf(item['waves']).map(texts);
  if (waves.length > mostWaves) add(report, 'error', ['stacks', at, 'waves'], `it has ${waves.length} waves`, `at most ${mostWaves}`);
  const seen = new Set<string>();
  for (const [index, wave] of waves.entries()) {
    if (wave.length === 0) add(report, 'error', ['stacks', at, 'waves', index], 'the wave names no service', 'names of services of the stack');
    for (const name of wave) {
      if (seen.has(name)) add(report, 'error', ['stacks', at, 'waves', index], `service ${name} is in two waves`, 'name it once');
      seen.add(name);
    }
  }
}

function fileOf(top: ValueMap): RepositoryFile {
  const environments = Object.entries(mapOf(top['environments'])).map(([name, found]): [string, EnvironmentEntry] => {
    const { files, env_files: envFiles, variables } = mapOf(found);
    return [name, { files: texts(files), envFiles: texts(envFiles), variables: variablesOf(variables) }];
  });
  const { release } = top;
  return {
    ...(top['stacks'] !== undefined && { stacks: listOf(top['stacks']).map(entryOf) }),
    environments: new Map(environments),
    variables: variablesOf(top['variables']),
    sync: syncOf(top['sync']),
    ignore: texts(top['ignore']),
    atomic: top['atomic'] === true,
    windows: texts(top['windows']),
    notifications: listOf(top['notifications']).map(plainTexts),
    repositories: listOf(top['repositories']).map((item) => {
      const { variables, allow, windows } = mapOf(item);
      return { texts: plainTexts(item), variables: variablesOf(variables), allow: texts(allow), windows: texts(windows) };
    }),
    ...(isMap(release) && { release: { url: goText(release['url'] ?? ''), sha256: goText(release['sha256'] ?? '') } }),
  };
}

function entryOf(item: Value): StackEntry {
  if (!isMap(item)) return { path: goText(item), after: [], waves: [], sync: {}, ignore: [] };
  const { path, files, after, waves, sync, ignore } = item;
  return {
    path: goText(path ?? ''),
    ...(files !== undefined && { files: texts(files) }),
    after: texts(after),
    waves: listOf(waves).map(texts),
    sync: syncOf(sync),
    ignore: texts(ignore),
  };
}

function syncOf(value: Value | undefined): SyncPolicy {
  const { mode, prune, grace, self_heal: selfHeal, on_failure: onFailure } = mapOf(value);
  return {
    ...((mode === 'auto' || mode === 'manual') && { mode }),
    ...(typeof prune === 'boolean' && { prune }),
    ...(grace !== undefined && { grace: goText(grace) }),
    ...(typeof selfHeal === 'boolean' && { selfHeal }),
    ...((onFailure === 'rollback' || onFailure === 'stay') && { onFailure }),
  };
}

/** Of a mapping those values that are texts, or yes and no. */
function plainTexts(value: Value): Record<string, string> {
  const plain = (found: Value): boolean => typeof found === 'string' || typeof found === 'boolean';
  return Object.fromEntries(Object.entries(mapOf(value)).flatMap(([key, found]) => (plain(found) ? [[key, goText(found)]] : [])));
}

function variablesOf(value: Value | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(mapOf(value)).map(([name, found]) => [name, goText(found)]));
}

function texts(value: Value | undefined): string[] {
  return listOf(value).map(goText);
}

function listOf(value: Value | undefined): readonly Value[] {
  return isList(value) ? value : [];
}

function mapOf(value: Value | undefined): ValueMap {
  return isMap(value) ? value : (Object.create(null) as ValueMap);
}

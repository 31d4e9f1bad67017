/** One file of a stack with all that it draws in: variables filled in, checked, includes and extends resolved. */
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import type { LoadRequest } from '../compose.ts';
import { interpolate } from '../interpolate.ts';
import { absolute } from '../normalise/context.ts';
import type { Context } from '../normalise/context.ts';
import { textOrList } from '../normalise/decode.ts';
import { check } from '../schema/check.ts';
import { ForeignMap, goText, isList, isMap, newMap } from '../value.ts';
import type { Path, Value, ValueMap } from '../value.ts';
import { readYaml } from '../yaml/read.ts';
import type { Source } from '../yaml/read.ts';
import { clean, mergeValues } from './merge.ts';
import { rebaseFile, rebaseService } from './rebase.ts';
import { withEnvFiles } from './env-files.ts';
import { add, addRefusal, addSchemaErrors } from './report.ts';
import type { Report } from './report.ts';
import { specSchema, specVersion } from './schema.ts';
import { bounded } from '../variables/bounded.ts';
import { expand } from '../variables/template.ts';

export interface Loader {
  request: LoadRequest;
  context: Context;
  report: Report;
  lookup: (name: string) => string | undefined;
  /** How many files were read so far in this load, main files and drawn-in ones. */
  drawn: { files: number };
}

interface Tree {
  source: Source;
  value: ValueMap;
}

/** Includes and extends nest at most so deep, and a stack draws in at most so many files. */
const maxNesting = 16;
const maxFiles = 200;

/** A main file, whole; undefined when it is too broken to go on. Mistakes go to the report. */
export function loadTree(loader: Loader, path: string, bytes: Uint8Array, folder: string, chain: readonly string[] = []): Tree | undefined {
  const tree = readTree(loader, path, bytes);
  if (!tree) return undefined;
  const services = resolveServices(loader, tree, folder, chain);
  const own: ValueMap = { ...tree.value, ...(services && { services }) };
  const included = isList(own.include) ? includedValue(loader, own.include, tree, folder, chain) : undefined;
  const value = included ? mergeValues(included, own, tree.source.tags) : own;
  return { source: tree.source, value: value as ValueMap };
}

function readTree(loader: Loader, path: string, bytes: Uint8Array): Tree | undefined {
  const { report } = loader;
  loader.drawn.files += 1;
  try {
    if (loader.drawn.files > maxFiles) throw new Refusal('invalidArgument', `more than ${maxFiles} files are drawn in`, { file: path });
    const source = readYaml(path, bytes);
    report.sources.push(source);
    if (source.further) {
      const hint = 'put what it holds into the first one, or into a file of its own';
      report.diagnostics.push({
        severity: 'warning',
        file: path,
        ...source.further,
        message: 'another document begins here, and only the first one of a file is read',
        hint,
      });
    }
    if (!isMap(source.value)) {
      add(report, 'error', [], 'the file must be a map with a key `services`', undefined, {
        ...source,
        place: (path) => source.place(path) ?? { line: 1, column: 1 },
      });
      return undefined;
    }
    const value = fillIn(loader, source);
    refuseForeign(value, [], loader, source);
    const { errors, warnings } = check(specSchema, specVersion, value, true);
    addSchemaErrors(report, errors, 'error', source);
    addSchemaErrors(report, warnings, 'warning', source);
    return errors.length === 0 && isMap(value) ? { source, value } : undefined;
  } catch (error) {
    addRefusal(report, error, [], report.sources.at(-1));
    return undefined;
  }
}

/** A malformed text is told and left as it is, so that the others are told as well. */
function fillIn(loader: Loader, source: Source): Value {
  const { report, request } = loader;
  const lookup = bounded(loader.lookup);
  const substitute = (text: string, path: Path): string => {
    try {
      return expand(text, { lookup, undefinedVariable: (name) => tellUndefined(name, path) });
    } catch (error) {
      if (!(error instanceof Refusal) || error.facts['endless'] === true) throw error;
      const { template = text } = error.facts as { template?: string };
      const missing = template.startsWith('required variable ');
      add(
        report,
        'error',
        path,
        missing ? template : `the variable in ${JSON.stringify(template)} cannot be read`,
        missing ? undefined : 'write $$ for a dollar sign',
        source,
      );
      return text;
    }
  };
  const tellUndefined = (name: string, path: Path): void => {
    const refused = request.strictVariables === true;
    const what = refused ? 'and without a value the stack is refused' : 'an empty text stands in its place';
    add(report, refused ? 'error' : 'warning', path, `variable ${name} is not set; ${what}`, `set it, or give a default: \${${name}:-…}`, source);
  };
  return interpolate(source.value, substitute, true);
}

function refuseForeign(value: Value, path: Path, loader: Loader, source: Source): void {
  if (value instanceof ForeignMap) add(loader.report, 'error', path, 'every key must be a text', 'put the key in quotes', source);
  if (isList(value)) for (const [index, item] of value.entries()) refuseForeign(item, [...path, index], loader, source);
  if (isMap(value)) for (const [key, item] of Object.entries(value)) refuseForeign(item, [...path, key], loader, source);
}

/** The services with what they extend laid under them. */
function resolveServices(loader: Loader, tree: Tree, folder: string, chain: readonly string[]): ValueMap | undefined {
  const { services } = tree.value;
  if (!isMap(services)) return undefined;
  const result = newMap();
  for (const [name, value] of Object.entries(services)) {
    try {
      result[name] = isMap(value) ? extended(loader, tree, folder, name, chain) : value;
    } catch (error) {
      addRefusal(loader.report, error, ['services', name, 'extends'], tree.source);
    }
  }
  return result;
}

function extended(loader: Loader, tree: Tree, folder: string, name: string, chain: readonly string[]): ValueMap {
  const { services } = tree.value;
  const service = isMap(services) ? services[name] : undefined;
  if (!isMap(service)) throw new Refusal('notFound', `service ${name} is not in ${tree.source.path}`);
  const link = `${tree.source.path}#${name}`;
  if (chain.includes(link)) throw new Refusal('invalidArgument', `services extend one another in a circle: ${[...chain, link].join(' > ')}`);
  if (chain.length >= maxNesting) throw new Refusal('invalidArgument', `services extend one another more than ${maxNesting} deep`);
  const { extends: parent, ...own } = service;
  if (parent === undefined) return clean(own, tree.source.tags, ['services', name]) as ValueMap;
  const parentName = typeof parent === 'string' ? parent : isMap(parent) ? goText(parent.service ?? '') : '';
  const file = isMap(parent) && typeof parent.file === 'string' ? absolute(folder, parent.file) : undefined;
  const base = file === undefined ? extended(loader, tree, folder, parentName, [...chain, link]) : extendedFrom(loader, file, parentName, [...chain, link]);
  // What a service waits for belongs to its own stack.
  const { depends_on: _dependsOn, ...inherited } = base;
  return mergeValues(file === undefined ? base : inherited, own, tree.source.tags, ['services', name]) as ValueMap;
}

function extendedFrom(loader: Loader, file: string, name: string, chain: readonly string[]): ValueMap {
  const tree = readTree(loader, file, loader.context.read(file));
  if (!tree) return newMap() as ValueMap;
  const folder = posix.dirname(file);
  return rebaseService(extended(loader, tree, folder, name, chain), folder);
}

/** All included files merged, with absolute paths; the including file is laid over them. */
function includedValue(loader: Loader, include: readonly Value[], tree: Tree, folder: string, chain: readonly string[]): Value | undefined {
  let result: Value | undefined;
  for (const [index, entry] of include.entries()) {
    try {
      const loaded = includeEntry(loader, entry, folder, [...chain, `include ${tree.source.path}`]);
      if (loaded !== undefined) result = mergeValues(result, loaded, new Map());
    } catch (error) {
      addRefusal(loader.report, error, ['include', index], tree.source);
    }
  }
  return result;
}

function includeEntry(loader: Loader, entry: Value, folder: string, chain: readonly string[]): Value | undefined {
  const paths = (isMap(entry) ? textOrList(entry.path, 'path') : textOrList(entry, 'include')) ?? [];
  const files = paths.map((path) => absolute(folder, path));
  const home = isMap(entry) && typeof entry.project_directory === 'string' ? absolute(folder, entry.project_directory) : posix.dirname(files[0] ?? folder);
  const inner: Loader = { ...loader, lookup: includedLookup(loader, entry, folder, home) };
  let result: Value | undefined;
  for (const file of files) {
    if (chain.includes(`include ${file}`)) throw new Refusal('invalidArgument', `files include one another in a circle: ${file}`);
    if (chain.length >= maxNesting) throw new Refusal('invalidArgument', `files include one another more than ${maxNesting} deep`);
    const tree = loadTree(inner, file, loader.context.read(file), home, chain);
    if (tree) result = mergeValues(result, rebaseFile(tree.value, home), tree.source.tags);
  }
  return result;
}

/** What an included file's variables may be besides those of the whole stack: its `env_file`, or `.env` of its own folder. */
function includedLookup(loader: Loader, entry: Value, folder: string, home: string): Loader['lookup'] {
  const named = isMap(entry) ? textOrList(entry.env_file, 'env_file') : undefined;
  const paths = named?.map((path) => absolute(folder, path)) ?? [posix.join(home, '.env')];
  return withEnvFiles(loader.lookup, paths, named === undefined, loader.context, loader.report);
}

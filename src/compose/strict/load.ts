/** Version 3 files as Docker's CLI 28.2.2 loads them: same order of steps, same texts, first mistake ends it. */
import v3 from '#schemas/compose-v3.json' with { type: 'json' };
import { Refusal } from '#base/refusal';
import type { LoadRequest } from '../compose.ts';
import { checkImage } from '#model/image/image-reference';
import { interpolate } from '../interpolate.ts';
import { contextOf } from '../normalise/context.ts';
import type { Context } from '../normalise/context.ts';
import { extrasOf, mapValues } from '../normalise/decode.ts';
import { service } from '../normalise/service.ts';
import { fileSection, networkSection, volumeSection } from '../normalise/top-level.ts';
import type { Project } from '../project.ts';
import { check } from '../schema/check.ts';
import { firstErrorText } from '../schema/first-error.ts';
import type { Schema } from '../schema/schema.ts';
import { ForeignMap, goText, isList, isMap, newMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { bounded } from '../variables/bounded.ts';
import { readYaml } from '../yaml/read.ts';
import type { Source } from '../yaml/read.ts';
import { mergeProjects } from './merge.ts';
import { forbiddenText, ignoredNotices } from './notices.ts';
import type { Notice } from './notices.ts';
import { substitute } from './template.ts';

const schema: Schema = v3;
/** What a file without a version, or with `"3"`, is taken for; also the newest. */
const defaultVersion = '3.13';
const newestMinor = 13;

export interface StrictProject {
  project: Project;
  /** The files as written: `stack deploy` warns about their keys before it looks at images. */
  raw: readonly Value[];
}

export interface StrictOptions {
  /** `stack config --skip-interpolation` */
  skipInterpolation?: boolean;
}

/** Loads and merges; log lines go to `notices`. Throws Refusal with Docker's text and, where known, {file, line, column, key}. */
export function loadStrictProject(request: LoadRequest, notices: Notice[], options: StrictOptions = {}): StrictProject {
  if (request.files.length === 0) throw new Refusal('invalidArgument', 'Specify a Compose file (with --compose-file)');
  const sources = request.files.map((file) => readYaml(file.path, file.bytes));
  for (const source of sources) {
    if (!isMap(source.value)) throw new Refusal('invalidArgument', 'top-level object must be a mapping', { file: source.path });
  }
  const context = contextOf(request, (message) => notices.push({ kind: 'log', message }));
  const first = versionOf(sources[0]?.value ?? null);
  const projects = sources.map((source) => located(source, () => loadFile(source, first, context, options)));
  return { project: mergeProjects(projects), raw: sources.map((source) => source.value) };
}

/** Adds the place to a refusal that knows only a path. */
function located<T>(source: Source, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof Refusal) || error.facts['line'] !== undefined) throw error;
    const path = (error.facts['path'] ?? []) as (string | number)[];
    const key = Array.isArray(path) && path.length > 0 ? { key: path.join('.') } : {};
    throw new Refusal(error.code, error.message, { ...error.facts, ...key, file: source.path, ...(Array.isArray(path) ? source.place(path) : {}) });
  }
}

function versionOf(file: Value): string {
  const version = isMap(file) ? file.version : undefined;
  if (version === undefined) return defaultVersion;
  const text = goText(version);
  return text === '' || text === '3' ? defaultVersion : text;
}

function loadFile(source: Source, first: string, context: Context, options: StrictOptions): Project {
  const version = versionOf(source.value);
  if (version !== first) throw new Refusal('invalidArgument', `version mismatched between two composefiles : ${first} and ${version}`, { path: ['version'] });
  const forbidden = forbiddenText(source.value);
  if (forbidden !== undefined) throw new Refusal('invalidArgument', forbidden);
  const lookup = bounded(context.lookup);
  const value = options.skipInterpolation === true ? source.value : interpolate(source.value, (text) => substitute(text, lookup));
  validate(value, version);
  return sections(value as ValueMap, version, context);
}

function validate(value: Value, version: string): void {
  const known = /^3\.(0|[1-9]\d?)$/.exec(version);
  if (!known || Number(known[1]) > newestMinor) throw new Refusal('invalidArgument', `unsupported Compose file version: ${version}`, { path: ['version'] });
  if (holdsForeign(value)) throw new Refusal('invalidArgument', 'json: unsupported type: map[interface {}]interface {}');
  const { errors } = check(schema, version, value);
  if (errors.length > 0) throw new Refusal('invalidArgument', firstErrorText(errors), { path: errors[0]?.path ?? [] });
}

function holdsForeign(value: Value): boolean {
  if (value instanceof ForeignMap) return true;
  if (isList(value)) return value.some(holdsForeign);
  return isMap(value) && Object.values(value).some(holdsForeign);
}

function sections(map: ValueMap, version: string, context: Context): Project {
  const services = isMap(map.services) ? map.services : newMap();
  return {
    version,
    services: mapValues(services, (value) => service(isMap(value) ? value : newMap(), context)),
    networks: networkSection(map.networks, version, context),
    volumes: volumeSection(map.volumes, version, context),
    secrets: fileSection('secret', map.secrets, version, context),
    configs: fileSection('config', map.configs, version, context),
    extras: extrasOf(map) ?? newMap(),
  };
}

/** What `stack deploy` does after loading: warnings, then the images. Throws Refusal. */
export function checkForDeploy({ project, raw }: StrictProject, notices: Notice[]): void {
  notices.push(...ignoredNotices(raw));
  for (const [name, { image }] of Object.entries(project.services)) {
    if (!image) throw new Refusal('invalidArgument', `invalid image reference for service ${name}: no image specified`, { path: ['services', name] });
    try {
      checkImage(image);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal('invalidArgument', `invalid image reference for service ${name}: ${error.message}`, { path: ['services', name, 'image'] });
    }
  }
}

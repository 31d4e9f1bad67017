/** Stack files by the Compose Specification, for clusters of our own: all mistakes are told, each with its place. */
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import type { LoadRequest, LoadResult } from '../compose.ts';
import { withBeyond } from '../convert/extensions.ts';
import { configReferences, convertFiles, secretReferences } from '../convert/secrets-and-configs.ts';
import type { ConvertedFiles, FileKind } from '../convert/secrets-and-configs.ts';
import { scoped } from '../convert/names.ts';
import { checkImage } from '#model/image/image-reference';
import { convertNetworks } from '../convert/networks.ts';
import { convertService } from '../convert/service.ts';
import { contextOf } from '../normalise/context.ts';
import type { FileModel, Project } from '../project.ts';
import { isMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { withEnvFiles } from './env-files.ts';
import { mergeValues } from './merge.ts';
import { projectOf } from './project-of.ts';
import { add, addRefusal, diagnosticsOf, failed, newReport, placeText } from './report.ts';
import type { Report } from './report.ts';
import { loadTree } from './tree.ts';
import type { Loader } from './tree.ts';

/** Stack names as Docker's objects can carry them. */
const stackName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export interface SpecProject {
  stack: string;
  project: Project;
  /** The files as one, variables filled in. */
  merged: ValueMap;
}

/** Never throws on what a file holds. */
export function loadSpec(request: LoadRequest): LoadResult {
  const report = newReport();
  const loader = newLoader(request, report);
  const loaded = loadProject(loader);
  const converted = loaded && !failed(report) ? convert(loaded, loader) : undefined;
  const good = converted && !failed(report);
  const places = good && request.places === true ? placesOf(converted.keys, report) : undefined;
  return { ...(good && { stack: converted.spec }), diagnostics: diagnosticsOf(report), ...(places && { places }) };
}

/** Key in the file → what it is called in the cluster, by section. */
type Keys = Readonly<Record<'networks' | 'secrets' | 'configs' | 'services', ReadonlyMap<string, string>>>;

function placesOf(keys: Keys, report: Report): Record<string, string> {
  const places: Record<string, string> = {};
  for (const [section, names] of Object.entries(keys)) {
    for (const [key, name] of names) places[name] = placeText(report, [section, key]);
  }
  return places;
}

/** The merged model alone, for printing; mistakes are in the report. */
export function loadSpecProject(request: LoadRequest): { loaded?: SpecProject; report: Report } {
  const report = newReport();
  const loaded = loadProject(newLoader(request, report));
  return { ...(loaded && !failed(report) && { loaded }), report };
}

function newLoader(request: LoadRequest, report: Report): Loader {
  const outer = contextOf(request, (message) => add(report, 'warning', [], message));
  // The files asked for, or `.env` beside the first stack file; the caller's own variables win over both.
  const paths = request.envFiles ?? [posix.join(request.directory, '.env')];
  const lookup = withEnvFiles(outer.lookup, paths, request.envFiles === undefined, outer, report);
  return { request, report, lookup, drawn: { files: 0 }, context: { ...outer, lookup } };
}

function loadProject(loader: Loader): SpecProject | undefined {
  const { request, report } = loader;
  const wanted = request.stack ?? declaredName(loader);
  const named: Loader = {
    ...loader,
    lookup: (name) => loader.lookup(name) ?? (name === 'COMPOSE_PROJECT_NAME' ? wanted : undefined),
  };
  let merged: Value | undefined;
  if (request.files.length === 0) add(report, 'error', [], 'no stack file is named');
  for (const file of request.files) {
    const tree = loadTree(named, file.path, file.bytes, request.directory);
    if (tree) merged = mergeValues(merged, tree.value, tree.source.tags);
  }
  if (failed(report) || !isMap(merged)) return undefined;
  if (request.stack !== undefined && typeof merged.name === 'string' && merged.name !== request.stack)
    add(report, 'warning', ['name'], `the name ${JSON.stringify(merged.name)} is not used: the stack is called ${request.stack}`);
  const stack = request.stack ?? (typeof merged.name === 'string' ? merged.name : folderName(request.directory));
  if (!stackName.test(stack)) {
    add(
      report,
      'error',
      ['name'],
      `${JSON.stringify(stack)} cannot be a stack's name`,
      'letters, digits, dots, dashes and underscores, a letter or digit first',
    );
    return undefined;
  }
  return { stack, project: projectOf(merged, loader), merged };
}

/** The first file's `name`, when it is plain text: variables cannot know it otherwise. */
function declaredName(loader: Loader): string {
  const text = new TextDecoder().decode(loader.request.files[0]?.bytes.subarray(0, 65536));
  const match = /^name:[ \t]*["']?([a-zA-Z0-9][\w.-]*)["']?[ \t]*(?:#.*)?$/m.exec(text);
  return match?.[1] ?? folderName(loader.request.directory);
}

function folderName(directory: string): string {
  return posix
    .basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9_.-]/g, '')
    .replace(/^[^a-z0-9]+/, '');
}

function convert({ stack, project }: SpecProject, loader: Loader): { spec: StackSpec; keys: Keys } {
  const { report } = loader;
  const { networks, external } = convertNetworks(project, stack);
  const secrets = files('secret', project, stack, loader);
  const configs = files('config', project, stack, loader);
  const services: ServiceSpec[] = [];
  for (const key of Object.keys(project.services).sort(compareTexts)) {
    try {
      services.push(convertOne(key, project, stack, secrets, configs));
    } catch (error) {
      addRefusal(report, error, ['services', key]);
    }
  }
  const spec = {
    Name: stack,
    Networks: networks,
    Secrets: secrets.specs,
    Configs: configs.specs,
    Services: services,
    External: { Networks: external, Secrets: secrets.external, Configs: configs.external },
    ...(loader.request.rotate && { Versioned: { Secrets: secrets.versioned, Configs: configs.versioned } }),
  };
  const called = (models: Readonly<Record<string, { name?: string } | undefined>>) =>
    new Map(Object.entries(models).map(([key, model]) => [key, model?.name || scoped(stack, key)]));
  const keys = {
    networks: called(project.networks),
    secrets: secrets.names,
    configs: configs.names,
    services: new Map(Object.keys(project.services).map((key) => [key, scoped(stack, key)])),
  };
  return { spec, keys };
}

function convertOne(key: string, project: Project, stack: string, secrets: ConvertedFiles, configs: ConvertedFiles): ServiceSpec {
  const service = project.services[key] ?? {};
  if (!service.image) throw new Refusal('invalidArgument', `service ${key} names no image`);
  checkImage(service.image);
  const input = {
    key,
    service,
    project,
    stack,
    secrets: secretReferences(service, project, secrets.names),
    configs: configReferences(service, project, configs.names),
    wholeMounts: true,
  };
  return withBeyond(convertService(input), service, project, stack);
}

/** A secret or config whose data cannot be read is told at its own place, and the others are still read. */
function files(kind: FileKind, project: Project, stack: string, loader: Loader): ConvertedFiles {
  const read = (kindOf: FileKind, key: string, model: FileModel): Uint8Array => {
    try {
      return dataOf(model, loader);
    } catch (error) {
      addRefusal(loader.report, error, [`${kindOf}s`, key]);
      return new Uint8Array();
    }
  };
  return convertFiles(kind, project, stack, read, loader.request.rotate);
}

/** Largest data of a secret or config that a cluster takes. */
const maxDataBytes = 1_000_000;

function dataOf(model: FileModel, loader: Loader): Uint8Array {
  if (model.content !== undefined) return new TextEncoder().encode(model.content);
  if (model.environment !== undefined) {
    const value = loader.lookup(model.environment);
    if (value === undefined) throw new Refusal('invalidArgument', `variable ${model.environment} is not set`, { path: ['environment'] });
    return new TextEncoder().encode(value);
  }
  if (model.file === undefined) throw new Refusal('invalidArgument', 'it needs one of file, content, environment or external');
  const bytes = loader.context.read(model.file);
  if (bytes.length > maxDataBytes)
    throw new Refusal('invalidArgument', `${model.file} has ${bytes.length} bytes; at most ${maxDataBytes} fit`, { path: ['file'] });
  return bytes;
}

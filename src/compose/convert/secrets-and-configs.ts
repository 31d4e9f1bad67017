/** Secrets and configs: the objects a stack makes, and the references its services hold. */
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import type { ConfigReference, SecretReference } from '#model/object/service-spec';
import type { SecretSpec } from '#model/object/secret';
import type { FileModel, FileReferenceModel, Project, ServiceModel } from '../project.ts';
import { scoped, someOf, stackLabels } from './names.ts';

export type FileKind = 'secret' | 'config';

export interface ConvertedFiles {
  specs: SecretSpec[];
  external: string[];
  /** Plain names of those that get a version where they are deployed. */
  versioned: string[];
  /** Name in the cluster of every declared one, by its key. */
  names: ReadonlyMap<string, string>;
}

/** Reads the data of one secret or config; throws Refusal when it cannot. */
export type ReadData = (kind: FileKind, key: string, model: FileModel) => Uint8Array;

/**
 * All declared secrets or configs, used or not, sorted by name. With `rotate`, whoever holds the data gives each version a name of its own,
 * so that changed data is a new object and the services that use it roll. A name that the file gives stays: others may go by it.
 */
export function convertFiles(kind: FileKind, project: Project, stack: string, read: ReadData, rotate: boolean): ConvertedFiles {
  const names = new Map<string, string>();
  const external: string[] = [];
  const specs: SecretSpec[] = [];
  const versioned: string[] = [];
  for (const [key, model] of Object.entries(kind === 'secret' ? project.secrets : project.configs)) {
    const plain = model.name || scoped(stack, key);
    if (model.external === true) {
      external.push(plain);
      names.set(key, plain);
      continue;
    }
    const spec = fileSpec(kind, key, plain, model, stack, read);
    if (rotate && spec.Data !== undefined && !model.name) versioned.push(plain);
    names.set(key, plain);
    specs.push(spec);
  }
  return {
    specs: specs.sort((a, b) => compareTexts(a.Name, b.Name)),
    external: [...new Set(external)].sort(compareTexts),
    versioned: versioned.sort(compareTexts),
    names,
  };
}

function fileSpec(kind: FileKind, key: string, name: string, model: FileModel, stack: string, read: ReadData): SecretSpec {
  const driven = kind === 'secret' && model.driver;
  const data = driven ? undefined : Buffer.from(read(kind, key, model)).toString('base64');
  const options = someOf(model.driver_opts);
  return {
    Name: name,
    Labels: stackLabels(stack, model.labels),
    ...(data && { Data: data }),
    ...(driven && { Driver: { Name: driven, ...(options && { Options: options }) } }),
    ...(model.template_driver && { Templating: { Name: model.template_driver } }),
  };
}

interface Named {
  name: string;
  file: { Name: string; UID: string; GID: string; Mode: number };
}

function reference(kind: FileKind, model: FileReferenceModel, project: Project, names: ReadonlyMap<string, string>): Named {
  const key = model.source ?? '';
  const declared = kind === 'secret' ? project.secrets : project.configs;
  const name = names.get(key);
  if (!Object.hasOwn(declared, key) || name === undefined) throw new Refusal('invalidArgument', `undefined ${kind} "${key}"`, { path: [`${kind}s`] });
  return { name, file: { Name: model.target || key, UID: model.uid || '0', GID: model.gid || '0', Mode: model.mode ?? 0o444 } };
}

function references(kind: FileKind, models: readonly FileReferenceModel[], project: Project, names: ReadonlyMap<string, string>): Named[] {
  const found = models.map((model) => reference(kind, model, project, names));
  const targets = new Set<string>();
  for (const { name, file } of found) {
    if (targets.has(file.Name)) throw new Refusal('invalidArgument', `duplicate ${kind} target for ${name} not allowed`);
    targets.add(file.Name);
  }
  return found.sort((a, b) => compareTexts(a.name, b.name) || compareTexts(a.file.Name, b.file.Name));
}

/** Sorted by name, then by file. Ids are filled in by whoever knows the cluster. */
export function secretReferences(service: ServiceModel, project: Project, names: ReadonlyMap<string, string>): SecretReference[] {
  return references('secret', service.secrets ?? [], project, names).map(({ name, file }) => ({ File: file, SecretName: name }));
}

/** The same for configs; one that serves as credential spec is referred to at run time, not as a file. */
export function configReferences(service: ServiceModel, project: Project, names: ReadonlyMap<string, string>): ConfigReference[] {
  const files: ConfigReference[] = references('config', service.configs ?? [], project, names).map(({ name, file }) => ({ File: file, ConfigName: name }));
  const credential = service.credential_spec?.config;
  if (!credential) return files;
  const { name } = reference('config', { source: credential }, project, names);
  return [...files, { Runtime: {}, ConfigName: name }].sort((a, b) => compareTexts(a.ConfigName, b.ConfigName));
}

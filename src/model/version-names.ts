/** Names of secrets and configs that follow their content: the plain name and a counted version. A count tells nobody what the content is. */
import { createHash } from 'node:crypto';
import { equal } from '#base/equal';
import { isDigestOf } from '#base/slow-digest';
import type { Labels } from './object/meta.ts';
import type { SecretSpec } from './object/secret.ts';
import type { ServiceSpec } from './object/service-spec.ts';
import type { StackSpec } from './object/stack.ts';

/** On what was made for a Docker Swarm: a slow digest of a secret, which Docker never shows again; a config can be read. */
export const contentLabel = 'shoal.content';

/** Longest name that a secret or config may have. */
const longestName = 64;
const longestSuffix = 10;

export type PresentFile = Pick<SecretSpec, 'Name' | 'Labels' | 'Data' | 'Templating' | 'Driver'>;

/**
 * The name under which `wanted`, which has its plain name, is deployed: that of a version with the same content, else the next one.
 * `own`: the stack's objects of that kind, or at least its versions; `taken`: whether any object has a name.
 */
export function versionName(wanted: PresentFile, own: readonly PresentFile[], taken: (name: string) => boolean): string {
  const versions = own.filter(({ Name }) => suffixOf(Name, wanted.Name) !== undefined);
  const same = versions.findLast((version) => sameFile(version, wanted));
  if (same) return same.Name;
  const counted = versions.map(({ Name }) => Number(/^\d{1,9}$/.exec(suffixOf(Name, wanted.Name) ?? '')?.[0] ?? '0'));
  for (let number = Math.max(0, ...counted) + 1; ; number += 1) {
    const name = `${cut(wanted.Name, String(number).length)}-${number}`;
    if (!taken(name)) return name;
  }
}

/** Finds of many objects those that are versions of what has a plain name, in their order: each is looked at once, however many names are asked for. */
export function versionsByName<T extends { readonly Name: string }>(objects: readonly T[]): (plain: string) => readonly T[] {
  const known = new Map<string, T[]>();
  for (const object of objects) {
    const suffix = countOf(object.Name);
    if (suffix === undefined) continue;
    const key = `${suffix.length} ${object.Name.slice(0, -suffix.length - 1)}`;
    const same = known.get(key);
    if (same) same.push(object);
    else known.set(key, [object]);
  }
  return (plain) => Array.from({ length: longestSuffix }, (_, at) => known.get(`${at + 1} ${cut(plain, at + 1)}`) ?? []).flat();
}

/** What stands behind the plain name. */
function suffixOf(name: string, plain: string): string | undefined {
  const suffix = countOf(name);
  return suffix !== undefined && name === `${cut(plain, suffix.length)}-${suffix}` ? suffix : undefined;
}

/** A count, or the beginning of a digest as it was before counts. */
function countOf(name: string): string | undefined {
  return /-(\d{1,9}|[0-9a-f]{10})$/.exec(name)?.[1];
}

function cut(plain: string, suffixLength: number): string {
  return plain.slice(0, longestName - suffixLength - 1);
}

function sameFile(version: PresentFile, wanted: PresentFile): boolean {
  if (!equal(version.Templating, wanted.Templating)) return false;
  return sameContent(version, wanted.Data ?? '') ?? false;
}

/** Whether a stored object has this content (base64); undefined where nothing tells. */
export function sameContent({ Name, Data, Labels }: PresentFile, wanted: string): boolean | undefined {
  if (Data !== undefined) return withoutPadding(Data) === withoutPadding(wanted);
  const bytes = Buffer.from(wanted, 'base64');
  const label = Labels?.[contentLabel];
  if (label !== undefined) return isDigestOf(label, bytes);
  // A name from before counts tells it: the first ten digits of the content's digest.
  const digits = /-([0-9a-f]{10})$/.exec(Name)?.[1];
  return digits === undefined ? undefined : createHash('sha256').update(bytes).digest('hex').startsWith(digits);
}

/** Base64 with or without padding says the same. */
export function withoutPadding(base64: string): string {
  return base64.endsWith('=') ? base64.replace(/={1,2}$/, '') : base64;
}

/** Plain names → names of versions. */
export interface VersionNames {
  secret: ReadonlyMap<string, string>;
  config: ReadonlyMap<string, string>;
}

/** The stack with versions in the place of plain names, in its objects and in all that refers to them. */
export function withVersions(stack: StackSpec, names: VersionNames): StackSpec {
  const { Versioned: _done, ...rest } = stack;
  const renamed = <S extends { Name: string }>(spec: S, map: ReadonlyMap<string, string>): S => ({ ...spec, Name: map.get(spec.Name) ?? spec.Name });
  return {
    ...rest,
    Secrets: stack.Secrets.map((spec) => renamed(spec, names.secret)),
    Configs: stack.Configs.map((spec) => renamed(spec, names.config)),
    Services: stack.Services.map((spec) => withReferences(spec, names)),
  };
}

function withReferences(spec: ServiceSpec, { secret, config }: VersionNames): ServiceSpec {
  const container = spec.TaskTemplate.ContainerSpec;
  if (!container) return spec;
  const { Secrets, Configs, Privileges } = container;
  const credential = Privileges?.CredentialSpec;
  const named = credential?.Config !== undefined && config.has(credential.Config);
  return {
    ...spec,
    TaskTemplate: {
      ...spec.TaskTemplate,
      ContainerSpec: {
        ...container,
        ...(Secrets && { Secrets: Secrets.map((item) => ({ ...item, SecretName: secret.get(item.SecretName) ?? item.SecretName })) }),
        ...(Configs && { Configs: Configs.map((item) => ({ ...item, ConfigName: config.get(item.ConfigName) ?? item.ConfigName })) }),
        ...(named && { Privileges: { ...Privileges, CredentialSpec: { ...credential, Config: config.get(credential.Config ?? '') ?? '' } } }),
      },
    },
  };
}

/** Labels of an object that is there, as its stack wants them: the digest of its content stays. */
export function keepContentLabel(present: Labels | undefined, wanted: Labels): Labels {
  const digest = present?.[contentLabel];
  return digest === undefined ? wanted : { ...wanted, [contentLabel]: digest };
}

/** Secrets and configs that a repository's stacks share: `secrets/NAME` and `configs/NAME` beside the stacks stand for what a stack calls external. */
import { posix } from 'node:path';
import { stackLabels } from '#compose/convert/names';
import type { StackSpec } from '#model/object/stack';
import type { ServiceSpec } from '#model/object/service-spec';
import { root, type Snapshot } from '../snapshot.ts';

export interface WithShared {
  stack: StackSpec;
  /** Name of an object → the file that it comes from. */
  places: Readonly<Record<string, string>>;
}

/** A file's own name is the object's: nothing that leads elsewhere. */
const plainName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;

/**
 * The stack with what it shares as its own: a version of it for the stack, which follows the content as the stack's own files do, goes before
 * its users and is removed behind them. What has no such file stays external. `folder`: that of `secrets` and `configs`.
 */
export function withShared(stack: StackSpec, folder: string, snapshot: Snapshot): WithShared | { error: string } {
  const secrets = shared(snapshot, posix.join(folder, 'secrets'), stack.External.Secrets);
  if ('error' in secrets) return secrets;
  const configs = shared(
    snapshot,
    posix.join(folder, 'configs'),
    stack.External.Configs.filter((name) => !stack.Services.some((each) => hasCredential(each, name))),
  );
  if ('error' in configs) return configs;
  if (secrets.files.size + configs.files.size === 0) return { stack, places: {} };
  const own = (name: string): string => `${stack.Name}_${name}`;
  const specs = (files: ReadonlyMap<string, SharedFile>) =>
    [...files].map(([name, { Data }]) => ({ Name: own(name), Labels: stackLabels(stack.Name, {}), Data }));
  const left = (names: readonly string[], files: ReadonlyMap<string, SharedFile>) => names.filter((name) => !files.has(name));
  const { Versioned } = stack;
  const renamed = (name: string, files: ReadonlyMap<string, SharedFile>): string => (files.has(name) ? own(name) : name);
  return {
    stack: {
      ...stack,
      Secrets: [...stack.Secrets, ...specs(secrets.files)],
      Configs: [...stack.Configs, ...specs(configs.files)],
      External: { ...stack.External, Secrets: left(stack.External.Secrets, secrets.files), Configs: left(stack.External.Configs, configs.files) },
      Versioned: {
        Secrets: [...(Versioned?.Secrets ?? []), ...[...secrets.files.keys()].map(own)],
        Configs: [...(Versioned?.Configs ?? []), ...[...configs.files.keys()].map(own)],
      },
      Services: stack.Services.map((spec) =>
        withNames(
          spec,
          (name) => renamed(name, secrets.files),
          (name) => renamed(name, configs.files),
        ),
      ),
    },
    places: Object.fromEntries([...secrets.files, ...configs.files].map(([name, { path }]) => [own(name), path])),
  };
}

interface SharedFile {
  path: string;
  /** base64 */
  Data: string;
}

function shared(snapshot: Snapshot, folder: string, names: readonly string[]): { files: ReadonlyMap<string, SharedFile> } | { error: string } {
  const files = new Map<string, SharedFile>();
  for (const name of names.filter((each) => plainName.test(each))) {
    const path = posix.join(folder, name);
    const at = posix.join(root, path);
    // Also what is not there is an input: it may come.
    const found = snapshot.read(at);
    if ('bytes' in found) files.set(name, { path, Data: Buffer.from(found.bytes).toString('base64') });
    else if (snapshot.identity(at)?.endsWith(': no such file or directory') !== true) return { error: found.error };
  }
  return { files };
}

function hasCredential({ TaskTemplate }: ServiceSpec, name: string): boolean {
  return TaskTemplate.ContainerSpec?.Privileges?.CredentialSpec?.Config === name;
}

/** The service with other names for the secrets and configs that it has. */
export function withNames(spec: ServiceSpec, secret: (name: string) => string, config: (name: string) => string): ServiceSpec {
  const container = spec.TaskTemplate.ContainerSpec;
  if (!container) return spec;
  const { Secrets, Configs } = container;
  const ContainerSpec = {
    ...container,
    ...(Secrets && { Secrets: Secrets.map((item) => ({ ...item, SecretName: secret(item.SecretName) })) }),
    ...(Configs && { Configs: Configs.map((item) => ({ ...item, ConfigName: config(item.ConfigName) })) }),
  };
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec } };
}

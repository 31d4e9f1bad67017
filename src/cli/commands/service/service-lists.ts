/** Flags that may stand more than once: what `service create` is given, and what `service update` adds and removes. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { capabilityName } from '#model/capability';
import type { ConfigReference, ContainerSpec, SecretReference, ServiceSpec, TaskSpec } from '#model/object/service-spec';
import { parseTargetKey, targetKey } from '#model/port/port';
import { CommandError } from '../../command-error.ts';
import { collect } from '../../session.ts';
import { fileReference, genericResource, hostLine, mount, networkAttachment, pairs, ports, ulimit, usage } from './service-values.ts';

type Entry = readonly [value: string, description: string, key: string];

/** By the name that the flag has in `create`; `update` has NAME-add and NAME-rm. */
const lists = {
  env: ['<NAME=value>', 'environment variable', '<NAME>'],
  label: ['<key=value>', 'service label', '<key>'],
  containerLabel: ['<key=value>', 'container label', '<key>'],
  publish: ['<port>', '8080:80[/udp] or published=,target=,protocol=,mode=', '<target-port>'],
  mount: ['<mount>', 'type=,source=,target=[,readonly]', '<target>'],
  network: ['<network>', 'network, or name=,alias=', '<network>'],
  secret: ['<secret>', 'secret, or source=,target=,uid=,gid=,mode=', '<secret>'],
  config: ['<config>', 'config, or source=,target=,uid=,gid=,mode=', '<config>'],
  constraint: ['<expression>', 'such as node.role==worker', '<expression>'],
  placementPref: ['<preference>', 'such as spread=node.labels.zone', '<preference>'],
  host: ['<name:address>', 'line of the hosts file', '<name:address>'],
  dns: ['<address>', 'name server', '<address>'],
  dnsOption: ['<option>', 'option of the resolver', '<option>'],
  dnsSearch: ['<domain>', 'search domain', '<domain>'],
  sysctl: ['<key=value>', 'kernel setting', '<key>'],
  ulimit: ['<name=soft[:hard]>', 'limit', '<name>'],
  group: ['<group>', 'additional group', '<group>'],
  genericResource: ['<kind=value>', 'reserved for scheduling', '<kind>'],
} as const satisfies Record<string, Entry>;

const shorts: Readonly<Record<string, string>> = { env: '-e, ', label: '-l, ', publish: '-p, ' };

type ListName = keyof typeof lists;
export type AddedLists = { [K in ListName]?: string[] } & { capAdd?: string[]; capDrop?: string[]; envFile?: string[] };
export type ChangedLists = { [K in ListName as `${K}Add` | `${K}Rm`]?: string[] } & { capAdd?: string[]; capDrop?: string[] };

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function addCreateLists(command: Command): Command {
  for (const [name, [value, description]] of Object.entries(lists)) command.option(`${shorts[name] ?? ''}--${kebab(name)} ${value}`, description, collect);
  return addCapabilities(command.option('--env-file <file>', 'file of environment variables', collect));
}

export function addUpdateLists(command: Command): Command {
  for (const [name, [value, description, key]] of Object.entries(lists)) {
    command.option(`--${kebab(name)}-add ${value}`, `add or change: ${description}`, collect);
    command.option(`--${kebab(name)}-rm ${key}`, `remove: ${description}`, collect);
  }
  return addCapabilities(command);
}

function addCapabilities(command: Command): Command {
  return command
    .option('--cap-add <capability>', 'capability of the container', collect)
    .option('--cap-drop <capability>', 'capability it must not have', collect);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A new spec with what `create` was given: everything is added to nothing. */
export function withLists(spec: ServiceSpec, flags: AddedLists, environment: Environment): ServiceSpec {
  const { capAdd, capDrop, envFile, env, ...rest } = flags;
  const added = Object.fromEntries(Object.entries(rest).map(([name, values]) => [`${name}Add`, values])) as ChangedLists;
  const envAdd = [...(envFile ?? []).flatMap(linesOf), ...(env ?? [])];
  return withChanges(spec, { ...added, ...(envAdd.length > 0 && { envAdd }), ...(capAdd && { capAdd }), ...(capDrop && { capDrop }) }, environment);
}

function linesOf(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`--env-file: ${error instanceof Error ? error.message : String(error)}`);
  }
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** What is removed goes before what is added comes, so that `--label-rm a --label-add a=b` changes. Networks must be given by id where a spec has ids. */
export function withChanges(spec: ServiceSpec, flags: ChangedLists, environment: Environment): ServiceSpec {
  const task = spec.TaskTemplate;
  const labels = changedMap(spec.Labels, pairs(flags.labelAdd), flags.labelRm);
  const published = changed(
    spec.EndpointSpec?.Ports,
    flags.publishAdd?.flatMap((text) => ports(text, '--publish')),
    flags.publishRm?.map(removedTarget),
    targetKey,
    JSON.stringify,
  );
  return {
    ...spec,
    ...(labels && { Labels: labels }),
    TaskTemplate: changedTask({ ...task, ContainerSpec: changedContainer(task.ContainerSpec ?? {}, flags, environment) }, flags),
    ...(published && { EndpointSpec: { ...spec.EndpointSpec, Ports: published } }),
  };
}

function changedTask(task: TaskSpec, flags: ChangedLists): TaskSpec {
  const networks = changed(task.Networks, flags.networkAdd?.map(networkAttachment), flags.networkRm, ({ Target = '' }) => Target);
  const constraints = changed(task.Placement?.Constraints, flags.constraintAdd, flags.constraintRm, (text) => text);
  const spread = (text: string): string => text.replace(/^spread=/, '');
  const preferences = changed(
    task.Placement?.Preferences,
    flags.placementPrefAdd?.map((text) => ({ Spread: { SpreadDescriptor: spread(text) } })),
    flags.placementPrefRm?.map(spread),
    (preference) => preference.Spread?.SpreadDescriptor ?? '',
  );
  const reserved = task.Resources?.Reservations;
  const generic = changed(
    reserved?.GenericResources,
    flags.genericResourceAdd?.map(genericResource),
    flags.genericResourceRm,
    (resource) => resource.DiscreteResourceSpec?.Kind ?? resource.NamedResourceSpec?.Kind ?? '',
  );
  return {
    ...task,
    ...(networks && { Networks: networks }),
    ...((constraints || preferences) && {
      Placement: { ...task.Placement, ...(constraints && { Constraints: constraints }), ...(preferences && { Preferences: preferences }) },
    }),
    ...(generic && { Resources: { ...task.Resources, Reservations: { ...reserved, GenericResources: generic } } }),
  };
}

function changedContainer(base: ContainerSpec, flags: ChangedLists, environment: Environment): ContainerSpec {
  const name = (text: string): string => text.split('=')[0] ?? '';
  const itself = (text: string): string => text;
  const fromShell = (text: string): string => (text.includes('=') || environment[text] === undefined ? text : `${text}=${environment[text]}`);
  const secrets = flags.secretAdd?.map((text): SecretReference => {
    const { source, File } = fileReference(text, '--secret', '');
    return { SecretName: source, File };
  });
  const configs = flags.configAdd?.map((text): ConfigReference => {
    const { source, File } = fileReference(text, '--config', '/');
    return { ConfigName: source, File };
  });
  const byFile = (each: SecretReference | ConfigReference): string => each.File?.Name ?? '';
  const dns = {
    Nameservers: changed(base.DNSConfig?.Nameservers, flags.dnsAdd, flags.dnsRm, itself),
    Search: changed(base.DNSConfig?.Search, flags.dnsSearchAdd, flags.dnsSearchRm, itself),
    Options: changed(base.DNSConfig?.Options, flags.dnsOptionAdd, flags.dnsOptionRm, itself),
  };
  const resolver = Object.fromEntries(Object.entries(dns).filter((entry) => entry[1] !== undefined));
  const parts = {
    Env: changed(base.Env, flags.envAdd?.map(fromShell), flags.envRm, name),
    Labels: changedMap(base.Labels, pairs(flags.containerLabelAdd), flags.containerLabelRm),
    Mounts: changed(base.Mounts, flags.mountAdd?.map(mount), flags.mountRm, (each) => each.Target ?? ''),
    Secrets: changed(base.Secrets, secrets, flags.secretRm, (each) => each.SecretName ?? '', byFile),
    Configs: changed(base.Configs, configs, flags.configRm, (each) => each.ConfigName ?? '', byFile),
    Hosts: changed(base.Hosts, flags.hostAdd?.map(hostLine), flags.hostRm?.map(hostLine), itself),
    Sysctls: changedMap(base.Sysctls, pairs(flags.sysctlAdd), flags.sysctlRm),
    Ulimits: changed(base.Ulimits, flags.ulimitAdd?.map(ulimit), flags.ulimitRm, (each) => each.Name),
    Groups: changed(base.Groups, flags.groupAdd, flags.groupRm, itself),
    ...capabilities(base, flags),
    DNSConfig: Object.keys(resolver).length > 0 ? { ...base.DNSConfig, ...resolver } : undefined,
  };
  return { ...base, ...Object.fromEntries(Object.entries(parts).filter((entry) => entry[1] !== undefined)) };
}

/** Adding takes a capability off the dropped ones, and the other way round. */
function capabilities(base: ContainerSpec, { capAdd, capDrop }: ChangedLists): Pick<ContainerSpec, 'CapabilityAdd' | 'CapabilityDrop'> {
  if (!capAdd && !capDrop) return {};
  const [added, dropped] = [(capAdd ?? []).map(capabilityName), (capDrop ?? []).map(capabilityName)];
  const both = added.find((name) => dropped.includes(name));
  if (both !== undefined) throw usage(`--cap-add and --cap-drop both name ${both}`);
  return {
    CapabilityAdd: [...new Set([...(base.CapabilityAdd ?? []).filter((name) => !dropped.includes(name)), ...added])].toSorted(),
    CapabilityDrop: [...new Set([...(base.CapabilityDrop ?? []).filter((name) => !added.includes(name)), ...dropped])].toSorted(),
  };
}

/**
 * undefined when nothing is asked. What is removed is found by `key`; what is added takes the place of the one with its `identity`,
 * which is finer where one thing may stand twice, as a secret in two files or a port behind two published ones.
 */
function changed<T>(
  before: readonly T[] | undefined,
  added: readonly T[] | undefined,
  removed: readonly string[] | undefined,
  key: (item: T) => string,
  identity: (item: T) => string = key,
): T[] | undefined {
  if (!added && !removed) return undefined;
  const kept = (before ?? []).filter((item) => !removed?.includes(key(item)));
  return [...new Map([...kept, ...(added ?? [])].map((item) => [identity(item), item])).values()];
}

function changedMap(
  before: Readonly<Record<string, string>> | undefined,
  added: Readonly<Record<string, string>> | undefined,
  removed: readonly string[] | undefined,
): Record<string, string> | undefined {
  if (!added && !removed) return undefined;
  return { ...Object.fromEntries(Object.entries(before ?? {}).filter(([key]) => !removed?.includes(key))), ...added };
}

/** A port is removed by its target, `80` or `53/udp`. */
function removedTarget(text: string): string {
  const port = parseTargetKey(text);
  if (!port) throw usage(`--publish-rm: "${text}" is no port of a container, such as 80 or 53/udp`);
  return targetKey(port);
}

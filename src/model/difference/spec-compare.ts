/** When two service specs ask for the same thing: defaults said, what means nothing left out, sets in order. */
import { equal } from '#base/equal';
import { compareTexts } from '#base/text/text';
import { fieldChanges } from './field-changes.ts';
import { protocolOf, publishModeOf } from '../port/port.ts';
import { defaults } from '../object/service.ts';
import type { ContainerSpec, EndpointSpec, ServiceSpec, TaskSpec, UpdateConfig } from '../object/service-spec.ts';

/** Both are specs with ids in place of names. */
export function sameService(a: ServiceSpec, b: ServiceSpec): boolean {
  // Mostly they are alike to the letter, and the long way is ten times as long.
  return equal(a, b) || equal(comparable(a), comparable(b));
}

/** Fields that are told apart at most; more say no more. */
const differenceLimit = 20;

/** Paths of the fields in which two specs differ, like `Mode.Replicated.Replicas`; values stay out, they may be secret. */
export function differingFields(a: ServiceSpec, b: ServiceSpec): string[] {
  return fieldChanges(comparable(a), comparable(b))
    .map(({ field }) => field)
    .slice(0, differenceLimit);
}

/** A spec in the one form that is compared: a field-by-field difference of two such forms is a real one. */
export function comparable(spec: ServiceSpec): unknown {
  return withoutNothing({
    ...spec,
    // The old place of what stands in the task as well.
    Networks: undefined,
    TaskTemplate: comparableTask(spec.TaskTemplate),
    UpdateConfig: comparableUpdate(spec.UpdateConfig),
    RollbackConfig: comparableUpdate(spec.RollbackConfig),
    EndpointSpec: comparableEndpoint(spec.EndpointSpec),
    Shoal: spec.Shoal?.DependsOn && { DependsOn: sorted(spec.Shoal.DependsOn, (dependency) => dependency.Service) },
  });
}

function comparableTask(task: TaskSpec): object {
  const policy = task.RestartPolicy;
  return {
    ...task,
    Runtime: task.Runtime || 'container',
    ContainerSpec: task.ContainerSpec && comparableContainer(task.ContainerSpec),
    RestartPolicy: {
      Condition: policy?.Condition || defaults.restart.Condition,
      Delay: policy?.Delay ?? defaults.restart.Delay,
      MaxAttempts: policy?.MaxAttempts,
      Window: policy?.Window,
    },
    Placement: {
      ...task.Placement,
      Constraints: sorted(task.Placement?.Constraints, (text) => text),
      Platforms: sorted(task.Placement?.Platforms, (platform) => JSON.stringify(platform)),
    },
    Networks: sorted(task.Networks, (network) => network.Target)?.map((network) => ({
      ...network,
      Aliases: sorted(network.Aliases, (alias) => alias),
    })),
  };
}

function comparableContainer(spec: ContainerSpec): object {
  return {
    ...spec,
    Isolation: spec.Isolation === 'default' ? '' : spec.Isolation,
    StopGracePeriod: spec.StopGracePeriod ?? defaults.stopGracePeriod,
    Env: sorted(spec.Env, (text) => text),
    Groups: sorted(spec.Groups, (group) => group),
    Mounts: sorted(spec.Mounts, (mount) => mount.Target)?.map((mount) => ({
      ...mount,
      Consistency: mount.Consistency === 'default' ? '' : mount.Consistency,
    })),
    Secrets: sorted(spec.Secrets, (reference) => reference.File?.Name)?.map(withOwner),
    Configs: sorted(spec.Configs, (reference) => reference.File?.Name ?? reference.ConfigName)?.map(withOwner),
    CapabilityAdd: sorted(spec.CapabilityAdd, (name) => name),
    CapabilityDrop: sorted(spec.CapabilityDrop, (name) => name),
    Ulimits: sorted(spec.Ulimits, (limit) => limit.Name),
  };
}

function withOwner<R extends { File?: { UID: string; GID: string } }>(reference: R): R {
  const file = reference.File;
  return file ? { ...reference, File: { ...file, UID: file.UID || '0', GID: file.GID || '0' } } : reference;
}

function comparableUpdate(config: UpdateConfig | undefined): object {
  return {
    Parallelism: config?.Parallelism ?? defaults.update.Parallelism,
    Delay: config?.Delay || undefined,
    FailureAction: config?.FailureAction || defaults.update.FailureAction,
    Monitor: config?.Monitor || defaults.update.Monitor,
    MaxFailureRatio: config?.MaxFailureRatio,
    Order: config?.Order || defaults.update.Order,
  };
}

function comparableEndpoint(spec: EndpointSpec | undefined): object {
  const ports = (spec?.Ports ?? []).map((port) => ({
    ...port,
    Protocol: protocolOf(port),
    PublishMode: publishModeOf(port),
  }));
  return {
    Mode: spec?.Mode || 'vip',
    Ports: sorted(ports, (port) => `${port.Protocol} ${port.TargetPort} ${port.PublishedPort ?? 0} ${port.Shoal?.HostIP ?? ''}`),
  };
}

function sorted<T>(list: readonly T[] | undefined, key: (item: T) => string | undefined): T[] | undefined {
  return list?.toSorted((a, b) => compareTexts(key(a) ?? '', key(b) ?? ''));
}

/** Where zero or false is an answer of its own and not the same as silence. */
const meaningful: ReadonlySet<string> = new Set([
  'Replicas',
  'MaxConcurrent',
  'TotalCompletions',
  'Parallelism',
  'Delay',
  'StopGracePeriod',
  'Mode',
  'Soft',
  'Hard',
  'Value',
  'Init',
  'MemorySwappiness',
]);

/** Members whose emptiness still chooses something. */
const chosenByPresence: ReadonlySet<string> = new Set(['Global', 'GlobalJob', 'Runtime']);

/** Free texts of users: an empty value is a value there. */
const maps: ReadonlySet<string> = new Set(['Labels', 'Options', 'DriverOpts', 'Sysctls', 'Annotations', 'StorageOpt']);

/** Leaves out members that say nothing: null, '', 0, false, empty lists and objects. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const kept = maps.has(key) && !Array.isArray(member) ? member : withoutNothing(member);
    if (!saysNothing(key, kept)) result[key] = kept;
  }
  return result;
}

function saysNothing(key: string, value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (value === 0 || value === false) return !meaningful.has(key);
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0 && !chosenByPresence.has(key);
}

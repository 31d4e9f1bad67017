/** The main flags of `service create` and `service update`, and what they make of a spec. */
import type { Command } from 'commander';
import { parseDuration } from '#base/duration';
import { parseSize } from '#base/human';
import type { ContainerSpec, EndpointSpec, Mount, PortConfig, RestartPolicy, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig } from '#model/service-spec';
import { CommandError, exitCodes } from '../command-error.ts';
import { collect } from '../session.ts';

export interface ServiceFlags {
  name?: string;
  mode?: string;
  replicas?: string;
  env?: string[];
  label?: string[];
  containerLabel?: string[];
  publish?: string[];
  mount?: string[];
  network?: string[];
  secret?: string[];
  config?: string[];
  constraint?: string[];
  placementPref?: string[];
  replicasMaxPerNode?: string;
  limitCpu?: string;
  limitMemory?: string;
  reserveCpu?: string;
  reserveMemory?: string;
  restartCondition?: string;
  restartDelay?: string;
  restartMaxAttempts?: string;
  restartWindow?: string;
  updateParallelism?: string;
  updateDelay?: string;
  updateFailureAction?: string;
  updateMonitor?: string;
  updateMaxFailureRatio?: string;
  updateOrder?: string;
  stopGracePeriod?: string;
  stopSignal?: string;
  healthCmd?: string;
  healthInterval?: string;
  healthTimeout?: string;
  healthRetries?: string;
  healthStartPeriod?: string;
  hostname?: string;
  user?: string;
  workdir?: string;
  entrypoint?: string;
  endpointMode?: string;
  init?: boolean;
  readOnly?: boolean;
  tty?: boolean;
}

const flagTexts: readonly (readonly [flags: string, description: string, repeat?: true])[] = [
  ['--replicas <count>', 'number of tasks'],
  ['-e, --env <NAME=value>', 'environment variable', true],
  ['-l, --label <key=value>', 'service label', true],
  ['--container-label <key=value>', 'container label', true],
  ['-p, --publish <port>', '8080:80[/udp] or published=,target=,protocol=,mode=', true],
  ['--mount <mount>', 'type=,source=,target=[,readonly]', true],
  ['--network <network>', 'network, or name=,alias=', true],
  ['--secret <secret>', 'secret, or source=,target=,uid=,gid=,mode=', true],
  ['--config <config>', 'config, or source=,target=,uid=,gid=,mode=', true],
  ['--constraint <expression>', 'such as node.role==worker', true],
  ['--placement-pref <preference>', 'such as spread=node.labels.zone', true],
  ['--replicas-max-per-node <count>', 'upper bound on one node'],
  ['--limit-cpu <cpus>', 'such as 0.5'],
  ['--limit-memory <size>', 'such as 64M'],
  ['--reserve-cpu <cpus>', 'reserved for scheduling'],
  ['--reserve-memory <size>', 'reserved for scheduling'],
  ['--restart-condition <condition>', 'none, on-failure or any'],
  ['--restart-delay <duration>', 'before a restart'],
  ['--restart-max-attempts <count>', 'then give up'],
  ['--restart-window <duration>', 'in which attempts count'],
  ['--update-parallelism <count>', 'tasks at a time, 0 for all'],
  ['--update-delay <duration>', 'between tasks'],
  ['--update-failure-action <action>', 'pause, continue or rollback'],
  ['--update-monitor <duration>', 'how long a new task is watched'],
  ['--update-max-failure-ratio <ratio>', 'failures that are put up with'],
  ['--update-order <order>', 'start-first or stop-first'],
  ['--stop-grace-period <duration>', 'before the kill'],
  ['--stop-signal <signal>', 'to ask for the end with'],
  ['--health-cmd <command>', 'health check'],
  ['--health-interval <duration>', 'between checks'],
  ['--health-timeout <duration>', 'of one check'],
  ['--health-retries <count>', 'failures until unhealthy'],
  ['--health-start-period <duration>', 'in which failures do not count'],
  ['--hostname <name>', 'of the container'],
  ['-u, --user <user>', 'name or id[:group]'],
  ['-w, --workdir <folder>', 'in the container'],
  ['--entrypoint <command>', "instead of the image's"],
  ['--endpoint-mode <mode>', 'vip or dnsrr'],
  ['--init', 'run an init inside'],
  ['--read-only', "the container's file system is read-only"],
  ['-t, --tty', 'give it a terminal'],
];

export function addServiceFlags(command: Command): Command {
  for (const [flags, description, repeat] of flagTexts) {
    if (repeat) command.option(flags, description, collect);
    else command.option(flags, description);
  }
  return command;
}

/** `base` with the given flags laid over it; absent flags change nothing. Refuses bad values with exit code 2. */
export function applyServiceFlags(base: ServiceSpec, flags: ServiceFlags): ServiceSpec {
  const labels = pairs(flags.label);
  const update = updateConfig(flags);
  return {
    ...base,
    ...(labels && { Labels: { ...base.Labels, ...labels } }),
    TaskTemplate: taskSpec(base.TaskTemplate, flags),
    ...modeSpec(base.Mode, flags),
    ...(update && { UpdateConfig: { ...base.UpdateConfig, ...update } }),
    ...endpointSpec(base.EndpointSpec, flags),
  };
}

function modeSpec(base: ServiceMode | undefined, { mode, replicas }: ServiceFlags): { Mode?: ServiceMode } {
  const count = replicas === undefined ? undefined : whole('--replicas', replicas);
  if (mode === 'global' || mode === 'global-job') {
    if (count !== undefined) throw usage('replicas can only be used with replicated or replicated-job mode');
    return { Mode: mode === 'global' ? { Global: {} } : { GlobalJob: {} } };
  }
  if (mode === 'replicated-job') return { Mode: { ReplicatedJob: { MaxConcurrent: count ?? 1, TotalCompletions: count ?? 1 } } };
  if (mode !== undefined && mode !== 'replicated') throw usage(`Unknown mode: ${mode}`);
  if (count !== undefined) return { Mode: { Replicated: { Replicas: count } } };
  return base ? { Mode: base } : {};
}

function taskSpec(base: TaskSpec, flags: ServiceFlags): TaskSpec {
  const restart = restartPolicy(flags);
  const resources = {
    Limits: cpuAndMemory('limit', flags.limitCpu, flags.limitMemory),
    Reservations: cpuAndMemory('reserve', flags.reserveCpu, flags.reserveMemory),
  };
  const preferences = flags.placementPref?.map((text) => ({ Spread: { SpreadDescriptor: text.replace(/^spread=/, '') } }));
  const max = flags.replicasMaxPerNode;
  return {
    ...base,
    ContainerSpec: containerSpec(base.ContainerSpec ?? {}, flags),
    Resources: {
      ...base.Resources,
      ...(resources.Limits && { Limits: resources.Limits }),
      ...(resources.Reservations && { Reservations: resources.Reservations }),
    },
    ...(restart && { RestartPolicy: { ...base.RestartPolicy, ...restart } }),
    Placement: {
      ...base.Placement,
      ...(flags.constraint && { Constraints: flags.constraint }),
      ...(preferences && { Preferences: preferences }),
      ...(max !== undefined && { MaxReplicas: whole('--replicas-max-per-node', max) }),
    },
    ...(flags.network && { Networks: flags.network.map(networkAttachment) }),
  };
}

function containerSpec(base: ContainerSpec, flags: ServiceFlags): ContainerSpec {
  const labels = pairs(flags.containerLabel);
  const health = healthcheck(flags);
  return {
    ...base,
    ...(labels && { Labels: { ...base.Labels, ...labels } }),
    ...(flags.env && { Env: [...new Map([...(base.Env ?? []), ...flags.env].map((text) => [text.split('=')[0], text])).values()] }),
    ...(flags.mount && { Mounts: flags.mount.map(mount) }),
    ...(flags.secret && { Secrets: flags.secret.map((text) => fileReference(text, '--secret', '')).map(({ source, File }) => ({ SecretName: source, File })) }),
    ...(flags.config && {
      Configs: flags.config.map((text) => fileReference(text, '--config', '/')).map(({ source, File }) => ({ ConfigName: source, File })),
    }),
    ...(health && { Healthcheck: { ...base.Healthcheck, ...health } }),
    ...(flags.stopGracePeriod !== undefined && { StopGracePeriod: duration('--stop-grace-period', flags.stopGracePeriod) }),
    ...(flags.stopSignal !== undefined && { StopSignal: flags.stopSignal }),
    ...(flags.hostname !== undefined && { Hostname: flags.hostname }),
    ...(flags.user !== undefined && { User: flags.user }),
    ...(flags.workdir !== undefined && { Dir: flags.workdir }),
    ...(flags.entrypoint !== undefined && { Command: flags.entrypoint.split(/\s+/).filter(Boolean) }),
    ...(flags.init && { Init: true }),
    ...(flags.readOnly && { ReadOnly: true }),
    ...(flags.tty && { TTY: true }),
  };
}

function healthcheck(flags: ServiceFlags): ContainerSpec['Healthcheck'] | undefined {
  const parts = {
    ...(flags.healthCmd !== undefined && { Test: ['CMD-SHELL', flags.healthCmd] }),
    ...(flags.healthInterval !== undefined && { Interval: duration('--health-interval', flags.healthInterval) }),
    ...(flags.healthTimeout !== undefined && { Timeout: duration('--health-timeout', flags.healthTimeout) }),
    ...(flags.healthStartPeriod !== undefined && { StartPeriod: duration('--health-start-period', flags.healthStartPeriod) }),
    ...(flags.healthRetries !== undefined && { Retries: whole('--health-retries', flags.healthRetries) }),
  };
  return Object.keys(parts).length > 0 ? parts : undefined;
}

function restartPolicy(flags: ServiceFlags): RestartPolicy | undefined {
  const parts = {
    ...(flags.restartCondition !== undefined && { Condition: oneOf('--restart-condition', flags.restartCondition, ['none', 'on-failure', 'any']) }),
    ...(flags.restartDelay !== undefined && { Delay: duration('--restart-delay', flags.restartDelay) }),
    ...(flags.restartMaxAttempts !== undefined && { MaxAttempts: whole('--restart-max-attempts', flags.restartMaxAttempts) }),
    ...(flags.restartWindow !== undefined && { Window: duration('--restart-window', flags.restartWindow) }),
  };
  return Object.keys(parts).length > 0 ? parts : undefined;
}

function updateConfig(flags: ServiceFlags): UpdateConfig | undefined {
  const parts = {
    ...(flags.updateParallelism !== undefined && { Parallelism: whole('--update-parallelism', flags.updateParallelism) }),
    ...(flags.updateDelay !== undefined && { Delay: duration('--update-delay', flags.updateDelay) }),
    ...(flags.updateFailureAction !== undefined && {
      FailureAction: oneOf('--update-failure-action', flags.updateFailureAction, ['pause', 'continue', 'rollback']),
    }),
    ...(flags.updateMonitor !== undefined && { Monitor: duration('--update-monitor', flags.updateMonitor) }),
    ...(flags.updateMaxFailureRatio !== undefined && { MaxFailureRatio: Number(flags.updateMaxFailureRatio) }),
    ...(flags.updateOrder !== undefined && { Order: oneOf('--update-order', flags.updateOrder, ['start-first', 'stop-first']) }),
  };
  return Object.keys(parts).length > 0 ? { Parallelism: 1, ...parts } : undefined;
}

function endpointSpec(base: EndpointSpec | undefined, flags: ServiceFlags): { EndpointSpec?: EndpointSpec } {
  const ports = flags.publish?.map(port);
  if (!base && !ports && flags.endpointMode === undefined) return {};
  return {
    EndpointSpec: {
      ...base,
      ...(flags.endpointMode !== undefined && { Mode: oneOf('--endpoint-mode', flags.endpointMode, ['vip', 'dnsrr']) }),
      ...(ports && { Ports: ports }),
    },
  };
}

function port(text: string): PortConfig {
  const short = /^(?:(\d+):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text);
  const keys = short ? { published: short[1], target: short[2], protocol: short[3], mode: undefined } : keyValues(text, '--publish');
  const protocol = oneOf('--publish protocol', keys['protocol'] ?? 'tcp', ['tcp', 'udp', 'sctp']);
  const mode = oneOf('--publish mode', keys['mode'] ?? 'ingress', ['ingress', 'host']);
  if (keys['target'] === undefined) throw usage(`--publish needs a target port: "${text}"`);
  return {
    Protocol: protocol,
    TargetPort: whole('--publish target', keys['target']),
    ...(keys['published'] !== undefined && { PublishedPort: whole('--publish published', keys['published']) }),
    PublishMode: mode,
  };
}

function mount(text: string): Mount {
  const keys = keyValues(text, '--mount');
  const Type = oneOf('--mount type', keys['type'] ?? 'volume', ['bind', 'volume', 'tmpfs']);
  const Target = keys['target'] ?? keys['destination'] ?? keys['dst'];
  if (Target === undefined) throw usage(`--mount needs a target: "${text}"`);
  const Source = keys['source'] ?? keys['src'];
  const readOnly = keys['readonly'] ?? keys['ro'];
  return { Type, Target, ...(Source !== undefined && { Source }), ...(readOnly !== undefined && readOnly !== 'false' && { ReadOnly: true }) };
}

function networkAttachment(text: string): { Target: string; Aliases?: string[] } {
  if (!text.includes('=')) return { Target: text };
  const keys = keyValues(text, '--network');
  if (keys['name'] === undefined) throw usage(`--network needs a name: "${text}"`);
  return { Target: keys['name'], ...(keys['alias'] !== undefined && { Aliases: [keys['alias']] }) };
}

function fileReference(text: string, flag: string, root: string): { source: string; File: { Name: string; UID: string; GID: string; Mode: number } } {
  const keys = text.includes('=') ? keyValues(text, flag) : { source: text };
  const source = keys['source'] ?? keys['src'];
  if (source === undefined) throw usage(`${flag} needs a source: "${text}"`);
  const mode = Number.parseInt(keys['mode'] ?? '0444', 8);
  if (Number.isNaN(mode)) throw usage(`${flag}: mode is octal, such as 0400, not "${keys['mode'] ?? ''}"`);
  return { source, File: { Name: keys['target'] ?? root + source, UID: keys['uid'] ?? '0', GID: keys['gid'] ?? '0', Mode: mode } };
}

function keyValues(text: string, flag: string): Record<string, string | undefined> {
  const parts = text.split(',').map((part) => part.split('='));
  if (parts.some(([key]) => !key)) throw usage(`${flag} takes key=value pairs with commas: "${text}"`);
  return Object.fromEntries(parts.map(([key, ...rest]) => [key, rest.join('=')]));
}

function pairs(texts: readonly string[] | undefined): Record<string, string> | undefined {
  return texts && Object.fromEntries(texts.map((text) => [text.split('=')[0] ?? '', text.split('=').slice(1).join('=')]));
}

function cpuAndMemory(flag: string, cpu: string | undefined, memory: string | undefined): { NanoCPUs?: number; MemoryBytes?: number } | undefined {
  if (cpu === undefined && memory === undefined) return undefined;
  const cpus = cpu === undefined ? undefined : Number(cpu);
  const bytes = memory === undefined ? undefined : parseSize(memory);
  if (cpus !== undefined && !(cpus >= 0)) throw usage(`--${flag}-cpu is a number such as 0.5, not "${cpu ?? ''}"`);
  if (memory !== undefined && bytes === undefined) throw usage(`--${flag}-memory is a size such as 64M, not "${memory}"`);
  return { ...(cpus !== undefined && { NanoCPUs: Math.round(cpus * 1e9) }), ...(bytes !== undefined && { MemoryBytes: bytes }) };
}

function whole(flag: string, text: string): number {
  if (!/^\d+$/.test(text)) throw usage(`${flag} is a whole number, not "${text}"`);
  return Number(text);
}

function duration(flag: string, text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw usage(`${flag} is a duration such as 10s or 1m30s, not "${text}"`);
  return value;
}

function oneOf<T extends string>(flag: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw usage(`${flag} is one of ${values.join(', ')}, not "${text}"`);
  return found;
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}

/** Flags with one value that `service create` and `service update` share, and what they make of a spec. */
import { Option, type Command } from 'commander';
import type {
  ContainerSpec,
  Healthcheck,
  LogDriver,
  ResourceLimits,
  RestartPolicy,
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '#model/object/service-spec';
import { collect } from '../../session.ts';
import { duration, oneOf, pairs, size, usage, whole } from './service-values.ts';

const texts = {
  replicas: ['--replicas <count>', 'number of tasks'],
  maxConcurrent: ['--max-concurrent <count>', 'of a job: tasks that run at a time'],
  replicasMaxPerNode: ['--replicas-max-per-node <count>', 'upper bound on one node'],
  limitCpu: ['--limit-cpu <cpus>', 'such as 0.5'],
  limitMemory: ['--limit-memory <size>', 'such as 64M'],
  limitPids: ['--limit-pids <count>', 'processes, 0 for no limit'],
  reserveCpu: ['--reserve-cpu <cpus>', 'reserved for scheduling'],
  reserveMemory: ['--reserve-memory <size>', 'reserved for scheduling'],
  restartCondition: ['--restart-condition <condition>', 'none, on-failure or any'],
  restartDelay: ['--restart-delay <duration>', 'before a restart'],
  restartMaxAttempts: ['--restart-max-attempts <count>', 'then give up'],
  restartWindow: ['--restart-window <duration>', 'in which attempts count'],
  updateParallelism: ['--update-parallelism <count>', 'tasks at a time, 0 for all'],
  updateDelay: ['--update-delay <duration>', 'between tasks'],
  updateFailureAction: ['--update-failure-action <action>', 'pause, continue or rollback'],
  updateMonitor: ['--update-monitor <duration>', 'how long a new task is watched'],
  updateMaxFailureRatio: ['--update-max-failure-ratio <ratio>', 'failures that are put up with'],
  updateOrder: ['--update-order <order>', 'start-first or stop-first'],
  rollbackParallelism: ['--rollback-parallelism <count>', 'tasks at a time, 0 for all'],
  rollbackDelay: ['--rollback-delay <duration>', 'between tasks'],
  rollbackFailureAction: ['--rollback-failure-action <action>', 'pause or continue'],
  rollbackMonitor: ['--rollback-monitor <duration>', 'how long a task is watched'],
  rollbackMaxFailureRatio: ['--rollback-max-failure-ratio <ratio>', 'failures that are put up with'],
  rollbackOrder: ['--rollback-order <order>', 'start-first or stop-first'],
  stopGracePeriod: ['--stop-grace-period <duration>', 'before the kill'],
  stopSignal: ['--stop-signal <signal>', 'to ask for the end with'],
  healthCmd: ['--health-cmd <command>', 'health check'],
  healthInterval: ['--health-interval <duration>', 'between checks'],
  healthTimeout: ['--health-timeout <duration>', 'of one check'],
  healthRetries: ['--health-retries <count>', 'failures until unhealthy'],
  healthStartPeriod: ['--health-start-period <duration>', 'in which failures do not count'],
  healthStartInterval: ['--health-start-interval <duration>', 'between checks in that period'],
  hostname: ['--hostname <name>', 'of the container'],
  user: ['-u, --user <user>', 'name or id[:group]'],
  workdir: ['-w, --workdir <folder>', 'in the container'],
  entrypoint: ['--entrypoint <command>', "instead of the image's"],
  endpointMode: ['--endpoint-mode <mode>', 'vip or dnsrr'],
  isolation: ['--isolation <technology>', 'of the container; default'],
  oomScoreAdj: ['--oom-score-adj <score>', 'from -1000 to 1000'],
  logDriver: ['--log-driver <driver>', 'where logs go'],
} as const;

const switches = {
  noHealthcheck: ['--no-healthcheck', "without the image's health check"],
  init: ['--init', 'run an init inside'],
  readOnly: ['--read-only', "the container's file system is read-only"],
  tty: ['-t, --tty', 'give it a terminal'],
} as const;

/** `logOpt` may stand more than once. A switch may say =false. */
export type ServiceFlags = { [K in keyof typeof texts]?: string } & { [K in keyof typeof switches]?: boolean } & { logOpt?: string[] };

export function addServiceFlags(command: Command): Command {
  for (const [flags, description] of Object.values(texts)) command.option(flags, description);
  for (const [flags, description] of Object.values(switches)) {
    const option = new Option(flags, description);
    // Commander would take --no-healthcheck for the absence of --healthcheck.
    option.negate = false;
    command.addOption(option);
    // What --init=false is turned into: an update may take a switch back.
    if (!flags.includes('--no-')) command.addOption(new Option(flags.replace(/^.*--/, '--no-'), description).hideHelp());
  }
  return command.option('--log-opt <key=value>', 'option of the log driver', collect);
}

/** Where a config is given, parallelism that it does not name means all at once. */
const oneAtATime: UpdateConfig = { Parallelism: 1 };

/** `base` with the given flags laid over it; absent flags change nothing. Refuses bad values with exit code 2. */
export function applyServiceFlags(base: ServiceSpec, flags: ServiceFlags): ServiceSpec {
  const update = rollout(flags, 'update', ['pause', 'continue', 'rollback']);
  const rollback = rollout(flags, 'rollback', ['pause', 'continue']);
  const mode = scaled(base.Mode, flags);
  const { endpointMode } = flags;
  return {
    ...base,
    TaskTemplate: taskSpec(base.TaskTemplate, flags),
    ...(mode && { Mode: mode }),
    ...(update && { UpdateConfig: { ...(base.UpdateConfig ?? oneAtATime), ...update } }),
    ...(rollback && { RollbackConfig: { ...(base.RollbackConfig ?? oneAtATime), ...rollback } }),
    ...(endpointMode !== undefined && { EndpointSpec: { ...base.EndpointSpec, Mode: oneOf('--endpoint-mode', endpointMode, ['vip', 'dnsrr']) } }),
  };
}

function scaled(mode: ServiceMode | undefined, { replicas, maxConcurrent }: ServiceFlags): ServiceMode | undefined {
  if (replicas === undefined && maxConcurrent === undefined) return mode;
  const count = replicas === undefined ? undefined : whole('--replicas', replicas);
  const concurrent = maxConcurrent === undefined ? undefined : whole('--max-concurrent', maxConcurrent);
  const job = mode?.ReplicatedJob;
  if (job) {
    const TotalCompletions = count ?? job.TotalCompletions ?? 1;
    return { ReplicatedJob: { ...job, TotalCompletions, MaxConcurrent: concurrent || job.MaxConcurrent || TotalCompletions } };
  }
  if (concurrent !== undefined) throw usage('--max-concurrent can only be used when --mode=replicated-job');
  if (mode?.Global || mode?.GlobalJob) throw usage('replicas can only be used with replicated or replicated-job mode');
  return { Replicated: { Replicas: count ?? 1 } };
}

function taskSpec(base: TaskSpec, flags: ServiceFlags): TaskSpec {
  const restart = restartPolicy(flags);
  const limits = resources('limit', flags.limitCpu, flags.limitMemory, flags.limitPids);
  const reservations = resources('reserve', flags.reserveCpu, flags.reserveMemory);
  const max = flags.replicasMaxPerNode;
  const log = logDriver(base.LogDriver, flags);
  return {
    ...base,
    ContainerSpec: containerSpec(base.ContainerSpec ?? {}, flags),
    Resources: {
      ...base.Resources,
      ...(limits && { Limits: { ...base.Resources?.Limits, ...limits } }),
      ...(reservations && { Reservations: { ...base.Resources?.Reservations, ...reservations } }),
    },
    ...(restart && { RestartPolicy: { ...base.RestartPolicy, ...restart } }),
    Placement: { ...base.Placement, ...(max !== undefined && { MaxReplicas: whole('--replicas-max-per-node', max) }) },
    ...(log && { LogDriver: log }),
  };
}

function containerSpec(base: ContainerSpec, flags: ServiceFlags): ContainerSpec {
  const health = healthcheck(base.Healthcheck, flags);
  return {
    ...base,
    ...(health && { Healthcheck: health }),
    ...(flags.stopGracePeriod !== undefined && { StopGracePeriod: duration('--stop-grace-period', flags.stopGracePeriod) }),
    ...(flags.stopSignal !== undefined && { StopSignal: flags.stopSignal }),
    ...(flags.hostname !== undefined && { Hostname: flags.hostname }),
    ...(flags.user !== undefined && { User: flags.user }),
    ...(flags.workdir !== undefined && { Dir: flags.workdir }),
    ...(flags.entrypoint !== undefined && { Command: words(flags.entrypoint) }),
    ...(flags.isolation !== undefined && { Isolation: flags.isolation }),
    ...(flags.oomScoreAdj !== undefined && { OomScoreAdj: score(flags.oomScoreAdj) }),
    ...(flags.init !== undefined && { Init: flags.init }),
    ...(flags.readOnly !== undefined && { ReadOnly: flags.readOnly }),
    ...(flags.tty !== undefined && { TTY: flags.tty }),
  };
}

/** Words as a shell would cut them, as far as quotes go. */
export function words(text: string): string[] {
  const found = text.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return found.map((word) =>
    word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_all, double?: string, single?: string) => single ?? (double ?? '').replaceAll(/\\(.)/g, '$1')),
  );
}

function score(text: string): number {
  if (!/^-?\d+$/.test(text)) throw usage(`--oom-score-adj is a whole number, not "${text}"`);
  return Number(text);
}

function logDriver(base: LogDriver | undefined, { logDriver: name, logOpt }: ServiceFlags): LogDriver | undefined {
  if (name === undefined && logOpt === undefined) return undefined;
  const options = pairs(logOpt);
  return { ...(name === undefined ? base : { Name: name }), ...(options && { Options: options }) };
}

function healthcheck(base: Healthcheck | undefined, flags: ServiceFlags): Healthcheck | undefined {
  const span = (flag: string, text: string | undefined, key: string) => text !== undefined && { [key]: duration(flag, text) };
  const parts: Healthcheck = {
    ...(flags.healthCmd !== undefined && { Test: ['CMD-SHELL', flags.healthCmd] }),
    ...span('--health-interval', flags.healthInterval, 'Interval'),
    ...span('--health-timeout', flags.healthTimeout, 'Timeout'),
    ...span('--health-start-period', flags.healthStartPeriod, 'StartPeriod'),
    ...span('--health-start-interval', flags.healthStartInterval, 'StartInterval'),
    ...(flags.healthRetries !== undefined && { Retries: whole('--health-retries', flags.healthRetries) }),
  };
  const given = Object.keys(parts).length > 0;
  if (flags.noHealthcheck) {
    if (given) throw usage('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  return given ? { ...(base?.Test?.[0] !== 'NONE' && base), ...parts } : undefined;
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

function rollout(flags: ServiceFlags, kind: 'update' | 'rollback', actions: readonly NonNullable<UpdateConfig['FailureAction']>[]): UpdateConfig | undefined {
  const value = (name: 'Parallelism' | 'Delay' | 'FailureAction' | 'Monitor' | 'MaxFailureRatio' | 'Order'): string | undefined => flags[`${kind}${name}`];
  const [parallelism, delay, action, monitor, ratio, order] = [
    value('Parallelism'),
    value('Delay'),
    value('FailureAction'),
    value('Monitor'),
    value('MaxFailureRatio'),
    value('Order'),
  ];
  const parts = {
    ...(parallelism !== undefined && { Parallelism: whole(`--${kind}-parallelism`, parallelism) }),
    ...(delay !== undefined && { Delay: duration(`--${kind}-delay`, delay) }),
    ...(action !== undefined && { FailureAction: oneOf(`--${kind}-failure-action`, action, actions) }),
    ...(monitor !== undefined && { Monitor: duration(`--${kind}-monitor`, monitor) }),
    ...(ratio !== undefined && { MaxFailureRatio: fraction(`--${kind}-max-failure-ratio`, ratio) }),
    ...(order !== undefined && { Order: oneOf(`--${kind}-order`, order, ['start-first', 'stop-first']) }),
  };
  return Object.keys(parts).length > 0 ? parts : undefined;
}

function fraction(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw usage(`${flag} is a number from 0 to 1, not "${text}"`);
  return value;
}

function resources(flag: string, cpu: string | undefined, memory: string | undefined, pids?: string): ResourceLimits | undefined {
  if (cpu === undefined && memory === undefined && pids === undefined) return undefined;
  if (cpu !== undefined && !(Number(cpu) >= 0 && cpu.trim() !== '')) throw usage(`--${flag}-cpu is a number such as 0.5, not "${cpu}"`);
  return {
    ...(cpu !== undefined && { NanoCPUs: Math.round(Number(cpu) * 1e9) }),
    ...(memory !== undefined && { MemoryBytes: size(`--${flag}-memory`, memory) }),
    ...(pids !== undefined && { Pids: whole('--limit-pids', pids) }),
  };
}

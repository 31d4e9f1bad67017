/** `service inspect --pretty`: a service in docker's words and order. */
import { formatDuration } from '#base/text/duration';
import { capital, humanDuration, humanSize } from '#base/text/human';
import { modeOf, type Service } from '#model/object/service';
import type { ContainerSpec, PortConfig, ResourceLimits, TaskSpec, UpdateConfig } from '#model/object/service-spec';
import { protocolOf, publishModeOf } from '#model/port/port';
import { familiarImage } from '#model/image/image-reference';

type Lines = readonly string[];

/** Lines of `service`, whose spec has its defaults said; network ids are shown by `networkName`. */
export function prettyService(service: Service, networkName: (id: string) => string, now: number): Lines {
  const { Spec } = service;
  const task = Spec.TaskTemplate;
  const job = modeOf(Spec).endsWith('-job');
  return [
    '',
    `ID:\t\t${service.ID}`,
    `Name:\t\t${Spec.Name}`,
    ...block('Labels:', map(Spec.Labels, '=')),
    ...modeLines(service),
    ...updateStatus(service, now),
    'Placement:',
    ...placement(task),
    ...(job ? [] : [...rollout('Update', Spec.UpdateConfig), ...rollout('Rollback', Spec.RollbackConfig)]),
    ...container(task.ContainerSpec ?? {}),
    ...files(task.ContainerSpec ?? {}),
    ...logDriver(task),
    'Resources:',
    ...resources('Reservations', task.Resources?.Reservations),
    ...resources('Limits', task.Resources?.Limits),
    ...(task.Networks?.length ? [`Networks: ${task.Networks.map(({ Target = '' }) => networkName(Target)).join(' ')} `] : []),
    `Endpoint Mode:\t${service.Endpoint?.Spec?.Mode ?? Spec.EndpointSpec?.Mode ?? 'vip'}`,
    ...block('Ports:', (service.Endpoint?.Ports ?? []).flatMap(portLines)),
    ...health(task.ContainerSpec ?? {}),
    '',
  ];
}

function block(heading: string, lines: Lines): Lines {
  return lines.length > 0 ? [heading, ...lines] : [];
}

function map(values: Readonly<Record<string, string>> | undefined, sign: string): Lines {
  return Object.entries(values ?? {}).map(([key, value]) => ` ${key}${sign}${value}`);
}

function line(heading: string, value: string | number | boolean | undefined): Lines {
  return value === undefined || value === '' ? [] : [` ${heading}${value}`];
}

function span(heading: string, nanoseconds: number | undefined): Lines {
  return nanoseconds ? [` ${heading}${formatDuration(nanoseconds)}`] : [];
}

function modeLines({ Spec }: Service): Lines {
  const mode = modeOf(Spec);
  const title = mode.split('-').map(capital).join(' ');
  return [
    `Service Mode:\t${title}`,
    ...line('Replicas:\t', mode === 'replicated' ? (Spec.Mode?.Replicated?.Replicas ?? 1) : undefined),
    ...line('Total Completions:\t', Spec.Mode?.ReplicatedJob?.TotalCompletions),
    ...line('Max Concurrent:\t', Spec.Mode?.ReplicatedJob?.MaxConcurrent),
  ];
}

function updateStatus({ UpdateStatus: status }: Service, now: number): Lines {
  if (!status?.State) return [];
  const age = (time: string | undefined): string | undefined => (time ? `${humanDuration(now - Date.parse(time)).toLowerCase()} ago` : undefined);
  return [
    'UpdateStatus:',
    ` State:\t\t${status.State}`,
    ...line('Started:\t', age(status.StartedAt)),
    ...line('Completed:\t', age(status.CompletedAt)),
    ` Message:\t${status.Message}`,
  ];
}

function placement({ Placement: given }: TaskSpec): Lines {
  const preferences = given?.Preferences?.map((preference) => `spread=${preference.Spread?.SpreadDescriptor ?? ''}`) ?? [];
  return [
    ...(given?.Constraints?.length ? [` Constraints:\t[${given.Constraints.join(' ')}]`] : []),
    ...(preferences.length > 0 ? [` Preferences:   [${preferences.join(' ')}]`] : []),
    ...(given?.MaxReplicas ? [` Max Replicas Per Node:   ${given.MaxReplicas}`] : []),
  ];
}

function rollout(kind: 'Update' | 'Rollback', config: UpdateConfig | undefined): Lines {
  if (!config) return [];
  return [
    `${kind}Config:`,
    ` Parallelism:\t${config.Parallelism ?? 0}`,
    ...span('Delay:\t\t', config.Delay),
    ...line('On failure:\t', config.FailureAction),
    ...span('Monitoring Period: ', config.Monitor),
    ` Max failure ratio: ${config.MaxFailureRatio ?? 0}`,
    ...line(kind === 'Update' ? 'Update order:      ' : 'Rollback order:    ', config.Order),
  ];
}

function container(spec: ContainerSpec): Lines {
  const listed = (values: Lines | undefined): string | undefined => (values?.length ? `${values.join(' ')} ` : undefined);
  return [
    'ContainerSpec:',
    ` Image:\t\t${familiarImage(spec.Image ?? '', true)}`,
    ...line('Args:\t\t', listed(spec.Args)),
    ...line('Env:\t\t', listed(spec.Env)),
    ...line('Dir:\t\t', spec.Dir),
    ...line('Init:\t\t', spec.Init ?? false),
    ...line('User: ', spec.User),
    ...block('Capabilities:', [...line('Add: ', spec.CapabilityAdd?.join(', ')), ...line('Drop: ', spec.CapabilityDrop?.join(', '))]),
    ...block('SysCtls:', map(spec.Sysctls, ': ')),
    ...block(
      'Ulimits:',
      (spec.Ulimits ?? []).map((limit) => ` ${limit.Name}: ${limit.Soft}:${limit.Hard}`),
    ),
  ];
}

function files(spec: ContainerSpec): Lines {
  const mounts = (spec.Mounts ?? []).flatMap((mount) => [
    ` Target:\t${mount.Target ?? ''}`,
    `  Source:\t${mount.Source ?? ''}`,
    `  ReadOnly:\t${mount.ReadOnly ?? false}`,
    `  Type:\t\t${mount.Type ?? 'volume'}`,
  ]);
  const file = (target: string | undefined, source: string): Lines => [` Target:\t${target ?? ''}`, `  Source:\t${source}`];
  return [
    ...block('Mounts:', mounts),
    ...block(
      'Configs:',
      (spec.Configs ?? []).flatMap((config) => file(config.File?.Name, config.ConfigName)),
    ),
    ...block(
      'Secrets:',
      (spec.Secrets ?? []).flatMap((secret) => file(secret.File?.Name, secret.SecretName)),
    ),
  ];
}

function logDriver({ LogDriver: driver }: TaskSpec): Lines {
  if (!driver?.Name) return [];
  const options = Object.entries(driver.Options ?? {}).map(([key, value]) => `  ${`${key}:`.padEnd(16)}${value}`);
  return ['Log Driver:', ` Name:\t\t${driver.Name}`, ...block(' LogOpts:', options), ''];
}

function resources(heading: string, given: ResourceLimits | undefined): Lines {
  if (!given?.NanoCPUs && !given?.MemoryBytes && !given?.Pids) return [];
  return [
    ` ${heading}:`,
    ...(given.NanoCPUs ? [`  CPU:\t\t${given.NanoCPUs / 1e9}`] : []),
    ...(given.MemoryBytes ? [`  Memory:\t${humanSize(given.MemoryBytes)}`] : []),
    ...(given.Pids ? [`  PIDs:\t\t${given.Pids}`] : []),
  ];
}

function portLines(port: PortConfig): Lines {
  return [
    ` PublishedPort = ${port.PublishedPort ?? 0}`,
    `  Protocol = ${protocolOf(port)}`,
    `  TargetPort = ${port.TargetPort}`,
    `  PublishMode = ${publishModeOf(port)}`,
  ];
}

function health({ Healthcheck: check }: ContainerSpec): Lines {
  if (!check) return [];
  const time = (nanoseconds: number | undefined): string => formatDuration(nanoseconds ?? 0);
  return [
    ' Healthcheck:',
    `  Interval = ${time(check.Interval)}`,
    `  Retries = ${check.Retries ?? 0}`,
    `  StartPeriod =\t${time(check.StartPeriod)}`,
    `  Timeout =\t${time(check.Timeout)}`,
    '  Tests:',
    ...(check.Test ?? []).map((word) => `\t Test = ${word}`),
  ];
}

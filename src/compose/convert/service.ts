/** A service's model to the Engine API's ServiceSpec, field by field as Docker sends it. */
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import { imageLabel } from '#model/object/meta';
import type {
  ConfigReference,
  ContainerSpec,
  EndpointSpec,
  Healthcheck,
  PortConfig,
  SecretReference,
  ServiceMode,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '#model/object/service-spec';
import type { HealthcheckModel, Project, ServiceModel, UpdateModel } from '../project.ts';
import { sortLikeGo } from './go-sort.ts';
import { normalImage } from '#model/image/image-reference';
import { convertCapabilities, convertPrivileges, convertResources, convertRestart } from './limits.ts';
import { convertMount } from './mounts.ts';
import { filled, scoped, someOf, stackLabels } from './names.ts';
import { convertAttachments } from './networks.ts';

export interface ServiceInput {
  key: string;
  service: ServiceModel;
  project: Project;
  stack: string;
  secrets: readonly SecretReference[];
  configs: readonly ConfigReference[];
  /** What Docker's CLI reads of a mount and leaves out (tmpfs mode, options of bind mounts) is honoured. */
  wholeMounts: boolean;
}

/** Throws Refusal with Docker's texts, without the `service NAME: ` before them. */
export function convertService(input: ServiceInput): ServiceSpec {
  const { key, service, stack } = input;
  const deploy = service.deploy ?? {};
  return {
    Name: scoped(stack, key),
    Labels: { ...stackLabels(stack, deploy.labels), [imageLabel]: service.image ?? '' },
    TaskTemplate: taskTemplate(input),
    Mode: mode(deploy.mode ?? '', deploy.replicas),
    ...(deploy.update_config && { UpdateConfig: updateConfig(deploy.update_config) }),
    ...(deploy.rollback_config && { RollbackConfig: updateConfig(deploy.rollback_config) }),
    EndpointSpec: endpoint(service),
  };
}

function taskTemplate(input: ServiceInput): TaskSpec {
  const { key, service, project, stack } = input;
  const restart = convertRestart(service);
  const placement = service.deploy?.placement;
  const { logging } = service;
  return {
    ContainerSpec: containerSpec(input),
    Resources: convertResources(service.deploy?.resources),
    ...(restart && { RestartPolicy: restart }),
    Placement: filled({
      Constraints: placement?.constraints,
      Preferences: placement?.preferences?.map(({ spread }) => ({ Spread: { SpreadDescriptor: spread ?? '' } })),
      MaxReplicas: placement?.max_replicas_per_node,
    }),
    Networks: convertAttachments(key, service, project, stack),
    ...(logging && { LogDriver: filled({ Name: logging.driver, Options: someOf(logging.options) }) }),
    ForceUpdate: 0,
  };
}

function containerSpec(input: ServiceInput): ContainerSpec {
  const { service, project, stack, secrets, configs, wholeMounts } = input;
  const { add, drop } = convertCapabilities(service);
  const spec = filled<ContainerSpec>({
    Image: normalImage(service.image ?? ''),
    Labels: stackLabels(stack, service.labels),
    Command: service.entrypoint,
    Args: service.command,
    Hostname: service.hostname,
    Env: environment(service),
    Dir: service.working_dir,
    User: service.user,
    Privileges: convertPrivileges(service, configs),
    StopSignal: service.stop_signal,
    TTY: service.tty,
    OpenStdin: service.stdin_open,
    ReadOnly: service.read_only,
    Mounts: service.volumes?.map((mount) => convertMount(mount, project, stack, wholeMounts)),
    Healthcheck: service.healthcheck && healthcheck(service.healthcheck),
    Hosts: service.extra_hosts?.map(hostEntry),
    DNSConfig: service.dns || service.dns_search ? filled({ Nameservers: service.dns, Search: service.dns_search }) : undefined,
    Secrets: secrets,
    Configs: configs,
    Isolation: service.isolation,
    Sysctls: someOf(service.sysctls),
    CapabilityAdd: add,
    CapabilityDrop: drop,
    Ulimits: ulimits(service),
  });
  // Pointers in Go: a false and a zero are sent.
  if (service.init !== undefined) spec.Init = service.init;
  if (service.stop_grace_period !== undefined) spec.StopGracePeriod = service.stop_grace_period;
  return spec;
}

function environment(service: ServiceModel): string[] {
  return Object.entries(service.environment ?? {})
    .map(([key, value]) => (value === null ? key : `${key}=${value}`))
    .sort(compareTexts);
}

function hostEntry(entry: string): string {
  const at = entry.indexOf(':');
  return `${entry.slice(at + 1)} ${entry.slice(0, at)}`;
}

function ulimits(service: ServiceModel): { Name: string; Soft: number; Hard: number }[] {
  const names = Object.entries(service.ulimits ?? {}).sort(([a], [b]) => compareTexts(a, b));
  return names.map(([Name, { single, soft, hard }]) => ({ Name, Hard: single || (hard ?? 0), Soft: single || (soft ?? 0) }));
}

function healthcheck(model: HealthcheckModel): Healthcheck {
  if (model.disable === true) {
    if ((model.test?.length ?? 0) > 0) throw new Refusal('invalidArgument', "test and disable can't be set at the same time");
    return { Test: ['NONE'] };
  }
  return filled<Healthcheck>({
    Test: model.test,
    Interval: model.interval,
    Timeout: model.timeout,
    StartPeriod: model.start_period,
    StartInterval: model.start_interval,
    Retries: model.retries,
  });
}

function mode(name: string, replicas: number | undefined): ServiceMode {
  const counted = name === '' || name === 'replicated' || name === 'replicated-job';
  if (!counted && !name.startsWith('global')) throw new Refusal('invalidArgument', `Unknown mode: ${name}`);
  if (name === 'replicated-job') return { ReplicatedJob: replicas === undefined ? {} : { MaxConcurrent: replicas, TotalCompletions: replicas } };
  if (counted) return { Replicated: replicas === undefined ? {} : { Replicas: replicas } };
  if (name !== 'global' && name !== 'global-job') throw new Refusal('invalidArgument', `Unknown mode: ${name}`);
  if (replicas !== undefined) throw new Refusal('invalidArgument', 'replicas can only be used with replicated or replicated-job mode');
  return name === 'global' ? { Global: {} } : { GlobalJob: {} };
}

function updateConfig(model: UpdateModel): UpdateConfig {
  return {
    Parallelism: model.parallelism ?? 1,
    ...(model.delay && { Delay: model.delay }),
    ...(model.failure_action && { FailureAction: model.failure_action }),
    ...(model.monitor && { Monitor: model.monitor }),
    MaxFailureRatio: singlePrecision(model.max_failure_ratio ?? 0),
    Order: model.order ?? '',
  };
}

/** The shortest decimal that names the same 32-bit float: Go keeps the ratio in one. */
export function singlePrecision(value: number): number {
  for (let digits = 1; digits < 10; digits += 1) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === Math.fround(value)) return shorter;
  }
  return value;
}

function endpoint(service: ServiceModel): EndpointSpec {
  const ports = (service.ports ?? []).map((port) =>
    filled<PortConfig>({
      Name: port.name,
      Protocol: port.protocol as PortConfig['Protocol'],
      TargetPort: port.target,
      PublishedPort: port.published,
      PublishMode: port.mode as PortConfig['PublishMode'],
    }),
  );
  const sorted = sortLikeGo(ports, (a, b) => (a.PublishedPort ?? 0) < (b.PublishedPort ?? 0));
  return filled<EndpointSpec>({ Mode: (service.deploy?.endpoint_mode ?? '').toLowerCase(), Ports: sorted });
}

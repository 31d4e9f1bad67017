/** A service's spec as Docker stores it: what was given, with the defaults that Docker writes into it. What was not given stays away. */
import { equal } from '#base/equal';
import { shownNetworkId } from '#model/object/network';
import { defaults } from '#model/object/service';
import type {
  ContainerSpec,
  EndpointSpec,
  Mount,
  NetworkAttachmentConfig,
  PortConfig,
  Privileges,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '#model/object/service-spec';
import { protocolOf, publishModeOf } from '#model/port/port';

export function storedSpec(spec: ServiceSpec): object {
  const { UpdateConfig: updating, RollbackConfig: rolling } = spec;
  const old = spec.Networks && targets(spec.Networks);
  const { Networks, ...task } = storedTask(spec.TaskTemplate);
  const endpoint = storedEndpoint(spec.EndpointSpec);
  return {
    ...spec,
    Labels: spec.Labels ?? {},
    // Networks that were named in their old place are shown there, and there only.
    ...(old && { Networks: old }),
    TaskTemplate: { ...task, ...(Networks && !(old && equal(old, Networks)) && { Networks }) },
    ...(updating && { UpdateConfig: storedUpdate(updating) }),
    ...(rolling && { RollbackConfig: storedUpdate(rolling) }),
    ...(endpoint && { EndpointSpec: endpoint }),
  };
}

export function storedTask(task: TaskSpec): TaskSpec {
  const { Networks, ...rest } = task;
  const { ContainerSpec, Resources, Placement, RestartPolicy, ForceUpdate = 0, Runtime = 'container' } = rest;
  return {
    ...rest,
    ...(ContainerSpec && { ContainerSpec: storedContainer(ContainerSpec) }),
    ...(Resources?.Reservations && { Resources: { ...Resources, Reservations: withoutEmpty(Resources.Reservations) } }),
    ...(Placement && { Placement: withoutEmpty(Placement) }),
    ...(RestartPolicy && {
      RestartPolicy: { ...RestartPolicy, Condition: RestartPolicy.Condition || defaults.restart.Condition, MaxAttempts: RestartPolicy.MaxAttempts ?? 0 },
    }),
    ...(Networks?.length && { Networks: targets(Networks) }),
    ForceUpdate,
    Runtime,
  };
}

/** What says nothing is left out, but for what Docker tells from absence. */
function storedContainer(container: ContainerSpec): ContainerSpec {
  const { Privileges, Mounts } = container;
  return {
    ...withoutEmpty(container, ['Init', 'StopGracePeriod', 'Healthcheck', 'DNSConfig']),
    ...(Privileges && { Privileges: storedPrivileges(Privileges) }),
    ...(Mounts?.length && { Mounts: Mounts.map(storedMount) }),
    Isolation: container.Isolation || 'default',
  };
}

/** Whole, as Docker writes them; what was not given is null. */
function storedPrivileges({ CredentialSpec, SELinuxContext, ...others }: Privileges): Privileges {
  return {
    NoNewPrivileges: false,
    ...others,
    CredentialSpec: CredentialSpec ? { Config: '', File: '', Registry: '', ...CredentialSpec } : null,
    SELinuxContext: SELinuxContext ? { Disable: false, User: '', Role: '', Type: '', Level: '', ...SELinuxContext } : null,
  };
}

function storedMount(mount: Mount): Mount {
  const { BindOptions, Consistency, ...said } = withoutEmpty(mount, ['VolumeOptions', 'TmpfsOptions']);
  return { ...said, ...(Consistency && Consistency !== 'default' && { Consistency }), ...(BindOptions && { BindOptions }) };
}

/** As Go leaves out fields that are marked so. */
function withoutEmpty<T extends object>(value: T, kept: readonly (keyof T)[] = []): T {
  return Object.fromEntries(Object.entries(value).filter(([key, entry]) => kept.includes(key as keyof T) || !isEmpty(entry))) as T;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return !value;
}

export function storedEndpoint(spec: EndpointSpec | undefined): EndpointSpec | undefined {
  return spec && { ...spec, Mode: spec.Mode || 'vip', ...(spec.Ports && { Ports: spec.Ports.map(storedPort) }) };
}

function storedPort(port: PortConfig): PortConfig {
  return { ...port, Protocol: protocolOf(port), PublishMode: publishModeOf(port) };
}

function storedUpdate(config: UpdateConfig): UpdateConfig {
  const { FailureAction, MaxFailureRatio, Order } = defaults.update;
  const { Delay, Monitor, ...said } = config;
  const durations = { ...(Delay && { Delay }), ...(Monitor && { Monitor }) };
  return { Parallelism: 0, MaxFailureRatio, ...said, ...durations, FailureAction: config.FailureAction || FailureAction, Order: config.Order || Order };
}

function targets(networks: readonly NetworkAttachmentConfig[]): NetworkAttachmentConfig[] {
  return networks.map((network) => ({ ...network, ...(network.Target !== undefined && { Target: shownNetworkId(network.Target) }) }));
}

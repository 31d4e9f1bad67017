/** A service's spec as Docker stores it: what was given, with the defaults that Docker writes into it. What was not given stays away. */
import { equal } from '#base/equal';
import { shownNetworkId } from '#model/object/network';
import { defaults } from '#model/object/service';
import type { EndpointSpec, NetworkAttachmentConfig, PortConfig, ServiceSpec, TaskSpec, UpdateConfig } from '#model/object/service-spec';
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
  const { ContainerSpec, RestartPolicy, Networks, ForceUpdate = 0, Runtime = 'container' } = task;
  return {
    ...task,
    ...(ContainerSpec && { ContainerSpec: { ...ContainerSpec, Isolation: ContainerSpec.Isolation || 'default' } }),
    ...(RestartPolicy && {
      RestartPolicy: { ...RestartPolicy, Condition: RestartPolicy.Condition || defaults.restart.Condition, MaxAttempts: RestartPolicy.MaxAttempts ?? 0 },
    }),
    ...(Networks && { Networks: targets(Networks) }),
    ForceUpdate,
    Runtime,
  };
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

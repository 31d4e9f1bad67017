/** What is added to a ServiceSpec on its way out and in: defaults for display, and our extensions that Docker's clients drop. */
import { sameService } from '#model/difference/spec-compare';
import { defaults } from '#model/object/service';
import type { PortConfig, ServiceSpec, TaskSpec, UpdateConfig } from '#model/object/service-spec';
import { storedTask } from './stored-spec.ts';
import { listedBy, publishedKey, publishModeOf, targetKey } from '#model/port/port';

/** With SwarmKit's defaults said, for `?insertDefaults=true`. */
export function withDefaults(spec: ServiceSpec): ServiceSpec {
  const container = spec.TaskTemplate.ContainerSpec;
  return {
    ...spec,
    TaskTemplate: {
      ...spec.TaskTemplate,
      ...(container && {
        ContainerSpec: { ...container, StopGracePeriod: container.StopGracePeriod ?? defaults.stopGracePeriod, DNSConfig: container.DNSConfig ?? {} },
      }),
      Resources: spec.TaskTemplate.Resources ?? {},
      RestartPolicy: { ...defaults.restart, ...spec.TaskTemplate.RestartPolicy },
      Placement: spec.TaskTemplate.Placement ?? {},
    },
    UpdateConfig: updateDefaults(spec.UpdateConfig),
    RollbackConfig: updateDefaults(spec.RollbackConfig),
  };
}

/** A config that was given keeps its parallelism, where absent means all at once. */
function updateDefaults(config: UpdateConfig | undefined): UpdateConfig {
  if (!config) return defaults.update;
  return { ...defaults.update, Parallelism: 0, ...config, Monitor: config.Monitor || defaults.update.Monitor };
}

/**
 * `next` with the `Shoal` parts of `current` where it has none itself. Docker's clients read a spec, change it
 * and send back only the fields that they know: without this, `docker service scale` would drop devices and dependencies.
 */
export function keepUnseen(current: ServiceSpec, next: ServiceSpec): ServiceSpec {
  return keepUnchanged(current, keepExtensions(current, next));
}

/**
 * Parts that ask for the same as before stay to the letter: a client that writes out defaults and empty lists
 * on its way through changes nothing, and no task may be replaced for it; nor does one that was not shown what says nothing.
 */
function keepUnchanged(current: ServiceSpec, next: ServiceSpec): ServiceSpec {
  const { TaskTemplate, EndpointSpec } = current;
  const parts = (spec: ServiceSpec): ServiceSpec => ({ Name: '', TaskTemplate: storedTask(withOldNetworks(spec)) });
  const ends = (spec: ServiceSpec): ServiceSpec => ({ Name: '', TaskTemplate: {}, ...(spec.EndpointSpec && { EndpointSpec: spec.EndpointSpec }) });
  return {
    ...next,
    ...(sameService(parts(current), parts(next)) && { TaskTemplate }),
    ...(EndpointSpec && sameService(ends(current), ends(next)) && { EndpointSpec }),
  };
}

/** The task with the networks that were named in their old place, if it names none itself. */
function withOldNetworks({ TaskTemplate, Networks }: ServiceSpec): TaskSpec {
  return TaskTemplate.Networks?.length || !Networks?.length ? TaskTemplate : { ...TaskTemplate, Networks };
}

function keepExtensions(current: ServiceSpec, next: ServiceSpec): ServiceSpec {
  const ports = keepPorts(current.EndpointSpec?.Ports ?? [], next.EndpointSpec?.Ports);
  return {
    ...extended(current, next),
    TaskTemplate: keepTask(current.TaskTemplate, next.TaskTemplate),
    ...(next.EndpointSpec && { EndpointSpec: { ...next.EndpointSpec, ...(ports && { Ports: ports }) } }),
  };
}

function keepTask(current: TaskSpec, next: TaskSpec): TaskSpec {
  const container = next.ContainerSpec && extended(current.ContainerSpec ?? {}, next.ContainerSpec);
  const currentReservations = current.Resources?.Reservations;
  const keepsDevices = currentReservations?.Shoal !== undefined;
  const reservations = keepsDevices ? extended(currentReservations, next.Resources?.Reservations ?? {}) : next.Resources?.Reservations;
  return {
    ...next,
    ...(container && { ContainerSpec: container }),
    ...(reservations && { Resources: { ...next.Resources, Reservations: reservations } }),
  };
}

/** Each port of before keeps for one: a number may be published on several addresses. */
function keepPorts(current: readonly PortConfig[], ports: readonly PortConfig[] | undefined): PortConfig[] | undefined {
  const key = (each: PortConfig) => `${publishedKey(each)} ${targetKey(each)} ${publishModeOf(each)}`;
  const left = listedBy(current, key);
  return ports?.map((port) => {
    const same = left.get(key(port))?.shift();
    return same ? extended(same, port) : port;
  });
}

function extended<T extends { Shoal?: unknown }>(current: { Shoal?: unknown }, next: T): T {
  return next.Shoal === undefined && current.Shoal !== undefined ? { ...next, Shoal: current.Shoal } : next;
}

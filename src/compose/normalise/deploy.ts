/** `deploy` and `healthcheck` of a service. */
import { parseSize } from '#base/text/human';
import { Refusal } from '#base/refusal';
import type { DeployModel, DeviceModel, HealthcheckModel, UpdateModel } from '../project.ts';
import { goText, isList, isMap, numberOf } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { count, decodeError, duration, flag, given, integer, strings, text, textOrList, texts } from './decode.ts';

type Resources = NonNullable<DeployModel['resources']>;

export function deploy(map: ValueMap): DeployModel {
  const { placement, restart_policy: restart } = map;
  return given<DeployModel>({
    mode: text(map.mode, 'Deploy.Mode'),
    replicas: count(map.replicas, 'Deploy.Replicas'),
    labels: strings(map.labels),
    update_config: isMap(map.update_config) ? update(map.update_config, 'Deploy.update_config') : undefined,
    rollback_config: isMap(map.rollback_config) ? update(map.rollback_config, 'Deploy.rollback_config') : undefined,
    resources: isMap(map.resources) ? resources(map.resources) : undefined,
    restart_policy: isMap(restart)
      ? given<NonNullable<DeployModel['restart_policy']>>({
          condition: text(restart.condition, 'Deploy.restart_policy.Condition'),
          delay: duration(restart.delay, 'Deploy.restart_policy.Delay'),
          max_attempts: count(restart.max_attempts, 'Deploy.restart_policy.max_attempts'),
          window: duration(restart.window, 'Deploy.restart_policy.Window'),
        })
      : undefined,
    placement: isMap(placement)
      ? given<NonNullable<DeployModel['placement']>>({
          constraints: texts(placement.constraints, 'Deploy.Placement.Constraints'),
          preferences: isList(placement.preferences) ? placement.preferences.map(preference) : undefined,
          max_replicas_per_node: count(placement.max_replicas_per_node, 'Deploy.Placement.max_replicas_per_node'),
        })
      : undefined,
    endpoint_mode: text(map.endpoint_mode, 'Deploy.endpoint_mode'),
  });
}

function preference(value: Value): { spread?: string } {
  return isMap(value) ? given<{ spread?: string }>({ spread: text(value.spread, 'Deploy.Placement.Preferences.Spread') }) : {};
}

function update(map: ValueMap, field: string): UpdateModel {
  return given<UpdateModel>({
    parallelism: count(map.parallelism, `${field}.Parallelism`),
    delay: duration(map.delay, `${field}.Delay`),
    failure_action: text(map.failure_action, `${field}.failure_action`),
    monitor: duration(map.monitor, `${field}.Monitor`),
    max_failure_ratio: numberOf(map.max_failure_ratio),
    order: text(map.order, `${field}.Order`),
  });
}

function resources(map: ValueMap): Resources {
  const { limits, reservations } = map;
  return given<Resources>({
    limits: isMap(limits)
      ? given<NonNullable<Resources['limits']>>({
          cpus: cpus(limits.cpus),
          memory: size(limits.memory, 'Deploy.Resources.Limits.memory'),
          pids: integer(limits.pids),
        })
      : undefined,
    reservations: isMap(reservations)
      ? given<NonNullable<Resources['reservations']>>({
          cpus: cpus(reservations.cpus),
          memory: size(reservations.memory, 'Deploy.Resources.Reservations.memory'),
          generic_resources: isList(reservations.generic_resources) ? reservations.generic_resources.map(genericResource) : undefined,
          devices: isList(reservations.devices) ? reservations.devices.filter(isMap).map(device) : undefined,
        })
      : undefined,
  });
}

function cpus(value: Value | undefined): string | undefined {
  return value === undefined || value === null ? undefined : goText(value);
}

/** Bytes. */
export function size(value: Value | undefined, field: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  try {
    return parseSize(goText(value));
  } catch (error) {
    throw error instanceof Refusal ? decodeError(field, error.message) : error;
  }
}

function genericResource(value: Value): { discrete_resource_spec?: { kind?: string; value?: number } } {
  const spec = isMap(value) ? value.discrete_resource_spec : undefined;
  if (!isMap(spec)) return {};
  return { discrete_resource_spec: given<{ kind?: string; value?: number }>({ kind: text(spec.kind, 'Kind'), value: integer(spec.value) }) };
}

/** An integer, or one written as a text. */
export function wholeNumber(value: Value | undefined, key: string): number | undefined {
  if (typeof value !== 'string') return integer(value);
  if (!/^-?\d{1,15}$/.test(value)) throw new Refusal('invalidArgument', `${JSON.stringify(value)} is no whole number`, { path: [key] });
  return Number(value);
}

/** A device request; `count: all` is -1, as the engine has it. */
export function device(map: ValueMap): DeviceModel {
  return given<DeviceModel>({
    driver: text(map.driver, 'Driver'),
    count: map.count === 'all' ? -1 : wholeNumber(map.count, 'count'),
    device_ids: texts(map.device_ids, 'device_ids'),
    capabilities: texts(map.capabilities, 'Capabilities'),
    options: strings(map.options),
  });
}

export function healthcheck(map: ValueMap): HealthcheckModel {
  return given<HealthcheckModel>({
    test: typeof map.test === 'string' ? ['CMD-SHELL', map.test] : textOrList(map.test, 'HealthCheck.Test'),
    timeout: duration(map.timeout, 'HealthCheck.Timeout'),
    interval: duration(map.interval, 'HealthCheck.Interval'),
    retries: count(map.retries, 'HealthCheck.Retries'),
    start_period: duration(map.start_period, 'HealthCheck.start_period'),
    start_interval: duration(map.start_interval, 'HealthCheck.start_interval'),
    disable: flag(map.disable),
  });
}

/** `deploy` and `healthcheck` of a service as `stack config` prints them. */
import { singlePrecision } from '../convert/service.ts';
import type { DeployModel, HealthcheckModel, UpdateModel } from '../project.ts';
import { Float } from '../value.ts';
import type { Ordered } from './emit.ts';
import { duration, full, list, some, struct } from './fields.ts';

export function healthcheck(model: HealthcheckModel): Ordered {
  return struct([
    ['test', full(model.test)],
    ['timeout', duration(model.timeout)],
    ['interval', duration(model.interval)],
    ['retries', model.retries],
    ['start_period', duration(model.start_period)],
    ['start_interval', duration(model.start_interval)],
    ['disable', full(model.disable)],
  ]);
}

export function deploy(model: DeployModel): Ordered {
  const { limits, reservations } = model.resources ?? {};
  const { restart_policy: restart, placement } = model;
  const generic = list(reservations?.generic_resources, ({ discrete_resource_spec: spec }) =>
    struct([
      [
        'discrete_resource_spec',
        spec &&
          struct([
            ['kind', spec.kind ?? ''],
            ['value', spec.value ?? 0],
          ]),
      ],
    ]),
  );
  return struct([
    ['mode', full(model.mode)],
    ['replicas', model.replicas],
    ['labels', full(model.labels)],
    ['update_config', model.update_config && update(model.update_config)],
    ['rollback_config', model.rollback_config && update(model.rollback_config)],
    [
      'resources',
      some(
        struct([
          [
            'limits',
            limits &&
              struct([
                ['cpus', full(limits.cpus)],
                ['memory', bytes(limits.memory)],
                ['pids', full(limits.pids)],
              ]),
          ],
          [
            'reservations',
            reservations &&
              struct([
                ['cpus', full(reservations.cpus)],
                ['memory', bytes(reservations.memory)],
                ['generic_resources', generic],
              ]),
          ],
        ]),
      ),
    ],
    [
      'restart_policy',
      restart &&
        struct([
          ['condition', full(restart.condition)],
          ['delay', duration(restart.delay)],
          ['max_attempts', restart.max_attempts],
          ['window', duration(restart.window)],
        ]),
    ],
    [
      'placement',
      placement &&
        some(
          struct([
            ['constraints', full(placement.constraints)],
            ['preferences', list(placement.preferences, ({ spread }) => struct([['spread', full(spread)]]))],
            ['max_replicas_per_node', full(placement.max_replicas_per_node)],
          ]),
        ),
    ],
    ['endpoint_mode', full(model.endpoint_mode)],
  ]);
}

/** Sizes are printed as texts of bytes. */
function bytes(size: number | undefined): string | undefined {
  return size ? String(size) : undefined;
}

function update(model: UpdateModel): Ordered {
  return struct([
    ['parallelism', model.parallelism],
    ['delay', duration(model.delay || undefined)],
    ['failure_action', full(model.failure_action)],
    ['monitor', duration(model.monitor || undefined)],
    ['max_failure_ratio', model.max_failure_ratio ? new Float(singlePrecision(model.max_failure_ratio)) : undefined],
    ['order', full(model.order)],
  ]);
}

/** How a stack fares: the verdicts on its services, seen from the view, so that they hold through restarts and need no writes. */
import { timeOf } from '#base/clock';
import { nanosecondsPerMillisecond, second } from '#base/text/duration';
import { serviceHealth, type HealthFacts, type ServiceHealth } from '#model/health/health';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import { worstHealth, type HealthState } from '#model/object/states';
import type { Revision, Stack } from '#model/object/stack';
import { pendingReasonOf, type PendingReason } from '#model/health/pending-reason';
import { isUpToDate } from '#model/task-fulfils';
import { presentTasks } from '#model/health/present-tasks';
import { wasRolledBack } from '#model/health/rolled-back';
import type { View } from '#store/view';
import { carriesLabel, isEmptyRecord } from './inventory.ts';

export interface StackHealth {
  State: HealthState;
  /** Of the first service that fares worst: `web_front: a task ended 3 times: …`. */
  Message: string;
  /** One for each service that is not healthy. */
  Reasons: readonly string[];
  /** Its last version was rolled back, and is not tried again. */
  Quarantined: boolean;
}

/** Nodes by id, to be made once for many verdicts. */
export function nodesOf(view: View): ReadonlyMap<string, Node> {
  return new Map([...view.list('node')].map((node) => [node.ID, node]));
}

export function healthOfService(view: View, service: Service, nodes: ReadonlyMap<string, Node>, now: number, except?: HealthFacts['except']): ServiceHealth {
  const all = [...view.tasksOfService(service.ID)];
  const tasks = presentTasks(all, (task) => isUpToDate(service, task, nodes.get(task.NodeID)));
  const { PreviousSpecVersion } = service.Shoal;
  const others = all.filter((task) => !tasks.includes(task) && task.Shoal.SpecVersion === PreviousSpecVersion);
  return serviceHealth({ service, tasks, others, nodes, now, ...(except && { except }) });
}

/** `services` are the stack's. */
export function healthOfStack(view: View, services: readonly Service[], nodes: ReadonlyMap<string, Node>, now: number): StackHealth {
  const verdicts = services.map((service) => ({ service, health: healthOfService(view, service, nodes, now) }));
  const State = worstHealth(verdicts.map(({ health }) => health.state));
  const text = ({ service, health }: (typeof verdicts)[number]): string => `${service.Spec.Name}: ${health.message}`;
  const bad = verdicts.filter(({ health }) => health.state !== 'healthy');
  const worst = bad.find(({ health }) => health.state === State);
  return {
    State,
    Message: worst ? text(worst) : '',
    Reasons: bad.map(text).toSorted(),
    Quarantined: services.some((service) => wasRolledBack(service)),
  };
}

/** The health of what a record stands for; undefined for a folder that was never applied. */
export function stackHealth(view: View, stack: Stack, nodes: ReadonlyMap<string, Node>, now: number): StackHealth | undefined {
  if (isEmptyRecord(stack)) return undefined;
  const names = [...new Set(stack.Services)];
  const services = names.flatMap((name) => view.byName('service', name) ?? []).filter((service) => carriesLabel(service, stack.Spec.Name));
  return withMissing(view, stack, healthOfStack(view, services, nodes, now));
}

/** What is missing of a stack is no part of what runs well. */
export function withMissing(view: View, stack: Pick<Stack, 'Services'>, health: StackHealth): StackHealth {
  const missing = missingServices(view, stack).map((name) => `${name}: it is missing`);
  if (missing.length === 0) return health;
  const Reasons = [...health.Reasons, ...missing].toSorted();
  // That nothing of it runs badly does not make it well.
  return health.State === 'healthy' ? { ...health, State: 'degraded', Message: missing[0] ?? '', Reasons } : { ...health, Reasons };
}

/** Names of services that its record has, and that somebody removed. */
export function missingServices(view: View, { Services }: Pick<Stack, 'Services'>): string[] {
  return Services.filter((name) => !view.byName('service', name));
}

/** What another service may have. */
const roomReasons: ReadonlySet<PendingReason> = new Set(['resources', 'port', 'other']);
/** Room may come by itself: tasks of before are on their way out. */
const patienceMs = 30_000;
/** Of a service that says nothing (nanoseconds). */
const usualGrace = 10 * second;

/** For how long a task that came with the version has had no place beyond what patience allows (ms, below 0: within it); undefined: none waits. What leaves may have the place. */
export function waitsForRoom(view: View, { Services, Rollout }: Stack, { CreatedAt }: Revision, now: number): number | undefined {
  const since = timeOf(Rollout?.Since ?? CreatedAt);
  const waits = Services.flatMap((name) => {
    const service = view.byName('service', name);
    if (!service) return [];
    const graceMs = (service.Spec.TaskTemplate.ContainerSpec?.StopGracePeriod ?? usualGrace) / nanosecondsPerMillisecond;
    const tasks = [...view.tasksOfService(service.ID)].filter(
      (task) =>
        task.Status.State === 'pending' &&
        task.Shoal.SpecVersion === service.Shoal.SpecVersion &&
        timeOf(task.CreatedAt) >= timeOf(CreatedAt) &&
        roomReasons.has(pendingReasonOf(task)),
    );
    return tasks.map((task) => now - Math.max(timeOf(task.CreatedAt), since) - patienceMs - graceMs);
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}

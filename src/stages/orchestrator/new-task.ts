/** Making tasks from a service's spec. */
import { own } from '#base/text/own';
import type { Steps } from '#base/pace/steps';
import { timeText } from '#base/clock';
import { isAllowed } from '#model/allowance';
import { earliest, namespaceLabel } from '#model/object/meta';
import { trustOf } from '#model/object/repository';
import type { Service } from '#model/object/service';
import type { Task, TaskMemory } from '#model/object/task';
import { applied } from '#model/task-status';
import { newMeta } from '#store/action';
import { clusterOf, type View } from '#store/view';
import type { Draft } from './draft.ts';
import { hasStopped, isWanted } from './slots.ts';

/** A successor waits at most this long (ms) for its predecessor's end (swarmkit restart.go). */
export const stopWaitMs = 60_000;

export interface TaskPlace {
  /** Slot number; for global services the node id. */
  key: string;
  /** What it remembers beside what the service says: start conditions, restarts. */
  memory?: Pick<TaskMemory, 'StartAfter' | 'StartDelay' | 'StartAfterTasks' | 'Rollout' | 'Restart' | 'Restarts'>;
}

/**
 * Tasks of a service that have not come up yet, at most: so many, or so many a node. More would only wait and be in the way.
 * One of which few run begins with few, and gets as many again as run: what cannot run at all fails in few slots.
 */
const startingLimit = { first: 100, tasks: 1000, perNode: 10 };

/** How many more tasks the service may have in the making. */
export function* startingRoom(draft: Draft): Steps<number> {
  let starting = 0;
  let running = 0;
  for (const task of draft.tasks()) {
    if (draft.pace.isDue) yield;
    if (!isWanted(task)) continue;
    // What fails while it still waits for its start has not come up either.
    if (task.Status.State === 'running') running++;
    else if (task.Status.State !== 'complete') starting++;
  }
  return startingRoomOf(draft.surroundings.nodes.length, running, starting);
}

export function startingRoomOf(nodes: number, running: number, starting: number): number {
  const { first, tasks, perNode } = startingLimit;
  return Math.min(Math.max(tasks, perNode * nodes), Math.max(first, perNode * nodes, running)) - starting;
}

/** Adds a task of the service's present spec; it waits in `ready` when `memory` holds a start condition. */
export function addTask(draft: Draft, place: TaskPlace): Task {
  const task = newTask(draft, place);
  draft.putTask(task);
  return task;
}

/** For whom it is made. */
export type TaskOwner = Pick<Draft, 'service' | 'surroundings' | 'isGlobal' | 'isJob'>;

export function newTask(owner: TaskOwner, { key, memory = {} }: TaskPlace): Task {
  const { service, surroundings, isGlobal, isJob } = owner;
  const { now } = surroundings.context;
  const waits = memory.StartAfter !== undefined || memory.StartAfterTasks !== undefined;
  const slot = isGlobal ? 0 : Number(key);
  const logDriver = service.Spec.TaskTemplate.LogDriver ? undefined : clusterOf(surroundings.view)?.Spec.TaskDefaults.LogDriver;
  const confined = confinementOf(surroundings.view, service);
  return {
    ...newMeta(surroundings.context.newId()),
    Spec: service.Spec.TaskTemplate,
    ServiceID: service.ID,
    // Slot 0 (global services, first task of a job) is absent in Docker's JSON.
    ...(slot > 0 && { Slot: slot }),
    NodeID: isGlobal ? key : '',
    Status: applied({ Timestamp: timeText(now), State: 'new', Message: 'created' }, now),
    DesiredState: waits ? 'ready' : startedState(owner),
    ...(isJob && { JobIteration: { Index: iterationOf(owner) } }),
    Shoal: {
      ServiceName: service.Spec.Name,
      ServiceLabels: service.Spec.Labels ?? {},
      SpecVersion: service.Shoal.SpecVersion,
      ...(service.Spec.EndpointSpec && { EndpointSpec: service.Spec.EndpointSpec }),
      ...(service.Shoal.RegistryAuth !== undefined && { RegistryAuth: service.Shoal.RegistryAuth }),
      ...(logDriver && { LogDriver: logDriver }),
      ...(confined && { Confined: confined, ConfinedSince: stackSince(surroundings.view, service) ?? timeText(now) }),
      ...memory,
    },
  };
}

/** Volumes by name that somebody else may have made; undefined: the task is not confined, or has no volumes. That a volume begins with the stack's name is checked at the deploy: whether it is the stack's only the node can see. @internal */
export function confinementOf(view: View, { Spec }: Pick<Service, 'Spec'>): readonly string[] | undefined {
  const mounts = Spec.TaskTemplate.ContainerSpec?.Mounts ?? [];
  const volumes = mounts.filter(({ Type, Source }) => Type === 'volume' && Source).map(({ Source = '' }) => Source);
  if (volumes.length === 0) return undefined;
  const source = view.byName('stack', Spec.Labels?.[namespaceLabel] ?? '')?.Source;
  if (source?.Kind !== 'repository') return undefined;
  const repository = view.byName('repository', source.Repository)?.Spec;
  if (repository && trustOf(repository) === 'full') return undefined;
  return volumes.filter((value) => isAllowed({ word: 'external', value }, repository?.Allow ?? []));
}

/** The start condition "after these have stopped"; none when all have. */
export function afterStopOf(draft: Draft, tasks: readonly Task[]): Pick<TaskMemory, 'StartAfterTasks'> {
  const running = tasks.filter((task) => !hasStopped(draft.surroundings.view, task, draft.now));
  if (running.length === 0) return {};
  return { StartAfterTasks: { IDs: running.map((task) => task.ID), Until: draft.now + stopWaitMs } };
}

/** What a started task of this service is to reach. */
export function startedState({ isJob }: Pick<Draft, 'isJob'>): 'running' | 'complete' {
  return isJob ? 'complete' : 'running';
}

/** Which run of the job is the present one. */
export function iterationOf({ service }: Pick<Draft, 'service'>): number {
  return service.JobStatus?.JobIteration.Index ?? 0;
}

/** Tells a task to stop; `remove` also means that it shall not stay as history. */
export function stopTask(draft: Draft, task: Task, desired: 'shutdown' | 'remove'): void {
  draft.putTask({ ...task, DesiredState: desired });
}

/** Of its record, the service, and a stack of the name that its repository had before, the oldest: who adopts a stack gets its record later than its services. Undefined: all come with this very entry. @internal */
export function stackSince(view: View, { Spec, CreatedAt }: Pick<Service, 'Spec' | 'CreatedAt'>): string | undefined {
  const name = Spec.Labels?.[namespaceLabel] ?? '';
  const stack = view.byName('stack', name);
  const repository = stack?.Source.Kind === 'repository' ? view.byName('repository', stack.Source.Repository) : undefined;
  return earliest([stack?.CreatedAt ?? '', CreatedAt, own(repository?.Left, name) ?? '']);
}

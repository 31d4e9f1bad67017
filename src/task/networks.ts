/** Which cluster networks a node needs, makes and drops. */
import type { NetworkAssignment } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { isDue, type Attempt } from './attempt.ts';
import { networkIds, type NetworkState } from './prepare.ts';
import type { ObservedContainer } from './step.ts';

export interface NetworkView {
  tasks: ReadonlyMap<string, Task>;
  attempts: ReadonlyMap<string, Attempt>;
  containers: ReadonlyMap<string, ObservedContainer>;
  assigned: ReadonlyMap<string, NetworkAssignment>;
  /** What was done so far in this life of the agent. */
  states: ReadonlyMap<string, NetworkState>;
  /** Ids of the networks that the engine has. */
  present: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  now: number;
}

export interface NetworkDecision {
  create: readonly NetworkAssignment[];
  /** Network ids. */
  remove: readonly string[];
  wakeAt?: number;
}

/** Networks of tasks that live are made, the others dropped once none of their containers runs. */
export function decideNetworks(view: NetworkView): NetworkDecision {
  const needed = neededNetworks(view);
  const create: NetworkAssignment[] = [];
  const remove: string[] = [];
  let wakeAt = Infinity;
  const due = (id: string) => {
    const retryAt = view.states.get(id)?.failure?.retryAt ?? 0;
    const now = isDue(retryAt, view.now);
    if (!now) wakeAt = Math.min(wakeAt, retryAt);
    return now;
  };
  for (const id of needed) {
    const assignment = view.assigned.get(id);
    const state = view.states.get(id);
    // A node that left it and came again may have another address there, by which the others know it: the network is made anew.
    const isAsGiven = state?.ready === true && state.gateway === assignment?.Gateway;
    if (assignment && !isAsGiven && due(id)) create.push(assignment);
  }
  // Containers that belong to no known task may sit in any network: they go first.
  const strangers = [...view.containers.keys()].some((taskId) => !view.tasks.has(taskId));
  for (const id of view.present) if (!needed.has(id) && !strangers && due(id)) remove.push(id);
  return { create, remove, ...(wakeAt < Infinity && { wakeAt }) };
}

function neededNetworks(view: NetworkView): ReadonlySet<string> {
  const needed = new Set<string>();
  // A node that is on it without a task of it leads published ports to tasks elsewhere.
  for (const [id, { Network }] of view.assigned) if (Network.Spec.Ingress) needed.add(id);
  for (const task of view.tasks.values()) {
    const state = (view.attempts.get(task.ID)?.status ?? task.Status).State;
    const running = view.containers.get(task.ID)?.state === 'running';
    if (!isTerminal(state) || running) for (const id of networkIds(task)) needed.add(id);
  }
  return needed;
}

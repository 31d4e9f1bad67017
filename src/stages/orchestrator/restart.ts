/** Restart policy: what follows a task that ended or lost its node (swarmkit manager/orchestrator/restart). */
import type { Steps } from '#base/pace/steps';
import { fencedFor } from '#model/options/fence';
import { statusTime } from '#model/task-status';
import { defaults } from '#model/object/service';
import type { RestartPolicy } from '#model/object/service-spec';
import type { Task, TaskMemory } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { wholeMilliseconds, type Draft } from './draft.ts';
import { heirOf, isLeaving, linger, mayLinger, stay } from './leave.ts';
import { addTask, afterStopOf, iterationOf, stopTask } from './new-task.ts';
import { fulfils } from '#model/task-fulfils';
import { isLost } from './node-fit.ts';
import { beatPeriod, isWanted } from './slots.ts';

/** Restarts remembered per slot; a higher max_attempts is as good as none. */
const rememberedRestarts = 1000;

/** Successors of tasks that ended by themselves: so many a node may wait side by side, and those beyond begin at most so many a second and node. */
const crowd = { atOnce: 20, perSecond: 5 };

/** Stops every task that ended or lost its node and, where its policy says so, puts a successor in its place. */
export function* restartTasks(draft: Draft): Steps<void> {
  const queue = new Queue(draft);
  for (const task of yield* draft.restless()) {
    if (draft.pace.isDue) yield;
    // One that still waits for its own start is looked at when the wait is over: no tight loops.
    if (!isWanted(task) || task.DesiredState === 'ready') continue;
    if (draft.isJob && (task.Status.State === 'complete' || (task.JobIteration?.Index ?? 0) !== iterationOf(draft))) continue;
    const lost = task.NodeID !== '' && isLost(draft.node(task.NodeID));
    const returned = !lost && isLeaving(task);
    if (!lost && !returned && (!isTerminal(task.Status.State) || isRolledBack(draft, task))) continue;
    if (draft.isFull) return;
    if (returned) stay(draft, task);
    else if (lost && mayLinger(draft, task) && mayRestart(task)) linger(draft, task, () => succeed(draft, task, {}));
    else if (draft.isGlobal && !mayReturn(draft, task)) stopTask(draft, task, 'shutdown');
    // Whoever took its place already is enough.
    else if (lost && !draft.isGlobal && heirOf(draft, task)) stopTask(draft, task, 'shutdown');
    else restart(draft, task, lost ? undefined : queue);
  }
}

/** The rollback itself replaces what the failed spec left behind: at once, and with its eye on the successor. */
function isRolledBack(draft: Draft, task: Task): boolean {
  return draft.service.UpdateStatus?.State === 'rollback_started' && draft.isDirty(task);
}

/** A global task restarts on its own node, so that node must still take it. */
function mayReturn(draft: Draft, task: Task): boolean {
  const node = draft.node(task.NodeID);
  return node !== undefined && !isLost(node) && node.Spec.Availability === 'active' && fulfils(node, draft.service.Spec.TaskTemplate.Placement);
}

/** Those of a service that wait for their restart: when a thousand slots fail at once, they don't come back at once. */
class Queue {
  readonly #nodes: number;
  #waiting: number | undefined;

  constructor(readonly draft: Draft) {
    this.#nodes = Math.max(1, draft.surroundings.nodes.length);
  }

  /** How much later than its policy says the next one begins, in whole seconds: those of a second go into one entry. */
  join(): number {
    this.#waiting ??= this.draft.tasks().filter(({ Shoal, DesiredState }) => DesiredState === 'ready' && Shoal.Restart === true).length;
    const beyond = this.#waiting++ - crowd.atOnce * this.#nodes;
    return beyond < 0 ? 0 : Math.ceil((beyond + 1) / (crowd.perSecond * this.#nodes)) * 1000;
  }
}

function restart(draft: Draft, task: Task, queue: Queue | undefined): void {
  stopTask(draft, task, 'shutdown');
  if (!mayRestart(task)) return;
  const drained = draft.node(task.NodeID)?.Spec.Availability === 'drain';
  const policyMs = wholeMilliseconds(task.Spec.RestartPolicy?.Delay, defaults.restart.Delay);
  // What lost its node did nothing wrong: the delay is for what ends by itself.
  const delayMs = drained ? 0 : !isTerminal(task.Status.State) ? lostDelay(draft, task) : policyMs + (queue?.join() ?? 0);
  succeed(draft, task, { ...(delayMs > 0 && { StartAfter: draft.now + delayMs, StartDelay: delayMs }), ...afterStopOf(draft, [task]) });
}

/** It may run on where nobody hears of it: services that must not run twice wait until it has stopped there by itself. */
function lostDelay(draft: Draft, task: Task): number {
  if (!draft.node(task.NodeID)) return 0;
  return fencedFor(task, beatPeriod(draft.surroundings.view)) ?? 0;
}

/** Puts another task into the slot; `gate` says what it waits for. */
function succeed(draft: Draft, task: Task, gate: Pick<TaskMemory, 'StartAfter' | 'StartDelay' | 'StartAfterTasks'>): void {
  addTask(draft, {
    key: draft.isGlobal ? task.NodeID : String(task.Slot ?? 0),
    memory: {
      Restart: true,
      ...gate,
      ...restartsAfter(draft, task),
      // That the rollout failed in this slot must outlive the history.
      ...(task.Shoal.Rollout?.Failed && { Rollout: task.Shoal.Rollout }),
    },
  });
}

/** The slot's history with this restart; another spec begins anew. */
function restartsAfter(draft: Draft, task: Task): Pick<TaskMemory, 'Restarts'> {
  const limit = draft.service.Spec.TaskTemplate.RestartPolicy?.MaxAttempts ?? 0;
  if (limit === 0) return {};
  const before = task.Shoal.SpecVersion === draft.service.Shoal.SpecVersion ? (task.Shoal.Restarts ?? []) : [];
  return { Restarts: [...before, draft.now].slice(-Math.min(limit, rememberedRestarts)) };
}

/** True when the task's policy lets a successor follow it; a finished job task needs none. */
export function mayRestart(task: Task): boolean {
  const policy: RestartPolicy = task.Spec.RestartPolicy ?? {};
  const condition = policy.Condition || defaults.restart.Condition;
  const completed = task.Status.State === 'complete';
  if (condition !== 'any' && (condition !== 'on-failure' || completed)) return false;
  if (completed && task.JobIteration) return false;
  if (!policy.MaxAttempts || policy.MaxAttempts > rememberedRestarts) return true;
  return countedRestarts(task, policy) < policy.MaxAttempts;
}

/** Restarts in the window before the task's end; all of them when no window is set. */
function countedRestarts(task: Task, policy: RestartPolicy): number {
  const restarts = task.Shoal.Restarts ?? [];
  if (!policy.Window) return restarts.length;
  const endedAt = statusTime(task);
  const since = endedAt - wholeMilliseconds(policy.Window, 0);
  return restarts.filter((at) => at > since && at < endedAt).length;
}

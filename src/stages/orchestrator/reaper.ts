/** Deletes tasks that nobody needs any more: removed ones that ended, and history beyond the limit (swarmkit taskreaper). */
import type { Steps } from '#base/pace/steps';
import { defaults, type Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { clusterOf, type View } from '#store/view';
import type { Draft } from './draft.ts';
import { iterationOf } from './new-task.ts';
import { isGone, isWanted } from './slots.ts';

/** Ended tasks of a service that are kept beside the newest of each slot, whatever the limit of a slot is: so many, or so many a node. */
const historyInAll = { tasks: 1000, perNode: 20 };

/** Deletes what is over and shall not stay. */
export function* reapTasks(draft: Draft): Steps<void> {
  for (const task of yield* draft.restless()) {
    if (draft.pace.isDue) yield;
    if (task.DesiredState !== 'remove' || !isGone(draft.surroundings.view, task)) continue;
    if (draft.isFull) return;
    draft.removeTask(task.ID);
  }
  const limit = historyLimit(draft.surroundings.view, draft.service);
  if (limit < 0) return;
  for (const slot of draft.slots()) {
    if (draft.pace.isDue) yield;
    let excess = slot.tasks.length - limit;
    // The newest stays whatever the limit is: it may be all that says that the slot has ended for good.
    for (const task of slot.tasks.slice(0, -1)) {
      if (excess <= 0) break;
      if (!isOver(draft, task)) continue;
      if (draft.isFull) return;
      draft.removeTask(task.ID);
      excess--;
    }
  }
  yield* shortenHistory(draft);
}

/** It is history. What a job has completed is its result, until its next run. */
function isOver(draft: Draft, task: Task): boolean {
  const earlierRun = draft.isJob && (task.JobIteration?.Index ?? 0) !== iterationOf(draft) && isTerminal(task.Status.State);
  return earlierRun || (!isWanted(task) && isGone(draft.surroundings.view, task));
}

/** Many slots that fail again and again leave more than anybody reads: the oldest goes first. */
function* shortenHistory(draft: Draft): Steps<void> {
  const { view, nodes } = draft.surroundings;
  const limit = historyLimitInAll(nodes.length);
  if (draft.tasks().length <= limit) return;
  const over: Task[] = [];
  for (const { tasks } of draft.slots()) {
    if (draft.pace.isDue) yield;
    for (const task of tasks.slice(0, -1)) if (isOver(draft, task)) over.push(task);
  }
  if (over.length <= limit) return;
  over.sort((a, b) => (view.serialOf('task', a.ID) ?? Infinity) - (view.serialOf('task', b.ID) ?? Infinity));
  for (const task of over.slice(0, Math.max(0, over.length - limit))) {
    if (draft.isFull) return;
    draft.removeTask(task.ID);
  }
}

/** Ended tasks that a service may have in all beside the newest of each slot. */
export function historyLimitInAll(nodes: number): number {
  return Math.max(historyInAll.tasks, historyInAll.perNode * nodes);
}

/** Tasks kept per slot, the running one among them; negative: all. Attempts that count must stay visible. */
export function historyLimit(view: View, service: Service): number {
  const attempts = service.Spec.TaskTemplate.RestartPolicy?.MaxAttempts ?? 0;
  if (attempts > 0) return attempts + 1;
  return clusterOf(view)?.Spec.Orchestration.TaskHistoryRetentionLimit ?? defaults.taskHistoryLimit;
}

/** Jobs: tasks that run to completion, once per iteration (swarmkit manager/orchestrator/jobs). */
import type { Steps } from '#base/pace/steps';
import type { Draft } from './draft.ts';
import { dropDepartedNodes } from './global.ts';
import { addTask, iterationOf, startingRoom, stopTask } from './new-task.ts';
import { compareStates, isTerminal } from '#model/object/task-state';
import { isFinishedJob } from '#model/object/service';
import { fulfils } from '#model/task-fulfils';
import { isLost } from './node-fit.ts';
import { mayRestart } from './restart.ts';
import { isWanted, type Slot } from './slots.ts';

/** How far a slot of the present iteration is. `free` may get a task, `spent` has used up its attempts. */
type SlotProgress = 'free' | 'active' | 'completed' | 'spent';

/** Keeps up to MaxConcurrent tasks going until TotalCompletions slots, counted from 0, have completed. */
export function* reconcileReplicatedJob(draft: Draft): Steps<void> {
  yield* dropOldIterations(draft);
  if (isFinishedJob(draft.service)) return;
  const job = draft.service.Spec.Mode?.ReplicatedJob ?? {};
  const concurrent = job.MaxConcurrent ?? 1;
  const total = job.TotalCompletions ?? concurrent;
  const progress = new Map<string, SlotProgress>();
  let active = 0;
  for (const slot of draft.slots()) {
    if (draft.pace.isDue) yield;
    const state = progressOf(draft, slot);
    progress.set(slot.key, state);
    if (state === 'active') active++;
  }
  let room = yield* startingRoom(draft);
  for (let number = 0; number < total && active < concurrent && room > 0; number++) {
    if (draft.pace.isDue) yield;
    const key = String(number);
    if ((progress.get(key) ?? 'free') !== 'free') continue;
    if (draft.isFull) return;
    addTask(draft, { key });
    active++;
    room--;
  }
}

/** One completed task on every ready and active node that fulfils the constraints, also on those that join later. */
export function* reconcileGlobalJob(draft: Draft): Steps<void> {
  yield* dropDepartedNodes(draft);
  yield* dropOldIterations(draft);
  if (isFinishedJob(draft.service)) return;
  const slots = new Map(draft.slots().map((slot) => [slot.key, slot]));
  for (const node of draft.surroundings.nodes) {
    if (draft.pace.isDue) yield;
    const slot = slots.get(node.ID);
    const fits = fulfils(node, draft.service.Spec.TaskTemplate.Placement);
    if (draft.isFull) return;
    if (isLost(node) || !fits) {
      for (const task of slot?.tasks ?? []) if (isWanted(task) && task.Status.State !== 'complete') stopTask(draft, task, 'shutdown');
      continue;
    }
    const ready = node.Status.State === 'ready' && node.Spec.Availability === 'active';
    if (ready && (!slot || progressOf(draft, slot) === 'free')) addTask(draft, { key: node.ID });
  }
}

/** A new iteration replaces the one before it: what still goes on is stopped, what has ended stays as history. */
function* dropOldIterations(draft: Draft): Steps<void> {
  for (const task of draft.tasks()) {
    if (draft.pace.isDue) yield;
    if (isPresent(draft, task) || !isWanted(task) || isTerminal(task.Status.State)) continue;
    if (draft.isFull) return;
    // Of what no node has been given there is nothing to remember.
    stopTask(draft, task, compareStates(task.Status.State, 'assigned') < 0 ? 'remove' : 'shutdown');
  }
}

function progressOf(draft: Draft, slot: Slot): SlotProgress {
  const tasks = slot.tasks.filter((task) => isPresent(draft, task));
  if (tasks.some((task) => task.Status.State === 'complete')) return 'completed';
  if (tasks.some(isWanted)) return 'active';
  const newest = tasks.at(-1);
  return newest && !mayRestart(newest) ? 'spent' : 'free';
}

function isPresent(draft: Draft, task: Slot['tasks'][number]): boolean {
  return (task.JobIteration?.Index ?? 0) === iterationOf(draft);
}

/** Start conditions: a task waits in `ready` until its delay is over and its predecessor has stopped. */
import type { Steps } from '#base/pace/steps';
import type { Task, TaskMemory } from '#model/object/task';
import { startedState, stopWaitMs } from '../new-task.ts';
import type { Draft } from '../draft.ts';
import { stopsAt } from '../slots.ts';

/** Lets the tasks start whose conditions are met. */
export function* openGates(draft: Draft): Steps<void> {
  for (const stored of yield* draft.restless()) {
    if (draft.pace.isDue) yield;
    if (stored.DesiredState !== 'ready') continue;
    if (draft.isFull) return;
    const task = notLater(draft, stored);
    const closedUntil = gateClosedUntil(draft, task);
    if (closedUntil === undefined) draft.putTask({ ...task, DesiredState: startedState(draft), Shoal: withoutGate(task.Shoal) });
    else {
      if (task !== stored) draft.putTask(task);
      draft.wake(closedUntil);
    }
  }
}

/** The task with times that a clock which was set back has not moved away: no wait is longer than it was meant to be. */
function notLater(draft: Draft, task: Task): Task {
  const { StartAfter, StartDelay, StartAfterTasks } = task.Shoal;
  const latest = StartDelay === undefined ? Infinity : draft.now + StartDelay;
  const latestStop = draft.now + stopWaitMs;
  const delayed = StartAfter !== undefined && StartAfter > latest;
  const stopping = StartAfterTasks !== undefined && StartAfterTasks.Until > latestStop;
  if (!delayed && !stopping) return task;
  return {
    ...task,
    Shoal: { ...task.Shoal, ...(delayed && { StartAfter: latest }), ...(stopping && { StartAfterTasks: { ...StartAfterTasks, Until: latestStop } }) },
  };
}

/** When (ms) the gate must be looked at again at the latest; undefined when it is open. The delay comes first, the stop after it. */
function gateClosedUntil(draft: Draft, task: Task): number | undefined {
  const { StartAfter, StartAfterTasks } = task.Shoal;
  if (StartAfter !== undefined && draft.now < StartAfter) return StartAfter;
  if (!StartAfterTasks || draft.now >= StartAfterTasks.Until) return undefined;
  let closedUntil: number | undefined;
  for (const id of StartAfterTasks.IDs) {
    const old = draft.task(id);
    const at = old ? stopsAt(draft.surroundings.view, old, draft.now) : 0;
    if (at !== undefined && at <= draft.now) continue;
    closedUntil = Math.min(closedUntil ?? StartAfterTasks.Until, at ?? StartAfterTasks.Until);
  }
  return closedUntil;
}

function withoutGate(memory: TaskMemory): TaskMemory {
  const { StartAfter: _startAfter, StartDelay: _startDelay, StartAfterTasks: _startAfterTasks, ...rest } = memory;
  return rest;
}

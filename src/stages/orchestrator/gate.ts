/** Start conditions: a task waits in `ready` until its delay is over and its predecessor has stopped. */
import type { Task, TaskMemory } from '#model/task';
import { startedState } from './new-task.ts';
import type { Draft } from './draft.ts';
import { hasStopped } from './slots.ts';

/** Lets the tasks start whose conditions are met. */
export function openGates(draft: Draft): void {
  for (const task of draft.tasks()) {
    if (task.DesiredState !== 'ready') continue;
    if (draft.isFull) return;
    const closedUntil = gateClosedUntil(draft, task);
    if (closedUntil === undefined) draft.putTask({ ...task, DesiredState: startedState(draft), Shoal: withoutGate(task.Shoal) });
    else draft.wake(closedUntil);
  }
}

/** When (ms) the gate must be looked at again at the latest; undefined when it is open. The delay comes first, the stop after it. */
function gateClosedUntil(draft: Draft, task: Task): number | undefined {
  const { StartAfter, StartAfterTasks } = task.Shoal;
  if (StartAfter !== undefined && draft.now < StartAfter) return StartAfter;
  if (!StartAfterTasks || draft.now >= StartAfterTasks.Until) return undefined;
  const stopped = StartAfterTasks.IDs.every((id) => {
    const old = draft.task(id);
    return !old || hasStopped(draft.surroundings.view, old);
  });
  return stopped ? undefined : StartAfterTasks.Until;
}

function withoutGate(memory: TaskMemory): TaskMemory {
  const { StartAfter: _startAfter, StartAfterTasks: _startAfterTasks, ...rest } = memory;
  return rest;
}

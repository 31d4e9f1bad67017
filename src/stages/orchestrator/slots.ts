/** Slots: the places of a service, each held by one task at a time and remembering those before it. */
import { compareTexts } from '#base/text/text';
import type { Task } from '#model/object/task';
import { compareStates, isTerminal } from '#model/object/task-state';
import type { View } from '#store/view';

export interface Slot {
  /** Slot number, or node id for global services. */
  key: string;
  /** In the order in which they were made. */
  tasks: readonly Task[];
}

/** Groups tasks, which come in the order in which they were made (clocks may go back); slots come in the order of their numbers (or node ids), so that every pass walks them alike. */
export function slotsOf(tasks: readonly Task[], byNode: boolean): Slot[] {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = byNode ? task.NodeID : String(task.Slot ?? 0);
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  const slots = Array.from(groups, ([key, group]) => ({ key, tasks: group }));
  return slots.sort((a, b) => (byNode ? compareTexts(a.key, b.key) : Number(a.key) - Number(b.key)));
}

/** The service wants this task to go on: it is to run, to complete, or to get ready for it. */
export function isWanted(task: Task): boolean {
  return compareStates(task.DesiredState, 'complete') <= 0;
}

/** Nothing of a task that was told to stop can run any more: it ended, no agent ever had it, or its node left for good. */
export function isGone(view: View, task: Task): boolean {
  const { State } = task.Status;
  return isTerminal(State) || compareStates(State, 'assigned') < 0 || !view.get('node', task.NodeID);
}

/** It is gone, or nothing of it can be known: a successor need not wait for it. */
export function hasStopped(view: View, task: Task): boolean {
  return isGone(view, task) || view.get('node', task.NodeID)?.Status.State === 'down';
}

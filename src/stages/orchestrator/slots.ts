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
  if (byNode) return slotsByNode(tasks);
  const groups = grouped(tasks, ({ Slot = 0 }) => Slot);
  // Mostly they are in order as they come.
  const sorted = groups.every(([number], at) => at === 0 || number > (groups[at - 1]?.[0] ?? 0)) ? groups : groups.sort(([a], [b]) => a - b);
  return sorted.map(([number, group]) => ({ key: String(number), tasks: group }));
}

function slotsByNode(tasks: readonly Task[]): Slot[] {
  const groups = grouped(tasks, ({ NodeID }) => NodeID);
  return groups.map(([key, group]) => ({ key, tasks: group })).sort((a, b) => compareTexts(a.key, b.key));
}

function grouped<K>(tasks: readonly Task[], keyOf: (task: Task) => K): [K, Task[]][] {
  const groups = new Map<K, Task[]>();
  for (const task of tasks) {
    const key = keyOf(task);
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups];
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

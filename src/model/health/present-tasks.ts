/** Which tasks speak for a service's present version: the same spec may have been tried before, and given up in between. */
import type { Task } from '../object/task.ts';
import { isTerminal } from '../object/task-state.ts';

/** A slot's number, or the node of a global service. */
export function slotKey(task: Task): string {
  return String(task.Slot || task.NodeID || task.ID);
}

/** Of `all`, in the order in which they were made, those that are as the spec wants them, but for what ended before its slot had a task of another version. */
export function presentTasks(all: readonly Task[], isCurrent: (task: Task) => boolean): Task[] {
  const others = new Set<string>();
  const present = all.toReversed().filter((task) => {
    const key = slotKey(task);
    if (isCurrent(task)) return !(others.has(key) && isTerminal(task.Status.State));
    others.add(key);
    return false;
  });
  return present.toReversed();
}

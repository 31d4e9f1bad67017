/** Finds the task whose container a user means, wherever it is. */
import { taskIdIn, taskName, type Task } from '#model/object/task';
import type { View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';

export interface TaskContainer {
  task: Task;
  /** Whole. */
  containerId: string;
}

/** By its container's whole id, its name, or a beginning of its id, as an engine finds its own. Refuses with 404 in Docker's words, and with 400 what is ambiguous. */
export function findContainer(view: View, ref: string): TaskContainer {
  const found = named(view, ref.replace(/^\//, '')) ?? identified(view, ref);
  if (!found) throw new HttpError(404, `No such container: ${ref}`);
  return found;
}

/** A task's container has the task's name, which ends with its id. */
function named(view: View, name: string): TaskContainer | undefined {
  const task = view.get('task', taskIdIn(name));
  const container = task && containerOf(task);
  return container && taskName(task) === name ? container : undefined;
}

function identified(view: View, id: string): TaskContainer | undefined {
  if (!/^[0-9a-f]+$/.test(id)) return undefined;
  const found: TaskContainer[] = [];
  for (const task of view.list('task')) {
    if (!task.Status.ContainerStatus?.ContainerID?.startsWith(id)) continue;
    const container = containerOf(task);
    if (container?.containerId === id) return container;
    if (container) found.push(container);
  }
  if (found.length > 1) throw new HttpError(400, `multiple IDs found with provided prefix: ${id}`);
  return found[0];
}

function containerOf(task: Task): TaskContainer | undefined {
  const containerId = task.Status.ContainerStatus?.ContainerID;
  return containerId && task.NodeID !== '' ? { task, containerId } : undefined;
}

/** Takes in what nodes report of their tasks. */
import { assert } from '#base/assert';
import { timeText } from '#base/clock';
import { equal } from '#base/equal';
import type { TaskStatusUpdate } from '#model/object/assignment';
import type { Task, TaskStatus } from '#model/object/task';
import { compareStates, isTerminal } from '#model/object/task-state';
import { applied } from '#model/task-status';
import { update, type Action } from '#store/action';
import type { View } from '#store/view';

/**
 * The actions that write a node's reports, one per task at most. Dropped are reports of tasks that are gone or another
 * node's, of a state before the known one, and those that say nothing new; an ended task stays as it ended.
 * `now` is the leader's time in ms.
 */
export function acceptStatuses(view: View, nodeId: string, updates: readonly TaskStatusUpdate[], now: number): Action[] {
  const accepted = new Map<string, Task>();
  for (const { taskId, status } of updates) {
    const task = accepted.get(taskId) ?? view.get('task', taskId);
    if (!task || task.NodeID !== nodeId || !isNews(task.Status, status)) continue;
    assert(compareStates(status.State, task.Status.State) >= 0, `task ${taskId} goes back from ${task.Status.State} to ${status.State}`);
    accepted.set(taskId, { ...task, Status: applied(status.Timestamp === '' ? { ...status, Timestamp: timeText(now) } : status, now) });
  }
  return [...accepted.values()].map((task) => update('task', task));
}

/** A later state, or more about the same one: a wait's reason, a port that the engine chose. */
function isNews(known: TaskStatus, reported: TaskStatus): boolean {
  const order = compareStates(reported.State, known.State);
  if (order !== 0) return order > 0;
  return !isTerminal(known.State) && !equal(facts(known), facts(reported));
}

/** A status without its times. */
function facts(status: TaskStatus): Omit<TaskStatus, 'Timestamp' | 'Shoal'> {
  const { Timestamp: _timestamp, Shoal: _shoal, ...rest } = status;
  return rest;
}

/** Gives up the tasks of nodes that have been down for long: what they hold becomes free. */
import { timeOf } from '#base/clock';
import { isPlaced } from '#model/task';
import { withEnd } from '#model/task-status';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult } from '#store/stage';
import type { View } from '#store/view';

/** SwarmKit's time (dispatcher.go defaultNodeDownPeriod). */
const orphanAfterMs = 24 * 60 * 60 * 1000;

/**
 * A stage: tasks of nodes that are down for 24 hours are orphaned. It counts from the last write of the node,
 * which is stored, so that a change of the leader does not start the time anew.
 */
export function orphanTasks(view: View, context: StageContext): StageResult {
  const actions: Action[] = [];
  let wakeAt: number | undefined;
  for (const node of view.list('node')) {
    if (node.Status.State !== 'down') continue;
    const tasks = [...view.tasksOfNode(node.ID)].filter(isPlaced);
    if (tasks.length === 0) continue;
    const dueAt = timeOf(node.UpdatedAt) + orphanAfterMs;
    if (dueAt > context.now) {
      wakeAt = Math.min(wakeAt ?? dueAt, dueAt);
      continue;
    }
    const end = { State: 'orphaned', Message: 'node has been down for 24 hours' } as const;
    for (const task of tasks) actions.push(update('task', withEnd(task, end, context.now)));
  }
  return { actions, ...(wakeAt !== undefined && { wakeAt }) };
}

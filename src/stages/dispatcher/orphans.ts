/** Gives up the tasks of nodes that have been down for long: what they hold becomes free. */
import { timeOf } from '#base/clock';
import { isPlaced } from '#model/task';
import { withEnd } from '#model/task-status';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult, Wake } from '#store/stage';
import type { View } from '#store/view';

/** SwarmKit's time (dispatcher.go defaultNodeDownPeriod). */
const orphanAfterMs = 24 * 60 * 60 * 1000;

/**
 * A stage: tasks of nodes that are down for 24 hours are orphaned. It counts from the last write of the node,
 * which is stored, so that a change of the leader does not start the time anew.
 */
export function orphanTasks(view: View, { now, scope, room }: StageContext): StageResult {
  const actions: Action[] = [];
  const wakes: Wake[] = [];
  const rest = new Set<string>();
  for (const id of scope === 'all' ? allNodes(view) : scope.nodes) {
    const node = view.get('node', id);
    const dueAt = node?.Status.State === 'down' ? timeOf(node.UpdatedAt) + orphanAfterMs : undefined;
    if (dueAt === undefined || dueAt > now) {
      wakes.push({ kind: 'node', id, ...(dueAt !== undefined && { at: dueAt }) });
      continue;
    }
    const end = { State: 'orphaned', Message: 'node has been down for 24 hours' } as const;
    for (const task of view.tasksOfNode(id)) {
      if (!isPlaced(task)) continue;
      const action = update('task', withEnd(task, end, now));
      if (room.admit(action)) actions.push(action);
      else rest.add(id);
    }
  }
  return { actions, wakes, ...(rest.size > 0 && { rest: { nodes: rest } }) };
}

function allNodes(view: View): string[] {
  return Array.from(view.list('node'), ({ ID }) => ID);
}

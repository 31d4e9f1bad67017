/** Gives up the tasks of nodes that have been down for long: what they hold becomes free. */
import { timeOf } from '#base/clock';
import type { Node } from '#model/object/node';
import { isPlaced } from '#model/object/task';
import { withEnd } from '#model/task-status';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult, Wake } from '#store/stage';
import type { View } from '#store/view';

/** SwarmKit's time (dispatcher.go defaultNodeDownPeriod). */
const orphanAfterMs = 24 * 60 * 60 * 1000;

/**
 * A stage: tasks of nodes that are down for 24 hours are orphaned. Since when a node is down stands on it, so that neither a
 * change of the leader nor another write of the node starts the time anew.
 */
export function orphanTasks(view: View, { now, scope, room }: StageContext): StageResult {
  const actions: Action[] = [];
  const wakes: Wake[] = [];
  const rest = new Set<string>();
  for (const id of scope === 'all' ? allNodes(view) : scope.nodes) {
    const node = view.get('node', id);
    const downSince = node && downSinceOf(node, now);
    if (node && downSince !== node.Shoal?.DownSince) {
      const action = update('node', withDownSince(node, downSince));
      if (!room.admit(action)) {
        rest.add(id);
        continue;
      }
      actions.push(action);
    }
    const dueAt = downSince === undefined ? undefined : downSince + orphanAfterMs;
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

/** Undefined while it is not down. What an earlier program wrote counts from its last write; a clock that was set back makes it now. */
function downSinceOf(node: Node, now: number): number | undefined {
  if (node.Status.State !== 'down') return undefined;
  return Math.min(node.Shoal?.DownSince ?? (timeOf(node.UpdatedAt) || now), now);
}

function withDownSince(node: Node, since: number | undefined): Node {
  const { DownSince: _before, ...rest } = node.Shoal ?? {};
  return { ...node, Shoal: { ...rest, ...(since !== undefined && { DownSince: since }) } };
}

function allNodes(view: View): string[] {
  return Array.from(view.list('node'), ({ ID }) => ID);
}

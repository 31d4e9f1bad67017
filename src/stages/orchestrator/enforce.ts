/** Takes tasks off nodes that no longer meet their constraints (swarmkit manager/orchestrator/constraintenforcer). */
import { isPlaced } from '#model/task';
import type { Draft } from './draft.ts';
import { fulfils } from '#model/task-fulfils';
import { withEnd } from '#model/task-status';
import { isWanted } from './slots.ts';

const rejected = {
  State: 'rejected',
  Message: 'task rejected by constraint enforcer',
  Err: 'assigned node no longer meets constraints',
} as const;

/** Rejects them; the restart policy then places them anew. Global services shut theirs down themselves. */
export function enforceConstraints(draft: Draft): void {
  if (draft.isGlobal) return;
  const placement = draft.service.Spec.TaskTemplate.Placement;
  for (const task of draft.tasks()) {
    if (draft.isFull) return;
    if (!isWanted(task) || !isPlaced(task)) continue;
    const node = draft.node(task.NodeID);
    if (node?.Spec.Availability !== 'active' || fulfils(node, placement)) continue;
    // While only the new spec is at odds with the node, the task is the rollout's to replace, at the rollout's pace.
    if (task.Shoal.SpecVersion !== draft.service.Shoal.SpecVersion && fulfils(node, task.Spec.Placement)) continue;
    draft.putTask(withEnd(task, rejected, draft.now));
  }
}

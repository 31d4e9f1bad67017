/** Takes tasks off nodes that no longer meet their constraints or have become too small (swarmkit manager/orchestrator/constraintenforcer). */
import type { Steps } from '#base/pace/steps';
import { isPlaced, type Task } from '#model/object/task';
import { fulfils } from '#model/task-fulfils';
import { withEnd } from '#model/task-status';
import { isPresentSpecRolled, type Draft } from './draft.ts';
import { isWanted } from './slots.ts';

const rejected = {
  State: 'rejected',
  Message: 'task rejected by constraint enforcer',
  Err: 'assigned node no longer meets constraints',
} as const;

/** Rejects them; the restart policy then places them anew. Where a global service may be, it sees to itself. */
export function* enforceConstraints(draft: Draft): Steps<void> {
  for (const task of yield* draft.restless()) {
    if (draft.pace.isDue) yield;
    if (!isWanted(task) || !isPlaced(task)) continue;
    const node = draft.node(task.NodeID);
    if (node?.Spec.Availability !== 'active') continue;
    if (mayStay(draft, task) && !draft.surroundings.spot(node.ID).outgrown.has(task.ID)) continue;
    if (draft.isFull) return;
    draft.putTask(withEnd(task, rejected, draft.now));
  }
}

/** It ended by our doing and not by its own. */
export function isEvicted({ Status: { State, Message } }: Task): boolean {
  return State === rejected.State && Message === rejected.Message;
}

function mayStay(draft: Draft, task: Task): boolean {
  const node = draft.node(task.NodeID);
  if (draft.isGlobal || !node || fulfils(node, draft.service.Spec.TaskTemplate.Placement)) return true;
  // While only the new spec is at odds with the node, the task is the rollout's to replace, at the rollout's pace.
  return task.Shoal.SpecVersion !== draft.service.Shoal.SpecVersion && fulfils(node, task.Spec.Placement) && !isPresentSpecRolled(draft.service);
}

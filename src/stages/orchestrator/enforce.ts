/** Takes tasks off nodes that no longer meet their constraints (swarmkit manager/orchestrator/constraintenforcer). */
import { timeText } from '#base/clock';
import type { Task } from '#model/task';
import { compareStates } from '#model/task-state';
import type { Draft } from './draft.ts';
import { fulfils } from '#model/task-fulfils';
import { isWanted } from './slots.ts';

/** Rejects them; the restart policy then places them anew. Global services shut theirs down themselves. */
export function enforceConstraints(draft: Draft): void {
  if (draft.isGlobal) return;
  const placement = draft.service.Spec.TaskTemplate.Placement;
  for (const task of draft.tasks()) {
    if (!isWanted(task) || !isPlaced(task)) continue;
    const node = draft.node(task.NodeID);
    if (node?.Spec.Availability !== 'active' || fulfils(node, placement)) continue;
    // While only the new spec is at odds with the node, the task is the rollout's to replace, at the rollout's pace.
    if (task.Shoal.SpecVersion !== draft.service.Shoal.SpecVersion && fulfils(node, task.Spec.Placement)) continue;
    draft.putTask({ ...task, Status: rejected(task, draft.now) });
  }
}

function isPlaced({ NodeID, Status: { State } }: Task): boolean {
  return NodeID !== '' && compareStates(State, 'assigned') >= 0 && compareStates(State, 'complete') < 0;
}

function rejected(task: Task, now: number): Task['Status'] {
  return {
    ...task.Status,
    Timestamp: timeText(now),
    State: 'rejected',
    Message: 'task rejected by constraint enforcer',
    Err: 'assigned node no longer meets constraints',
    Shoal: { ...task.Status.Shoal, AppliedAt: now },
  };
}

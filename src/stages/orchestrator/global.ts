/** Global services: one task on every node that may have it (swarmkit manager/orchestrator/global). */
import type { Steps } from '#base/pace/steps';
import type { Draft } from './draft.ts';
import { addTask, afterStopOf, stopTask } from './new-task.ts';
import { fulfils } from '#model/task-fulfils';
import { isLost } from './node-fit.ts';
import { occupiedSlot, type OccupiedSlot } from './occupied.ts';
import { isWanted } from './slots.ts';

/** Adds and stops tasks node by node; returns the slots that an update may touch, in the order in which the nodes joined. */
export function* reconcileGlobal(draft: Draft): Steps<OccupiedSlot[]> {
  yield* dropDepartedNodes(draft);
  const slots = new Map(draft.slots().map((slot) => [slot.key, slot]));
  const updatable: OccupiedSlot[] = [];
  for (const node of draft.surroundings.nodes) {
    if (draft.pace.isDue) yield;
    const slot = slots.get(node.ID);
    if (draft.isFull) break;
    if (isLost(node) || !fulfils(node, draft.service.Spec.TaskTemplate.Placement)) {
      for (const task of slot?.tasks ?? []) if (isWanted(task)) stopTask(draft, task, 'shutdown');
      continue;
    }
    // A paused node keeps what it has, and gets nothing new.
    if (node.Spec.Availability === 'pause') continue;
    const occupied = slot && occupiedSlot(draft, slot);
    if (occupied) updatable.push(occupied);
    // What a node that comes back still runs must stop first: both would want the same host ports and volumes.
    else addTask(draft, { key: node.ID, memory: afterStopOf(draft, slot?.tasks ?? []) });
  }
  return updatable;
}

/** A node that left for good takes its tasks along. */
export function* dropDepartedNodes(draft: Draft): Steps<void> {
  for (const task of draft.tasks()) {
    if (draft.pace.isDue) yield;
    if (draft.node(task.NodeID)) continue;
    if (draft.isFull) return;
    draft.removeTask(task.ID);
  }
}

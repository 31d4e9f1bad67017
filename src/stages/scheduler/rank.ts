/** Which of two nodes is the better place (swarmkit scheduler.go nodeLess), told apart to the last. */
import { statusTime } from '#model/task-status';
import { isFailure } from '#model/object/task-state';
import type { Task } from '#model/object/task';
import type { Candidate } from './candidate.ts';

/** Failures count for so long. */
const failureMemoryMs = 5 * 60 * 1000;
const failureLimit = 5;

/** Tasks that are alike for scheduling: of one service and one version of its spec. */
export function groupOf(task: Task): string {
  return task.ServiceID ? `${task.ServiceID} ${task.Shoal.SpecVersion}` : task.ID;
}

/** It failed on its node lately enough to make the node look bad for its group. */
export function isRecentFailure(task: Task, now: number): boolean {
  if (!isFailure(task.Status.State) || task.Status.State === 'orphaned' || task.NodeID === '') return false;
  return now - statusTime(task) < failureMemoryMs;
}

/**
 * So many recent failures make a node the last choice: five, or fewer where the history keeps fewer tasks,
 * since only what is stored can be counted. The newest task of a slot is no history yet.
 */
export function failureLimitFor(historyLimit: number): number {
  return historyLimit < 0 ? failureLimit : Math.min(failureLimit, Math.max(historyLimit - 1, 1));
}

/**
 * An order of nodes for a group: those that fail often last, then fewer tasks of the service, then fewer tasks.
 * Ties go to who failed less, then by node id, so that the same view always gives the same choice.
 */
export function betterFor(task: Task, limit: number): (a: Candidate, b: Candidate) => boolean {
  const group = groupOf(task);
  return (a, b) => {
    const [failuresA, failuresB] = [a.failuresOf(group), b.failuresOf(group)];
    if ((failuresA >= limit || failuresB >= limit) && failuresA !== failuresB) return failuresA < failuresB;
    const service = a.activeTasksOf(task.ServiceID) - b.activeTasksOf(task.ServiceID);
    if (service !== 0) return service < 0;
    if (a.activeTasks !== b.activeTasks) return a.activeTasks < b.activeTasks;
    return failuresA === failuresB ? a.node.ID < b.node.ID : failuresA < failuresB;
  };
}

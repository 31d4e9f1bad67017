/** The scheduler: pending tasks get a node, or the reason why there is none. */
import { defaults } from '#model/service';
import type { GenericResource } from '#model/service-spec';
import { isActive, type Task } from '#model/task';
import { compareStates, isTerminal } from '#model/task-state';
import { withWait, withState } from '#model/task-status';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult } from '#store/stage';
import { clusterOf, type View } from '#store/view';
import { Candidate } from './candidate.ts';
import { acceptsAll, explain, filtersFor } from './filters.ts';
import { betterFor, failureLimitFor, groupOf, isRecentFailure } from './rank.ts';
import { SpreadTree } from './spread.ts';

/** What waits for the scheduler, oldest first. */
interface Work {
  /** Tasks that are to run on a certain node. */
  preassigned: Task[];
  /** Tasks alike, by group. */
  groups: Map<string, Task[]>;
  /** Tasks that nobody wants any more and that never had a node. */
  unwanted: Task[];
}

/** Tasks that found no node, and why. */
interface Waiting {
  tasks: readonly Task[];
  reason: () => string;
}

/**
 * Places what is pending. Every pending task is looked at anew each time, whatever the scope: room may appear by
 * any change, and a task whose service has moved on since must not be forgotten.
 */
export function schedule(view: View, context: StageContext): StageResult {
  const work = collect(view);
  const actions: Action[] = work.unwanted.map((task) => update('task', withState(task, 'shutdown', 'shutdown', context.now)));
  if (work.preassigned.length === 0 && work.groups.size === 0) return admitted(actions, context);
  const candidates = candidatesOf(view, context.now);
  const waiting: Waiting[] = [];
  for (const task of work.preassigned) actions.push(...confirm(task, candidates.get(task.NodeID), waiting, context.now));
  const limit = failureLimitFor(clusterOf(view)?.Spec.Orchestration.TaskHistoryRetentionLimit ?? defaults.taskHistoryLimit);
  for (const tasks of work.groups.values()) actions.push(...placeGroup(tasks, candidates, limit, waiting, context.now));
  // Reasons come last: a group that was placed later may have taken what was free.
  for (const { tasks, reason } of waiting) {
    const Err = reason();
    actions.push(...tasks.flatMap((task) => withError(task, Err, context.now)));
  }
  return admitted(actions, context);
}

/** Each action concerns one task, so that any of them can wait for the next entry. */
function admitted(actions: readonly Action[], { room }: StageContext): StageResult {
  const fitting = actions.filter((action) => room.admit(action));
  return { actions: fitting, ...(fitting.length < actions.length && { rest: { waiting: true } }) };
}

function collect(view: View): Work {
  const work: Work = { preassigned: [], groups: new Map(), unwanted: [] };
  for (const task of view.list('task')) {
    const state = task.Status.State;
    if (state !== 'pending' && state !== 'new') continue;
    if (task.DesiredState === 'shutdown') work.unwanted.push(task);
    else if (state !== 'pending' || !isActive(task)) continue;
    else if (task.NodeID !== '') work.preassigned.push(task);
    else {
      const group = work.groups.get(groupOf(task));
      if (group) group.push(task);
      else work.groups.set(groupOf(task), [task]);
    }
  }
  return work;
}

/** All nodes by id, with what is on them. */
function candidatesOf(view: View, now: number): Map<string, Candidate> {
  const candidates = new Map<string, Candidate>();
  for (const node of view.list('node')) candidates.set(node.ID, new Candidate(node));
  for (const task of view.list('task')) {
    if (task.NodeID === '' || compareStates(task.Status.State, 'assigned') < 0) continue;
    const candidate = candidates.get(task.NodeID);
    if (!isTerminal(task.Status.State)) candidate?.add(task);
    else if (isRecentFailure(task, now)) candidate?.addFailure(groupOf(task));
  }
  return candidates;
}

/** A node that is gone says nothing about the task: its orchestrator will remove it. */
function confirm(task: Task, candidate: Candidate | undefined, waiting: Waiting[], now: number): Action[] {
  if (!candidate) return [];
  const filters = filtersFor(task);
  if (acceptsAll(filters, candidate)) return [assign(task, candidate, 'scheduler confirmed task can run on preassigned node', now)];
  waiting.push({ tasks: [task], reason: () => explain(filters, [candidate]) });
  return [];
}

function placeGroup(tasks: readonly Task[], candidates: ReadonlyMap<string, Candidate>, limit: number, waiting: Waiting[], now: number): Action[] {
  const [first] = tasks;
  if (!first) return [];
  const actions: Action[] = [];
  const filters = filtersFor(first);
  const tree = new SpreadTree(first, candidates.values(), {
    accepts: (candidate) => acceptsAll(filters, candidate),
    isBetter: betterFor(first, limit),
  });
  for (const task of tasks) {
    const found = tree.place((candidate) => actions.push(assign(task, candidate, 'scheduler assigned task to node', now)));
    if (!found) break;
  }
  const left = tasks.slice(actions.length);
  if (left.length > 0) waiting.push({ tasks: left, reason: () => noSuitableNode(explain(filters, candidates.values())) });
  return actions;
}

function noSuitableNode(reasons: string): string {
  return reasons ? `no suitable node (${reasons})` : 'no suitable node';
}

/** Puts the task on the node and takes from the node what the task reserves. */
function assign(task: Task, candidate: Candidate, message: string, now: number): Action {
  const wanted: readonly GenericResource[] = task.Spec.Resources?.Reservations?.GenericResources ?? [];
  const given = candidate.generic.claim(wanted);
  const assigned: Task = {
    ...withState(task, 'assigned', message, now),
    NodeID: candidate.node.ID,
    ...(given.length > 0 && { GenericResources: given }),
  };
  candidate.add(assigned);
  return update('task', assigned);
}

/** Says on the task why it waits; written only when the reason is another one than before. */
function withError(task: Task, Err: string, now: number): Action[] {
  const waiting = withWait(task, Err, now);
  return waiting ? [update('task', waiting)] : [];
}

/** Leaving a drained node: where a slot may have two tasks for a while, the old one runs on until its successor does. */
import { nanosecondsPerMillisecond } from '#base/text/duration';
import { fenceOf } from '#model/options/fence';
import type { Task, TaskMemory } from '#model/object/task';
import type { Draft } from './draft.ts';
import { stopTask } from './new-task.ts';
import { isLost } from './node-fit.ts';
import { isWanted } from './slots.ts';

/** How long (ms) the old one stays at most where the node says nothing: pulling an image takes its time; what no node takes is not waited for long. */
const patience = { upMs: 120_000, nowhereMs: 10_000 };

/** The other task of its slot that is to run, on a node that keeps it or on none yet. */
export function heirOf(draft: Draft, task: Task): Task | undefined {
  return draft.slotOf(task).tasks.findLast((one) => one.ID !== task.ID && isWanted(one) && (one.NodeID === '' || !isLost(draft.node(one.NodeID))));
}

/** It runs, its node lives, and another one beside it does no harm. */
export function mayLinger(draft: Draft, task: Task): boolean {
  const node = draft.node(task.NodeID);
  if (draft.mode !== 'replicated' || task.Status.State !== 'running' || fenceOf(task) !== undefined) return false;
  return node !== undefined && node.Status.State !== 'down' && node.Spec.Shoal?.DrainTimeout !== 0;
}

/** Follows a lingering task: `makeHeir` is called once. Beyond its time it goes, whatever became of its heir. */
export function linger(draft: Draft, stored: Task, makeHeir: () => void): void {
  const task = marked(draft, stored);
  if (task !== stored) draft.putTask(task);
  // Who was marked had one: where it ended for good, another would too.
  if (!stored.Shoal.Leave && !heirOf(draft, task)) makeHeir();
  const heir = heirOf(draft, task);
  const { By, ByIfNowhere } = task.Shoal.Leave;
  const until = heir && fitsNowhere(heir) ? Math.min(By, ByIfNowhere) : By;
  if (heir?.Status.State === 'running' || until <= draft.now) stopTask(draft, task, 'shutdown');
  else draft.wake(until);
}

/** A node that takes tasks again keeps what it has, and the heir is not needed. */
export function stay(draft: Draft, task: Task): void {
  const { Leave: _over, ...memory } = task.Shoal;
  const heir = draft.isDirty(task) ? undefined : heirOf(draft, task);
  if (heir) stopTask(draft, heir, 'shutdown');
  draft.putTask({ ...task, Shoal: memory });
}

/** A wanted task beside it that leaves is no reason to replace anything. */
export function isLeaving(task: Task): boolean {
  return task.Shoal.Leave !== undefined;
}

type Marked = Task & { Shoal: { Leave: NonNullable<TaskMemory['Leave']> } };

/** With the times until which it may stay; a clock that was set back makes them no longer than they were meant to be. */
function marked(draft: Draft, task: Task): Marked {
  const given = draft.node(task.NodeID)?.Spec.Shoal?.DrainTimeout;
  const upMs = given === undefined ? patience.upMs : Math.ceil(given / nanosecondsPerMillisecond);
  const [latest, latestIfNowhere] = [draft.now + upMs, draft.now + (given === undefined ? patience.nowhereMs : upMs)];
  const known = task.Shoal.Leave;
  if (known && known.By <= latest && known.ByIfNowhere <= latestIfNowhere) return task as Marked;
  const Leave = { By: Math.min(known?.By ?? latest, latest), ByIfNowhere: Math.min(known?.ByIfNowhere ?? latestIfNowhere, latestIfNowhere) };
  return { ...task, Shoal: { ...task.Shoal, Leave } };
}

/** The scheduler has said why. */
function fitsNowhere({ Status: { State, Err } }: Task): boolean {
  return State === 'pending' && Err !== undefined && Err !== '';
}

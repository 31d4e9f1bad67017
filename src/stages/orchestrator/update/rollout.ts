/** Rolling updates and rollbacks: replaces dirty tasks slot by slot (swarmkit manager/orchestrator/update). */
import type { Steps } from '#base/pace/steps';
import { equal } from '#base/equal';
import type { Task } from '#model/object/task';
import { compareStates } from '#model/object/task-state';
import type { Draft } from '../draft.ts';
import { isLeaving } from '../leave.ts';
import { addTask, afterStopOf, stopTask } from '../new-task.ts';
import type { OccupiedSlot } from '../occupied.ts';
import { partHolder, partsOf, presentRollout, putPart, putRollout, type PresentRollout } from './rollout-watch.ts';
import { isWanted } from '../slots.ts';
import { rolloutConfig, type RolloutConfig } from './update-config.ts';
import { completeUpdate, isPaused, isRolling, startUpdate } from './update-status.ts';

/** Takes the update of `slots` as far as it may go now. */
export function* rollOut(draft: Draft, slots: readonly OccupiedSlot[]): Steps<void> {
  // A paused update lets everything be as it is.
  if (draft.hasMore || isPaused(draft.service)) return;
  const config = rolloutConfig(draft);
  const dirty: OccupiedSlot[] = [];
  for (const slot of slots) {
    if (draft.pace.isDue) yield;
    if (isSlotDirty(draft, slot) && (draft.isFull || !settle(draft, slot, config))) dirty.push(slot);
  }
  if (draft.hasMore || (dirty.length > 0 && draft.lacksSlots())) return;
  const rollout = presentRollout(draft) ?? (yield* begin(draft, dirty.length));
  if (!rollout) {
    if (isRolling(draft.service)) completeUpdate(draft);
    return;
  }
  const pending: OccupiedSlot[] = [];
  for (const slot of dirty) {
    if (draft.pace.isDue) yield;
    if (!partHolder(slot, rollout)) pending.push(slot);
  }
  if (pending.length > 0) yield* takeSlots(draft, rollout, pending, config);
  else if (isRolling(draft.service)) yield* completeWhenMonitored(draft, rollout, config);
}

/** It has not exactly one task of the present spec, but for one that leaves its node as soon as the other one runs. */
function isSlotDirty(draft: Draft, { occupants }: OccupiedSlot): boolean {
  return occupants.some((task) => draft.isDirty(task)) || (occupants.length > 1 && occupants.filter((task) => !isLeaving(task)).length > 1);
}

/** Opens a rollout when there is something to roll. An update that is over keeps its status when a late slot turns up. */
function* begin(draft: Draft, total: number): Steps<PresentRollout | undefined> {
  if (total === 0 && !(yield* placementMoved(draft))) return undefined;
  if (total > 0 && !draft.service.UpdateStatus) startUpdate(draft);
  const { SpecVersion } = draft.service.Shoal;
  // The object is written now, so that its version as it was is used by no other rollout.
  const rollout = { ID: `${SpecVersion}.${draft.service.Version.Index}`, SpecVersion, Total: total };
  putRollout(draft, rollout);
  return total > 0 ? rollout : undefined;
}

/** Tasks stay though the placement is another one now: it is noted that they were looked at, and nodes that change later are no update. */
function* placementMoved(draft: Draft): Steps<boolean> {
  const { Spec, Shoal } = draft.service;
  for (const task of draft.tasks()) {
    if (draft.pace.isDue) yield;
    if (isWanted(task) && task.Shoal.SpecVersion !== Shoal.SpecVersion && !equal(task.Spec.Placement, Spec.TaskTemplate.Placement)) return true;
  }
  return false;
}

/** Gives each free worker the next slot by number. A worker is busy until its task is up and the delay after that is over. */
function* takeSlots(draft: Draft, rollout: PresentRollout, pending: readonly OccupiedSlot[], config: RolloutConfig): Steps<void> {
  const freeAt = (yield* partsOf(draft, rollout)).map(({ DoneAt }) => (DoneAt === undefined ? Infinity : DoneAt + config.delayMs));
  const busyUntil = freeAt.filter((at) => at > draft.now);
  const taken = pending.slice(0, Math.max(0, config.parallelism - busyUntil.length));
  for (const slot of taken) {
    if (draft.isFull) return;
    putPart(draft, cleanTask(draft, slot) ?? replace(draft, slot, config), { ID: rollout.ID });
  }
  let next = Infinity;
  for (const at of busyUntil) next = Math.min(next, at);
  if (taken.length < pending.length && Number.isFinite(next)) draft.wake(next);
}

/** A task of the present spec that an earlier rollout left in the slot, beside the old ones: the worker waits for it instead of making another. */
function cleanTask(draft: Draft, slot: OccupiedSlot): Task | undefined {
  return slot.occupants.find((task) => !draft.isDirty(task));
}

/** Puts a task of the new spec into the slot: beside the old ones, or after they have stopped. */
function replace(draft: Draft, slot: OccupiedSlot, { startFirst }: RolloutConfig): Task {
  const old = slot.occupants.filter(isWanted);
  if (startFirst) {
    for (const task of old) if (!hasRun(task)) stopTask(draft, task, 'shutdown');
    return addTask(draft, { key: slot.key });
  }
  const added = addTask(draft, { key: slot.key, memory: afterStopOf(draft, old) });
  for (const task of old) stopTask(draft, task, 'shutdown');
  return added;
}

function hasRun(task: Task): boolean {
  return compareStates(task.Status.State, 'running') >= 0;
}

/**
 * Brings a slot with several wanted tasks back to one: a clean one that runs takes over. Stop-first, any clean one does, once the
 * others have stopped; start-first, the old ones that run stay until it runs. Returns false when it must wait.
 */
function settle(draft: Draft, slot: OccupiedSlot, { startFirst }: RolloutConfig): boolean {
  const running = slot.occupants.find((task) => task.Status.State === 'running' && !draft.isDirty(task));
  const heir = running ?? (startFirst ? undefined : cleanTask(draft, slot));
  if (!heir) {
    dropSuperseded(draft, slot);
    return false;
  }
  const others = slot.occupants.filter((task) => task !== heir);
  if (heir.DesiredState === 'ready') {
    draft.putTask({ ...heir, Shoal: { ...heir.Shoal, ...afterStopOf(draft, others) } });
  }
  for (const task of others) stopTask(draft, task, 'shutdown');
  return true;
}

/** What an update started beside the running task, and the next one overtook before it was up, serves nobody and holds ports and room. */
function dropSuperseded(draft: Draft, { occupants }: OccupiedSlot): void {
  const kept = occupants.find((task) => hasRun(task)) ?? occupants.at(-1);
  for (const task of occupants) {
    if (task !== kept && !hasRun(task) && isWanted(task) && draft.isDirty(task)) stopTask(draft, task, 'shutdown');
  }
}

/** The end: every task made is up or has failed, and the last one has been watched for the monitor time. */
function* completeWhenMonitored(draft: Draft, rollout: PresentRollout, config: RolloutConfig): Steps<void> {
  let last = 0;
  for (const { DoneAt } of yield* partsOf(draft, rollout)) {
    if (DoneAt === undefined) return;
    last = Math.max(last, DoneAt);
  }
  const completeAt = last + config.monitorMs;
  if (draft.now >= completeAt) completeUpdate(draft);
  else draft.wake(completeAt);
}

/** Rolling updates and rollbacks: replaces dirty tasks slot by slot (swarmkit manager/orchestrator/update). */
import type { Rollout, RolloutSlot } from '#model/service';
import type { Task } from '#model/task';
import type { Draft } from './draft.ts';
import { addTask, afterStopOf, stopTask } from './new-task.ts';
import type { OccupiedSlot } from './occupied.ts';
import { presentRollout, putRollout } from './rollout-watch.ts';
import { isWanted } from './slots.ts';
import { rolloutConfig, type RolloutConfig } from './update-config.ts';
import { completeUpdate, isPaused, isRolling, startUpdate } from './update-status.ts';

/** Takes the update of `slots` as far as it may go now. */
export function rollOut(draft: Draft, slots: readonly OccupiedSlot[]): void {
  const config = rolloutConfig(draft);
  // A paused update lets everything be as it is.
  if (isPaused(draft.service)) return;
  const dirty = slots.filter((slot) => isSlotDirty(draft, slot) && (draft.isFull || !settle(draft, slot, config)));
  if (draft.hasMore) return;
  const rollout = presentRollout(draft) ?? begin(draft, dirty.length);
  if (!rollout) {
    if (isRolling(draft.service)) completeUpdate(draft);
    return;
  }
  const pending = dirty.filter((slot) => !(slot.key in rollout.Slots));
  if (pending.length > 0) takeSlots(draft, rollout, pending, config);
  else if (isRolling(draft.service)) completeWhenMonitored(draft, rollout, config);
}

/** It has not exactly one task of the present spec. */
function isSlotDirty(draft: Draft, { occupants }: OccupiedSlot): boolean {
  return occupants.length > 1 || occupants.some((task) => draft.isDirty(task));
}

/** Opens a rollout when there is something to roll. An update that is over keeps its status when a late slot turns up. */
function begin(draft: Draft, total: number): Rollout | undefined {
  if (total === 0) return undefined;
  if (!draft.service.UpdateStatus) startUpdate(draft);
  const rollout: Rollout = { SpecVersion: draft.service.Shoal.SpecVersion, Total: total, Slots: {} };
  putRollout(draft, rollout);
  return rollout;
}

/** Gives each free worker the next slot by number. A worker is busy until its task is up and the delay after that is over. */
function takeSlots(draft: Draft, rollout: Rollout, pending: readonly OccupiedSlot[], config: RolloutConfig): void {
  const freeAt = Object.values(rollout.Slots).map(({ DoneAt }) => (DoneAt === undefined ? Infinity : DoneAt + config.delayMs));
  const busyUntil = freeAt.filter((at) => at > draft.now);
  const taken = pending.slice(0, Math.max(0, config.parallelism - busyUntil.length));
  if (taken.length > 0) {
    const made: [string, RolloutSlot][] = [];
    for (const slot of taken) {
      if (draft.isFull) break;
      made.push([slot.key, { Task: (cleanTask(draft, slot) ?? replace(draft, slot, config)).ID }]);
    }
    putRollout(draft, { ...rollout, Slots: { ...rollout.Slots, ...Object.fromEntries(made) } });
  }
  const next = Math.min(...busyUntil);
  if (taken.length < pending.length && Number.isFinite(next)) draft.wake(next);
}

/** A task of the present spec that an earlier rollout left in the slot, beside the old ones: the worker waits for it instead of making another. */
function cleanTask(draft: Draft, slot: OccupiedSlot): Task | undefined {
  return slot.occupants.find((task) => !draft.isDirty(task));
}

/** Puts a task of the new spec into the slot: beside the old ones, or after they have stopped. */
function replace(draft: Draft, slot: OccupiedSlot, { startFirst }: RolloutConfig): Task {
  if (startFirst) return addTask(draft, { key: slot.key });
  const old = slot.occupants.filter(isWanted);
  const added = addTask(draft, { key: slot.key, memory: afterStopOf(draft, old) });
  for (const task of old) stopTask(draft, task, 'shutdown');
  return added;
}

/**
 * Brings a slot with several wanted tasks back to one: a clean one that runs takes over. Stop-first, any clean one does, once the
 * others have stopped; start-first, the old ones stay until it runs. Returns false when it must wait.
 */
function settle(draft: Draft, slot: OccupiedSlot, { startFirst }: RolloutConfig): boolean {
  const running = slot.occupants.find((task) => task.Status.State === 'running' && !draft.isDirty(task));
  const heir = running ?? (startFirst ? undefined : cleanTask(draft, slot));
  if (!heir) return false;
  const others = slot.occupants.filter((task) => task !== heir);
  if (heir.DesiredState === 'ready') {
    draft.putTask({ ...heir, Shoal: { ...heir.Shoal, ...afterStopOf(draft, others) } });
  }
  for (const task of others) stopTask(draft, task, 'shutdown');
  return true;
}

/** The end: every task made is up or has failed, and the last one has been watched for the monitor time. */
function completeWhenMonitored(draft: Draft, rollout: Rollout, config: RolloutConfig): void {
  let last = 0;
  for (const { DoneAt } of Object.values(rollout.Slots)) {
    if (DoneAt === undefined) return;
    last = Math.max(last, DoneAt);
  }
  const completeAt = last + config.monitorMs;
  if (draft.now >= completeAt) completeUpdate(draft);
  else draft.wake(completeAt);
}

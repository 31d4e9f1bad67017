/** Watches the tasks that a rollout made: when each came up, which failed, and when that is too much. */
import type { Rollout, RolloutSlot } from '#model/service';
import type { Task } from '#model/task';
import { isTerminal } from '#model/task-state';
import { statusTime, type Draft } from './draft.ts';
import { isWanted } from './slots.ts';
import { failUpdate, isRolling } from './update-status.ts';
import { rolloutConfig, type RolloutConfig } from './update-config.ts';

/** The rollout of the present spec, if one has begun. */
export function presentRollout(draft: Draft): Rollout | undefined {
  const { Rollout: rollout, SpecVersion } = draft.service.Shoal;
  return rollout?.SpecVersion === SpecVersion ? rollout : undefined;
}

/** Stores the rollout without the slots that say nothing any more, so that the object stays small however many slots there are. */
export function putRollout(draft: Draft, rollout: Rollout): void {
  const { delayMs, monitorMs } = rolloutConfig(draft);
  const since = draft.now - Math.max(delayMs, monitorMs);
  // A failed slot stays: it counts, and it is not tried again.
  const telling = Object.entries(rollout.Slots).filter(([, { DoneAt, Failed }]) => Failed || DoneAt === undefined || DoneAt >= since);
  const Slots = Object.fromEntries(telling);
  draft.putService({ ...draft.service, Shoal: { ...draft.service.Shoal, Rollout: { ...rollout, Slots } } });
}

/** Notes what became of the rollout's tasks and acts on failures. Runs before restarts: these make an ended task look like one told to stop. */
export function watchRollout(draft: Draft): void {
  const rollout = presentRollout(draft);
  if (!rollout) return;
  const config = rolloutConfig(draft);
  let slots = rollout.Slots;
  let failures = Object.values(slots).filter((slot) => slot.Failed).length;
  for (const [key, slot] of Object.entries(slots)) {
    const seen = watchSlot(draft, key, slot, config);
    if (seen === slot) continue;
    slots = { ...slots, [key]: seen };
    putRollout(draft, { ...rollout, Slots: slots });
    if (!seen.Failed || slot.Failed) continue;
    failures++;
    if (config.failureAction === 'continue' || !isRolling(draft.service) || failures / rollout.Total <= config.maxFailureRatio) continue;
    failUpdate(draft, config.failureAction, seen.Task);
    return;
  }
}

/** The slot as it is now; the same object when nothing is new. */
function watchSlot(draft: Draft, key: string, slot: RolloutSlot, config: RolloutConfig): RolloutSlot {
  const task = draft.task(slot.Task);
  const wanted = task !== undefined && isWanted(task);
  if (slot.DoneAt === undefined) {
    if (!wanted) return succeeded(draft, key, slot);
    if (task.Status.State === 'running') return { ...slot, DoneAt: draft.now };
    return isTerminal(task.Status.State) ? { ...slot, DoneAt: draft.now, Failed: true } : slot;
  }
  if (slot.Failed || !wanted || !isTerminal(task.Status.State)) return slot;
  return statusTime(task) - slot.DoneAt <= config.monitorMs ? { ...slot, Failed: true } : slot;
}

/** The task was stopped from outside (drain, lost node) before it came up: whoever took its place is waited for. */
function succeeded(draft: Draft, key: string, slot: RolloutSlot): RolloutSlot {
  const tasks: readonly Task[] = draft.slots().find((candidate) => candidate.key === key)?.tasks ?? [];
  const successor = tasks.findLast((task) => isWanted(task) && !draft.isDirty(task));
  return successor ? { ...slot, Task: successor.ID } : { ...slot, DoneAt: draft.now };
}

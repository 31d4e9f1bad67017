/** Watches the tasks that a rollout made: when each came up, which failed, and when that is too much. */
import type { Steps } from '#base/pace/steps';
import { statusTime } from '#model/task-status';
import type { Rollout } from '#model/object/service';
import type { RolloutPart, Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { type Draft } from '../draft.ts';
import { isEvicted } from '../enforce.ts';
import { isWanted, type Slot } from '../slots.ts';
import { failUpdate, isRolling } from './update-status.ts';
import { rolloutConfig, type RolloutConfig } from './update-config.ts';

export type PresentRollout = Rollout & { ID: string };

/** The rollout of the present spec, if one has begun. */
export function presentRollout(draft: Draft): PresentRollout | undefined {
  const { Rollout: rollout, SpecVersion } = draft.service.Shoal;
  return rollout?.SpecVersion === SpecVersion && rollout.ID !== undefined ? { ...rollout, ID: rollout.ID } : undefined;
}

export function putRollout(draft: Draft, rollout: Rollout): void {
  draft.putService({ ...draft.service, Shoal: { ...draft.service.Shoal, Rollout: rollout } });
}

interface PartHolder {
  task: Task;
  part: RolloutPart;
}

/** The slot's newest task with a part in the rollout; a slot without one has not been taken up. */
export function partHolder(slot: Slot, rollout: PresentRollout): PartHolder | undefined {
  const task = slot.tasks.findLast((one) => one.Shoal.Rollout?.ID === rollout.ID);
  return task?.Shoal.Rollout && { task, part: task.Shoal.Rollout };
}

export function putPart(draft: Draft, task: Task, part: RolloutPart): Task {
  const marked = { ...task, Shoal: { ...task.Shoal, Rollout: part } };
  draft.putTask(marked);
  return marked;
}

function dropPart(draft: Draft, task: Task): void {
  const { Rollout: _part, ...memory } = task.Shoal;
  draft.putTask({ ...task, Shoal: memory });
}

/** The parts of all slots that were taken up. */
export function* partsOf(draft: Draft, rollout: PresentRollout): Steps<RolloutPart[]> {
  const parts: RolloutPart[] = [];
  for (const slot of draft.slots()) {
    if (draft.pace.isDue) yield;
    const holder = partHolder(slot, rollout);
    if (holder) parts.push(holder.part);
  }
  return parts;
}

/** Brings what an earlier program noted on the service to the tasks. */
function adoptSlots(draft: Draft): void {
  const { Rollout: old, SpecVersion } = draft.service.Shoal;
  if (!old?.Slots) return;
  const { Slots, ...rollout } = old;
  const ID = `${SpecVersion}.${draft.service.Version.Index}`;
  for (const { Task: id, ...part } of Object.values(Slots)) {
    const task = draft.task(id);
    if (task) putPart(draft, task, { ID, ...part });
  }
  putRollout(draft, { ...rollout, ID });
}

/** Notes what became of the rollout's tasks and acts on failures. Runs before restarts: these make an ended task look like one told to stop. */
export function* watchRollout(draft: Draft): Steps<void> {
  adoptSlots(draft);
  const rollout = presentRollout(draft);
  if (!rollout || rollout.Total === 0) return;
  const config = rolloutConfig(draft);
  let failures: number | undefined;
  for (const slot of draft.slots()) {
    if (draft.pace.isDue) yield;
    const holder = partHolder(slot, rollout);
    if (!holder) continue;
    const { part, task } = holder;
    const seen = watchTask(draft, task, part, config);
    if (seen === part) continue;
    if (draft.isFull) return;
    if (seen === 'moved') {
      moveOn(draft, slot, task, part);
      continue;
    }
    putPart(draft, task, seen);
    if (!seen.Failed || config.failureAction === 'continue' || !isRolling(draft.service)) continue;
    // The first one counts itself among those that the tasks hold by now.
    if (failures === undefined) failures = (yield* partsOf(draft, rollout)).filter(({ Failed }) => Failed).length;
    else failures++;
    if (failures / rollout.Total <= config.maxFailureRatio) continue;
    failUpdate(draft, config.failureAction, task.ID);
    return;
  }
}

/** The part as it is now; the same object when nothing is new, 'moved' when the task was stopped from outside before it came up. */
function watchTask(draft: Draft, task: Task, part: RolloutPart, config: RolloutConfig): RolloutPart | 'moved' {
  const wanted = isWanted(task);
  const ended = isTerminal(task.Status.State);
  if (part.DoneAt === undefined) {
    if (!wanted) return 'moved';
    // The restart rule puts another one in its place, which is no failure of the spec.
    if (isEvicted(task)) return part;
    if (task.Status.State === 'running') return { ...part, DoneAt: draft.now };
    return ended ? { ...part, DoneAt: draft.now, Failed: true } : part;
  }
  // The clock was set back: nobody waits longer than the settings say.
  if (part.DoneAt > draft.now) return { ...part, DoneAt: draft.now };
  if (part.Failed || !wanted || !ended || isEvicted(task)) return part;
  return statusTime(task) - part.DoneAt <= config.monitorMs ? { ...part, Failed: true } : part;
}

/** Drain or a lost node: whoever took the task's place is waited for. */
function moveOn(draft: Draft, slot: Slot, task: Task, part: RolloutPart): void {
  const successor = slot.tasks.findLast((one) => isWanted(one) && !draft.isDirty(one));
  if (!successor) {
    putPart(draft, task, { ...part, DoneAt: draft.now });
    return;
  }
  putPart(draft, successor, part);
  // An older task that suits again took the place back: the newest one with a part tells, so the other must have none.
  if (slot.tasks.findIndex(({ ID }) => ID === successor.ID) < slot.tasks.findIndex(({ ID }) => ID === task.ID)) dropPart(draft, task);
}

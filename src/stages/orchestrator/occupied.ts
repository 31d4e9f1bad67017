/** Which tasks hold a slot, and which slots nobody holds. */
import type { Task } from '#model/object/task';
import type { Draft } from './draft.ts';
import { mayRestart } from './restart.ts';
import { isWanted, type Slot } from './slots.ts';

export interface OccupiedSlot extends Slot {
  /** Never empty: the wanted tasks, or the last one that ended for good. */
  occupants: readonly Task[];
}

/** The slot with its holders; undefined when it is dead. A task that ended and must not restart keeps its slot. */
export function occupiedSlot(draft: Draft, slot: Slot): OccupiedSlot | undefined {
  const { key, tasks } = slot;
  const wanted = tasks.every(isWanted) ? tasks : tasks.filter(isWanted);
  if (wanted.length > 0) return { key, tasks, occupants: wanted };
  const newest = tasks.at(-1);
  if (!newest || tasks.some((task) => task.DesiredState === 'remove')) return undefined;
  // What ended under the failed spec gets another try with the restored one, but only one.
  const rollingBack = draft.service.UpdateStatus?.State === 'rollback_started';
  if (rollingBack && newest.Shoal.SpecVersion !== draft.service.Shoal.SpecVersion) return undefined;
  return mayRestart(newest) ? undefined : { key, tasks, occupants: [newest] };
}

/** Replicated services: as many slots as replicas, numbered from 1 (swarmkit manager/orchestrator/replicated). */
import type { Draft } from './draft.ts';
import { addTask, startingRoom, stopTask } from './new-task.ts';
import { occupiedSlot, type OccupiedSlot } from './occupied.ts';

/** Adds and removes slots until there are as many as replicas; returns those that stay, by number. */
export function reconcileReplicated(draft: Draft): OccupiedSlot[] {
  const replicas = draft.service.Spec.Mode?.Replicated?.Replicas ?? 1;
  const occupied: OccupiedSlot[] = [];
  for (const slot of draft.slots()) {
    const holder = occupiedSlot(draft, slot);
    if (holder) occupied.push(holder);
  }
  const kept = occupied.length > replicas ? keepBest(occupied, replicas) : occupied;
  const keys = new Set(kept.map((slot) => slot.key));
  if (keys.size < replicas) addSlots(draft, keys, replicas);
  dropOthers(draft, keys);
  return kept;
}

/** Fills the lowest free numbers. */
function addSlots(draft: Draft, keys: Set<string>, replicas: number): void {
  let room = startingRoom(draft);
  for (let number = 1; keys.size < replicas && room > 0; number++) {
    const key = String(number);
    if (keys.has(key)) continue;
    if (draft.isFull) return;
    keys.add(key);
    addTask(draft, { key });
    room--;
  }
}

/** All tasks of the slots that are not wanted go, their history with them; a slot number that is used again keeps its own. */
function dropOthers(draft: Draft, keys: ReadonlySet<string>): void {
  for (const slot of draft.slots()) {
    if (keys.has(slot.key)) continue;
    for (const task of slot.tasks) {
      if (task.DesiredState === 'remove') continue;
      if (draft.isFull) return;
      stopTask(draft, task, 'remove');
    }
  }
}

/**
 * Those to keep when scaling down: running before not running, then low numbers; of these, first every node's first task,
 * then every node's second, and so on, so that the fullest nodes lose most. Slots in transit (no node, or two tasks) go first.
 */
function keepBest(slots: readonly OccupiedSlot[], count: number): OccupiedSlot[] {
  const perNode = new Map<string, number>();
  const ranked = slots
    .toSorted((a, b) => Number(isRunning(b)) - Number(isRunning(a)) || Number(a.key) - Number(b.key))
    .map((slot) => {
      const nodeId = slot.occupants.length === 1 ? (slot.occupants[0]?.NodeID ?? '') : '';
      if (nodeId === '') return { slot, nth: Infinity };
      const nth = (perNode.get(nodeId) ?? 0) + 1;
      perNode.set(nodeId, nth);
      return { slot, nth };
    });
  // The sort is stable: equals stay in the order above.
  const kept = ranked.toSorted((a, b) => (a.nth === b.nth ? 0 : a.nth - b.nth)).slice(0, count);
  return kept.map(({ slot }) => slot).sort((a, b) => Number(a.key) - Number(b.key));
}

function isRunning(slot: OccupiedSlot): boolean {
  return slot.occupants.some((task) => task.Status.State === 'running');
}

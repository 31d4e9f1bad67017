/** Replicated services: as many slots as replicas, numbered from 1 (swarmkit manager/orchestrator/replicated). */
import type { Steps } from '#base/pace/steps';
import type { Service } from '#model/object/service';
import { create, type Action } from '#store/action';
import type { Decision, Draft, Surroundings } from './draft.ts';
import { addTask, newTask, startingRoom, startingRoomOf, stopTask } from './new-task.ts';
import type { Vacancy } from './rest.ts';
import { occupiedSlot, type OccupiedSlot } from './occupied.ts';

/** Adds and removes slots until there are as many as replicas; returns those that stay, by number. */
export function* reconcileReplicated(draft: Draft): Steps<OccupiedSlot[]> {
  const replicas = (draft.service.Spec.Mode?.Replicated?.Replicas ?? 1) - draft.restingSlots;
  const occupied: OccupiedSlot[] = [];
  for (const slot of draft.slots()) {
    if (draft.pace.isDue) yield;
    const holder = occupiedSlot(draft, slot);
    if (holder) occupied.push(holder);
  }
  if (occupied.length !== replicas && draft.lacksSlots()) return occupied;
  const kept = occupied.length > replicas ? yield* keepBest(draft, occupied, replicas) : occupied;
  const keys = new Set<string>();
  for (const slot of kept) {
    if (draft.pace.isDue) yield;
    keys.add(slot.key);
  }
  if (keys.size < replicas) yield* addSlots(draft, keys, replicas);
  yield* dropOthers(draft, keys);
  return kept;
}

/** Fills the lowest free numbers. */
function* addSlots(draft: Draft, keys: Set<string>, replicas: number): Steps<void> {
  let room = yield* startingRoom(draft);
  for (let number = 1; keys.size < replicas && room > 0; number++) {
    if (draft.pace.isDue) yield;
    const key = String(number);
    if (keys.has(key)) continue;
    if (draft.isFull) return;
    keys.add(key);
    addTask(draft, { key });
    room--;
  }
}

/**
 * Decides what the rules would for a service of which all is at rest but slots without a task: the lowest free numbers get one, as many as may
 * be on their way up at a time. A service of many tasks grows in many entries, and every rule would go through all of them for each.
 */
export function* fillSlots(service: Service, { taken, running, starting }: Vacancy, surroundings: Surroundings): Steps<Decision> {
  const limit = surroundings.context.room.leftFor(service.Spec.TaskTemplate);
  const replicas = service.Spec.Mode?.Replicated?.Replicas ?? 1;
  const owner = { service, surroundings, isGlobal: false, isJob: false };
  const room = startingRoomOf(surroundings.nodes.length, running, starting);
  const decided: Action[] = [];
  for (let number = 1; taken.size < replicas && decided.length < room; number++) {
    if (surroundings.pace.isDue) yield;
    if (taken.has(number)) continue;
    if (decided.length >= limit) return { decided, hasMore: true };
    taken.add(number);
    decided.push(create('task', newTask(owner, { key: String(number) })));
  }
  return { decided, hasMore: false };
}

/** All tasks of the slots that are not wanted go, their history with them; a slot number that is used again keeps its own. */
function* dropOthers(draft: Draft, keys: ReadonlySet<string>): Steps<void> {
  for (const slot of draft.slots()) {
    if (draft.pace.isDue) yield;
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
function* keepBest(draft: Draft, slots: readonly OccupiedSlot[], count: number): Steps<OccupiedSlot[]> {
  const perNode = new Map<string, number>();
  /** By how many of their node come before them. */
  const rounds: OccupiedSlot[][] = [];
  const inTransit: OccupiedSlot[] = [];
  for (const wanted of [true, false]) {
    for (const slot of slots) {
      if (draft.pace.isDue) yield;
      if (isRunning(slot) !== wanted) continue;
      const nodeId = slot.occupants.length === 1 ? (slot.occupants[0]?.NodeID ?? '') : '';
      const nth = perNode.get(nodeId) ?? 0;
      if (nodeId !== '') perNode.set(nodeId, nth + 1);
      if (nodeId === '') inTransit.push(slot);
      else if (rounds[nth]) rounds[nth].push(slot);
      else rounds[nth] = [slot];
    }
  }
  const kept = new Set<OccupiedSlot>();
  for (const round of [...rounds, inTransit]) {
    for (const slot of round.slice(0, count - kept.size)) {
      if (draft.pace.isDue) yield;
      kept.add(slot);
    }
  }
  const inOrder: OccupiedSlot[] = [];
  for (const slot of slots) {
    if (draft.pace.isDue) yield;
    if (kept.has(slot)) inOrder.push(slot);
  }
  return inOrder;
}

function isRunning(slot: OccupiedSlot): boolean {
  return slot.occupants.some((task) => task.Status.State === 'running');
}

/** Services at rest: seen at a glance, for most services are, and a full scan asks all of them. */
import type { Steps } from '#base/pace/steps';
import { roleOf } from '#model/manager-address';
import { nodeMatches, parseConstraints } from '#model/constraint';
import { equal } from '#base/equal';
import type { Node } from '#model/object/node';
import { modeOf, type Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import type { Spot, Surroundings } from './draft.ts';
import { historyLimit, historyLimitInAll } from './reaper.ts';
import { isGone } from './slots.ts';
import { isRolling } from './update/update-status.ts';
import type { View } from '#store/view';

/** What a look at a task costs beside what the rules take for one. */
const glance = 0.1;

/** What a look at a service says: no rule has anything to do for it and none waits for a time; or all it wants is tasks in slots that have none; or something is to do in few slots; or the rules must look at all. */
export type Glance = 'rest' | 'work' | Vacancy | RestlessSlots;

/** Slots without a task, and nothing else to do. */
export interface Vacancy {
  what: 'vacancy';
  taken: SlotNumbers;
  running: number;
  /** On their way up. */
  starting: number;
}

/** As many slots as there should be, and no rule has anything to do in most of them. */
export interface RestlessSlots {
  what: 'restless';
  slots: ReadonlySet<number>;
  /** The others. */
  resting: number;
}

/** So many slots may be restless, or that part of those that were looked at: beyond, the rules look at all. */
const few = { slots: 8, part: 1 / 4 };

/** It may say too often that the rules must look, and never too seldom. */
export function* glanceAt(service: Service, surroundings: Surroundings): Steps<Glance> {
  if (modeOf(service.Spec) !== 'replicated' || isRolling(service) || service.Shoal.Rollout?.Slots) return 'work';
  const suits = nodeTest(service);
  const replicas = service.Spec.Mode?.Replicated?.Replicas ?? 1;
  const taken = new SlotNumbers(replicas);
  const history = new Map<number, number>();
  const restless = new Set<number>();
  let [running, starting, tasks] = [0, 0, 0];
  for (const task of surroundings.view.tasksOfService(service.ID)) {
    if (surroundings.pace.isDue) yield;
    surroundings.context.room.spend(glance);
    const slot = task.Slot ?? 0;
    tasks++;
    if (task.DesiredState === 'shutdown') {
      history.set(slot, (history.get(slot) ?? 0) + 1);
      continue;
    }
    const isOnly = !taken.has(slot);
    if (isOnly) taken.add(slot);
    if (isOnly && isTaskAtRest(task, service, surroundings, suits)) {
      if (task.Status.State === 'running') running++;
      else starting++;
      continue;
    }
    restless.add(slot);
    if (restless.size > Math.max(few.slots, few.part * taken.size)) return 'work';
  }
  const limit = historyLimit(surroundings.view, service);
  let slots = taken.size;
  // All that may be history when the rules are through: of the whole service only so much is kept, and which goes takes all slots.
  if (tasks - taken.size + 2 * restless.size > historyLimitInAll(surroundings.nodes.length)) return 'work';
  for (const [slot, count] of history) {
    if (!taken.has(slot)) slots++;
    else if (limit < 0 || count + 1 <= limit) continue;
    restless.add(slot);
  }
  if (restless.size > 0) return slots === replicas ? { what: 'restless', slots: restless, resting: slots - restless.size } : 'work';
  if (slots > replicas) return 'work';
  return slots === replicas ? 'rest' : { what: 'vacancy', taken, running, starting };
}

/** So many are kept in a list, the others in a set. */
const listedSlots = 2 ** 20;

/**
 * Numbers of slots, of which most are those that there should be.
 * @internal
 */
export class SlotNumbers {
  readonly #low: Uint8Array;
  readonly #others = new Set<number>();
  #size = 0;

  constructor(replicas: number) {
    this.#low = new Uint8Array(Math.min(replicas, listedSlots) + 1);
  }

  get size(): number {
    return this.#size;
  }

  has(slot: number): boolean {
    return slot < this.#low.length ? this.#low[slot] === 1 : this.#others.has(slot);
  }

  /** It is not here yet. */
  add(slot: number): void {
    if (slot < this.#low.length) this.#low[slot] = 1;
    else this.#others.add(slot);
    this.#size++;
  }
}

function isTaskAtRest(task: Task, service: Service, surroundings: Surroundings, suits: NodeTest): boolean {
  if (task.DesiredState !== 'running' || task.Shoal.Leave || isTerminal(task.Status.State) || !isOfPresentSpec(task, service)) return false;
  const part = task.Shoal.Rollout;
  if (part && part.ID === service.Shoal.Rollout?.ID && !(part.DoneAt !== undefined && part.DoneAt <= surroundings.context.now)) return false;
  if (task.NodeID === '') return true;
  const place = surroundings.spot(task.NodeID);
  return !place.lost && suits(place, task);
}

/** It was told to stop, and is not to be deleted yet: of those the rules that look at slots ask no more than where they are. */
function isStopping(task: Task, view: View): boolean {
  return task.DesiredState === 'shutdown' || (task.DesiredState === 'remove' && !isGone(view, task));
}

function isOfPresentSpec(task: Task, { Spec, Shoal }: Service): boolean {
  if (task.Shoal.SpecVersion === Shoal.SpecVersion) return true;
  return task.Spec === Spec.TaskTemplate && equal(task.Shoal.EndpointSpec ?? {}, Spec.EndpointSpec ?? {});
}

/** Which tasks of the service no rule that goes by a task alone has anything to do for; undefined where only the rules themselves can say. */
export function restTest(service: Service, surroundings: Surroundings): ((task: Task) => boolean) | undefined {
  if (modeOf(service.Spec) !== 'replicated' || isRolling(service)) return undefined;
  const suits = nodeTest(service);
  return (task) => isStopping(task, surroundings.view) || isTaskAtRest(task, service, surroundings, suits);
}

type NodeTest = (place: Spot, task: Task) => boolean;

/** What the enforcer asks of a node, with the constraints read once. */
function nodeTest({ Spec }: Service): NodeTest {
  const expressions = Spec.TaskTemplate.Placement?.Constraints ?? [];
  const constraints = expressions.length > 0 ? parseConstraints(expressions) : undefined;
  const matches = (node: Node): boolean => !constraints || nodeMatches(constraints, node, roleOf(node));
  return ({ node, outgrown }, task) => node !== undefined && matches(node) && (outgrown.size === 0 || !outgrown.has(task.ID));
}

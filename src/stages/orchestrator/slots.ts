/** Slots: the places of a service, each held by one task at a time and remembering those before it. */
import { milliseconds, second } from '#base/text/duration';
import { compareTexts } from '#base/text/text';
import type { Task } from '#model/object/task';
import { compareStates, isTerminal } from '#model/object/task-state';
import { fencedFor } from '#model/options/fence';
import { clusterOf, type View } from '#store/view';

/** Of beats, where the cluster says nothing: the shortest makes the longest wait. */
const defaultPeriod = second;

export interface Slot {
  /** Slot number, or node id for global services. */
  key: string;
  /** In the order in which they were made. */
  tasks: readonly Task[];
}

/** In which order it comes, beside. */
interface Group extends Slot {
  order: number;
  tasks: readonly Task[];
}

/**
 * Tasks by slot, kept while they change. They come in the order in which they were made (clocks may go back), slots in that of
 * their numbers (or node ids), so that every pass walks them alike.
 */
export class SlotBook {
  readonly #byNode: boolean;
  readonly #groups = new Map<string | number, Group>();
  #sorted: readonly Slot[] | undefined;

  constructor(byNode: boolean) {
    this.#byNode = byNode;
  }

  /** The list does not follow later changes. */
  all(): readonly Slot[] {
    return (this.#sorted ??= sorted([...this.#groups.values()], this.#byNode));
  }

  /** `before`: the task as it is here. */
  put(task: Task, before: Task | undefined): void {
    this.#sorted = undefined;
    const key = this.#keyOf(task);
    if (before && this.#keyOf(before) !== key) this.drop(before);
    const known = this.#groups.get(key);
    if (!known) this.#groups.set(key, { key: String(key), order: this.#byNode ? 0 : Number(key), tasks: [task] });
    else this.#groups.set(key, { ...known, tasks: withTask(known.tasks, task) });
  }

  drop(task: Task): void {
    this.#sorted = undefined;
    const key = this.#keyOf(task);
    const known = this.#groups.get(key);
    const tasks = known?.tasks.filter(({ ID }) => ID !== task.ID) ?? [];
    if (known && tasks.length > 0) this.#groups.set(key, { ...known, tasks });
    else this.#groups.delete(key);
  }

  /** The slot of a task that is here. */
  of(task: Task): Slot {
    const key = this.#keyOf(task);
    return this.#groups.get(key) ?? { key: String(key), tasks: [] };
  }

  #keyOf({ NodeID, Slot = 0 }: Task): string | number {
    return this.#byNode ? NodeID : Slot;
  }
}

function withTask(tasks: readonly Task[], task: Task): Task[] {
  const at = tasks.findIndex(({ ID }) => ID === task.ID);
  return at < 0 ? [...tasks, task] : tasks.with(at, task);
}

function sorted(groups: Group[], byNode: boolean): readonly Slot[] {
  if (byNode) return groups.sort((a, b) => compareTexts(a.key, b.key));
  // Mostly they are in order as they come.
  const inOrder = groups.every(({ order }, at) => at === 0 || order > (groups[at - 1]?.order ?? 0));
  return inOrder ? groups : groups.sort((a, b) => a.order - b.order);
}

/** The service wants this task to go on: it is to run, to complete, or to get ready for it. */
export function isWanted(task: Task): boolean {
  return compareStates(task.DesiredState, 'complete') <= 0;
}

/** Nothing of a task that was told to stop can run any more: it ended, no agent ever had it, or its node left for good. */
export function isGone(view: View, task: Task): boolean {
  const { State } = task.Status;
  return isTerminal(State) || compareStates(State, 'assigned') < 0 || !view.get('node', task.NodeID);
}

/**
 * When (ms) a successor need not wait for it any more: it is gone, or nothing of it can be known, and on a node that is cut off it has stopped by
 * itself where the service must not run twice. Undefined: its status will say.
 */
export function stopsAt(view: View, task: Task, now: number): number | undefined {
  if (isGone(view, task)) return 0;
  const node = view.get('node', task.NodeID);
  if (node?.Status.State !== 'down') return undefined;
  const fenced = fencedFor(task, beatPeriod(view));
  return fenced === undefined ? 0 : (node.Shoal?.DownSince ?? now) + fenced;
}

export function hasStopped(view: View, task: Task, now: number): boolean {
  const at = stopsAt(view, task, now);
  return at !== undefined && at <= now;
}

/** Milliseconds between a node's beats. */
export function beatPeriod(view: View): number {
  return milliseconds(clusterOf(view)?.Spec.Dispatcher.HeartbeatPeriod || undefined, defaultPeriod);
}

/** The scheduler: pending tasks get a node, or the reason why there is none. */
import { Pace, type Steps } from '#base/pace/steps';
import { defaults } from '#model/object/service';
import type { GenericResource } from '#model/object/service-spec';
import { isActive, type Task } from '#model/object/task';
import { withState, withWait } from '#model/task-status';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult } from '#store/stage';
import { clusterOf, type View } from '#store/view';
import type { Candidate } from './candidate.ts';
import { Places } from './places.ts';
import { failureLimitFor, groupOf } from './rank.ts';

/** Tasks are taken up so many at a time: a full entry must not cost a look at all that wait. */
const portion = 1000;
/** Tasks or nodes that are looked at in one step. */
const looksAStep = 100;

/** What was decided, until the entry is full. */
class Decisions {
  readonly actions: Action[] = [];
  readonly #context: StageContext;
  full = false;

  constructor(context: StageContext) {
    this.#context = context;
  }

  get result(): StageResult {
    return { actions: this.actions, ...(this.full && { rest: { waiting: true } }) };
  }

  get now(): number {
    return this.#context.now;
  }

  /** Nothing more goes in, but for tasks that the entry holds already. */
  hasRoomFor(task: Task): boolean {
    if (this.#context.room.left > 0 || this.#context.room.holds('task', task.ID)) return true;
    this.full = true;
    return false;
  }

  write(task: Task): Task {
    const action = update('task', task);
    this.#context.room.count(action);
    this.actions.push(action);
    return task;
  }
}

/**
 * Places what is pending. What waits is tried again when a node changed, something was taken or became free, or
 * another task came: nothing else could help it, or make its reason another one.
 */
export function* schedule(view: View, context: StageContext): Steps<StageResult> {
  const decisions = new Decisions(context);
  const { scope } = context;
  if (scope !== 'all' && !scope.waiting && scope.loads.size === 0 && scope.nodes.size === 0) return decisions.result;
  const pace = new Pace(looksAStep);
  for (const task of waitingTasks(view)) {
    if (pace.isDue) yield;
    if (task.DesiredState === 'shutdown' && decisions.hasRoomFor(task)) decisions.write(withState(task, 'shutdown', 'shutdown', decisions.now));
  }
  const pending = pendingTasks(view);
  let batch = take(pending, portion);
  if (batch.length === 0) return decisions.result;
  const limit = failureLimitFor(clusterOf(view)?.Spec.Orchestration.TaskHistoryRetentionLimit ?? defaults.taskHistoryLimit);
  const places = yield* Places.of(view, context.now, limit, pace);
  const reasons: Waiting[] = [];
  for (; batch.length > 0 && !decisions.full; batch = take(pending, portion)) reasons.push(...(yield* placeAll(batch, places, decisions)));
  // Reasons come last: a group that was placed later may have taken what was free.
  const answers = new Map<string, string>();
  for (const { tasks, reason } of reasons) {
    const text = yield* reason(answers);
    for (const task of tasks) {
      if (pace.isDue) yield;
      const waiting = withWait(task, text, context.now);
      if (waiting && decisions.hasRoomFor(task)) decisions.write(waiting);
    }
  }
  return decisions.result;
}

function* waitingTasks(view: View): Generator<Task> {
  yield* view.find('task', 'waiting', 'new');
  yield* view.find('task', 'waiting', 'pending');
}

/** Oldest first. */
function* pendingTasks(view: View): Generator<Task> {
  for (const task of view.find('task', 'waiting', 'pending')) if (isActive(task)) yield task;
}

function take<T>(from: Iterator<T>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = from.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Tasks that found no node, and how to say why. */
interface Waiting {
  tasks: readonly Task[];
  reason: (answers: Map<string, string>) => Steps<string>;
}

function* placeAll(tasks: readonly Task[], places: Places, decisions: Decisions): Steps<Waiting[]> {
  const waiting: Waiting[] = [];
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.NodeID === '') {
      const group = groups.get(groupOf(task));
      if (group) group.push(task);
      else groups.set(groupOf(task), [task]);
      continue;
    }
    if (!decisions.hasRoomFor(task)) break;
    const reason = yield* places.confirm(task, (each, node) =>
      decisions.write(assigned(each, node, 'scheduler confirmed task can run on preassigned node', decisions.now)),
    );
    if (reason) waiting.push({ tasks: [task], reason });
  }
  for (const group of groups.values()) {
    const left = yield* places.placeGroup(
      group,
      (task, node) => decisions.write(assigned(task, node, 'scheduler assigned task to node', decisions.now)),
      (task) => decisions.hasRoomFor(task),
    );
    const [first] = left;
    if (first) waiting.push({ tasks: left, reason: (answers) => noSuitableNode(places.explain(first, answers)) });
  }
  return waiting;
}

function* noSuitableNode(why: Steps<string>): Steps<string> {
  const reasons = yield* why;
  return reasons ? `no suitable node (${reasons})` : 'no suitable node';
}

/** The task on the node, with what it is given there. */
function assigned(task: Task, candidate: Candidate, message: string, now: number): Task {
  const wanted: readonly GenericResource[] = task.Spec.Resources?.Reservations?.GenericResources ?? [];
  const given = wanted.length > 0 ? candidate.generic.claim(wanted) : [];
  return { ...withState(task, 'assigned', message, now), NodeID: candidate.node.ID, ...(given.length > 0 && { GenericResources: given }) };
}

/** Plays forward what follows from actions, in virtual time: the stages and the pass of production over a view that nobody sees, and nodes on which all goes well. */
import { timeText } from '#base/clock';
import { seededRandom } from '#base/random';
import type { Steps } from '#base/pace/steps';
import { unforeseen, type Foresight, type ForeseenEvent, type ForeseenWait } from '#model/difference/foresight';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { acceptStatuses } from '#stages/dispatcher/status';
import type { Action } from '#store/action';
import { Overlay } from '#store/overlay';
import { Room } from '#store/room';
import type { View } from '#store/view';
import { Deadlines } from '../deadlines.ts';
import { DirtySet } from '../dirty.ts';
import { runPass } from '../pass.ts';
import { stages } from '../stages.ts';
import { assumedText, nextState } from './behaviour.ts';

/** Moments at which something happens. */
const mostTurns = 2000;
const mostTasks = 2000;
/** Ended ones included: all of them are looked at again and again. */
const mostLooked = 4000;
const mostEvents = 500;
/** Of virtual time. */
const longestMs = 24 * 3_600_000;

/** What is on its way on the nodes: task and what it is on its way to → since when. */
type Since = Map<string, number>;

interface Played {
  overlay: Overlay;
  services: ReadonlySet<string>;
  events: ForeseenEvent[];
  more: number;
}

/** `now`: ms. The view must stay as it is until the last step. */
export function* foresee(view: View, actions: readonly Action[], now: number): Steps<Foresight> {
  const why = tooMany(view, actions);
  if (why !== undefined) return unforeseen(why);
  const played: Played = { overlay: new Overlay(view), services: servicesOf(actions), events: [], more: 0 };
  const { overlay } = played;
  const before = new Map([...tasksOf(played)].map((task) => [task.ID, task]));
  const dirty = new DirtySet();
  dirty.touch(overlay, actions);
  overlay.lay(actions);
  const parts = { random: seededRandom(1), newId: ids(), deadlines: new Deadlines() };
  const since: Since = new Map();
  let pending = dirty;
  let time = now;
  for (let turn = 0; turn < mostTurns; turn++) {
    pending = yield* settle(overlay, pending, { ...parts, now: time });
    yield;
    tell(played, before, time - now);
    yield;
    const tasks = [...tasksOf(played)];
    const coming = tasks.flatMap((task) => comingOf(task, overlay, since, time));
    const next = Math.min(parts.deadlines.next() ?? Infinity, ...coming.map(({ at }) => at));
    if (!Number.isFinite(next) || next - now > longestMs || isOver(played, coming.length)) return outcome(played, time - now);
    time = Math.max(time, next);
    report(
      overlay,
      pending,
      coming.filter(({ at }) => at <= time),
      time,
    );
    for (const { kind, id } of parts.deadlines.take(time)) pending.add(kind === 'service' ? { services: new Set([id]) } : { nodes: new Set([id]) });
    yield;
  }
  return outcome(played);
}

interface Coming {
  task: Task;
  state: Task['Status']['State'];
  at: number;
}

type PassParts = Omit<Parameters<typeof runPass>[2], 'room'> & { deadlines: Deadlines };

/** Passes until none has anything left to do. */
function* settle(overlay: Overlay, dirty: DirtySet, { deadlines, ...context }: PassParts): Steps<DirtySet> {
  for (let next: DirtySet | undefined = dirty; next && !next.empty;) {
    const result: { more?: DirtySet; wakes: readonly Parameters<Deadlines['set']>[0][] } = yield* runPass(
      overlay,
      stages,
      { ...context, room: new Room({ actions: Infinity, bytes: Infinity }) },
      next,
    );
    for (const wake of result.wakes) deadlines.set(wake);
    next = result.more;
  }
  return new DirtySet();
}

function comingOf(task: Task, view: View, since: Since, now: number): Coming[] {
  const next = nextState(task);
  const node = view.get('node', task.NodeID);
  if (!next || node?.Status.State !== 'ready') return [];
  const key = `${task.ID} ${next.state}`;
  const from = since.get(key) ?? now;
  since.set(key, from);
  return [{ task, state: next.state, at: from + next.afterMs }];
}

/** As the dispatcher takes in what nodes say. */
function report(overlay: Overlay, dirty: DirtySet, coming: readonly Coming[], now: number): void {
  const Timestamp = timeText(now);
  for (const { task, state } of coming) {
    const actions = acceptStatuses(overlay, task.NodeID, [{ taskId: task.ID, status: { Timestamp, State: state, Message: state } }], now);
    dirty.touch(overlay, actions);
    overlay.lay(actions);
  }
}

/** Nothing is on its way on a node, and no service is in the middle of an update: what is still due is of later. */
function isOver({ overlay, services }: Played, coming: number): boolean {
  const updates = [...services].some((id) => ['updating', 'rollback_started'].includes(overlay.get('service', id)?.UpdateStatus?.State ?? ''));
  return coming === 0 && !updates;
}

/** Notes what tasks turned to since the last look. */
function tell(played: Played, before: Map<string, Task>, atMs: number): void {
  const { overlay } = played;
  const now = new Map([...tasksOf(played)].map((task) => [task.ID, task]));
  for (const task of now.values()) {
    const what = turnOf(before.get(task.ID), task);
    if (what !== undefined) note(played, { atMs, ...nameOf(overlay, task), what });
  }
  before.clear();
  for (const [id, task] of now) before.set(id, task);
}

function turnOf(before: Task | undefined, { DesiredState, Status, NodeID }: Task): ForeseenEvent['what'] | undefined {
  const [was, is] = [before?.Status.State, Status.State];
  if (before && is !== was && isTerminal(is)) return 'is gone';
  if (is === 'running' && was !== 'running') return 'runs';
  const stops = DesiredState === 'shutdown' || DesiredState === 'remove';
  if (stops && before && before.DesiredState !== DesiredState && !isTerminal(is) && before.DesiredState !== 'shutdown') return 'stops';
  return NodeID !== '' && (before?.NodeID ?? '') === '' && !isTerminal(is) ? 'starts' : undefined;
}

function note(played: Played, event: ForeseenEvent): void {
  if (played.events.length < mostEvents) played.events.push(event);
  else played.more += 1;
}

function nameOf(view: View, task: Task): Pick<ForeseenEvent, 'service' | 'task' | 'node'> {
  const node = view.get('node', task.NodeID)?.Description?.Hostname ?? '';
  return { service: task.Shoal.ServiceName, task: task.Slot ? String(task.Slot) : node, node };
}

function outcome({ overlay, services, events, more }: Played, endsMs?: number): Foresight {
  const waits = new Map<string, ForeseenWait>();
  for (const task of tasksOf({ overlay, services })) {
    if (task.Status.State !== 'pending' || task.DesiredState === 'shutdown') continue;
    const reason = task.Status.Err || task.Status.Message || 'it has no place';
    const key = `${task.Shoal.ServiceName} ${reason}`;
    waits.set(key, { service: task.Shoal.ServiceName, tasks: (waits.get(key)?.tasks ?? 0) + 1, reason });
  }
  return { events, more, ...(endsMs !== undefined && { endsMs }), pending: [...waits.values()], assumed: assumedText };
}

function* tasksOf({ overlay, services }: Pick<Played, 'overlay' | 'services'>): Iterable<Task> {
  for (const id of services) yield* overlay.tasksOfService(id);
}

/** Why it is more than is played, before much is looked at; undefined: it is not. */
function tooMany(view: View, actions: readonly Action[]): string | undefined {
  let [tasks, looked] = [0, 0];
  for (const action of actions) {
    if (action.kind !== 'service') continue;
    const id = action.type === 'remove' ? action.id : action.object.ID;
    const there = [...view.activeTasks(id).values()].reduce((all, each) => all + each, 0);
    const { Global, GlobalJob, Replicated, ReplicatedJob } = (action.type === 'remove' ? undefined : action.object.Spec.Mode) ?? {};
    const wanted = Global || GlobalJob ? view.count('node') : (Replicated?.Replicas ?? ReplicatedJob?.TotalCompletions ?? 1);
    // Those that are there are replaced, one for one.
    tasks += action.type === 'remove' ? there : Math.max(there, wanted);
    if (tasks > mostTasks) return `it is of more than ${mostTasks} tasks`;
    for (const _task of view.tasksOfService(id)) if ((looked += 1) > mostLooked) return `its services have more than ${mostLooked} tasks, ended ones included`;
  }
  return undefined;
}

function servicesOf(actions: readonly Action[]): ReadonlySet<string> {
  return new Set(actions.flatMap((action) => (action.kind === 'service' ? [action.type === 'remove' ? action.id : action.object.ID] : [])));
}

function ids(): () => string {
  let count = 0;
  return () => `foreseen${(count += 1)}`;
}

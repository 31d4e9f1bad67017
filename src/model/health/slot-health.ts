/** How one slot of a service fares, or one node of a global one: from its tasks, newest first; how long they lived, by their own time stamps. */
import { timeOf } from '#base/clock';
import type { Node } from '../object/node.ts';
import { modeOf } from '../object/service.ts';
import type { ServiceSpec } from '../object/service-spec.ts';
import type { Task } from '../object/task.ts';
import { compareStates, isTerminal } from '../object/task-state.ts';
import { slotKey } from './present-tasks.ts';

export interface SlotHealth {
  /** Slot number or node id. */
  name: string;
  /** `good`: up, or done. `waiting`: on its way. */
  state: 'good' | 'waiting' | 'degraded' | 'failing';
  message: string;
  /** State and error of the task that stands for it. */
  taskState: string;
  error: string;
  up: boolean;
  /** A one-shot that ended well and is not started again. */
  done: boolean;
  /** Of a global service: its node is there and should run it. */
  wanted: boolean;
  /** Up, and this long (ms) it must stay so before that counts. */
  verifyingMs?: number;
}

export interface SlotFacts {
  spec: ServiceSpec;
  /** In the order in which they were made: clocks may go back. */
  tasks: readonly Task[];
  nodes: ReadonlyMap<string, Node>;
  now: number;
  monitorMs: number;
}

/** So many ends in one go are no accident. */
const patience = 3;
/** How long a slot may lie without its task, or a task wait with an explanation, before that is called failing. */
const stuckMs = 15_000;
/** A task that lived longer than this had shown that it stays: what ended before it is history. */
const provenMs = 60_000;
/** Within this time so many ends belong together however long each task lived. */
const loopMs = 600_000;

export function slotsOf(facts: SlotFacts): SlotHealth[] {
  const groups = new Map<string, Task[]>();
  for (const task of facts.tasks.toReversed().sort((a, b) => (a.Slot ?? 0) - (b.Slot ?? 0))) {
    const key = slotKey(task);
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups].map(([name, group]) => slotOf(name, group, facts));
}

function slotOf(name: string, group: readonly Task[], facts: SlotFacts): SlotHealth {
  const { spec, nodes } = facts;
  const up = group.find((task) => isUp(task, nodes));
  const done = group.some((task) => isDone(spec, task));
  const newest = group.find((task) => !isTerminal(task.DesiredState)) ?? group[0];
  const error = newest?.Status.Err || group.find((task) => task.Status.Err)?.Status.Err || '';
  const wanted = group.some((task) => isLive(nodes, task.NodeID) && compareStates(task.DesiredState, 'complete') <= 0);
  const base = { name, taskState: newest?.Status.State ?? 'new', error, up: up !== undefined, done, wanted };
  if (done) return { ...base, state: 'good', message: '' };
  const ends = episode(group, facts.now);
  return { ...base, ...(up ? upHealth(up, ends, facts) : downHealth(group, ends, error, facts)) };
}

type Judged = Pick<SlotHealth, 'state' | 'message' | 'verifyingMs'>;

/** A task is trusted when it has outlived the monitor time, and those before it that ended. */
function upHealth(task: Task, ends: readonly End[], { spec, now, monitorMs }: SlotFacts): Judged {
  const uptimeMs = now - timeOf(task.Status.Timestamp);
  const checked = (spec.TaskTemplate.ContainerSpec?.Healthcheck?.Test?.length ?? 0) > 0;
  const job = modeOf(spec).endsWith('job');
  const predecessorsMs = Math.max(0, ...ends.map((end) => (end.livedMs >= provenMs && ends.length < patience ? 0 : end.livedMs)));
  const leftMs = Math.max(predecessorsMs, ends.length > 0 || !(checked || job) ? monitorMs : 0) - uptimeMs;
  if (leftMs <= 0) return { state: 'good', message: '' };
  if (ends.length === 0) return { state: 'good', message: '', verifyingMs: leftMs };
  const message = `a task ended ${ends.length} times${reason(ends)}`;
  return ends.length >= patience ? { state: 'failing', message } : { state: 'degraded', message, verifyingMs: leftMs };
}

function downHealth(group: readonly Task[], ends: readonly End[], error: string, { nodes, now }: SlotFacts): Judged {
  const over = group.every((task) => isTerminal(task.Status.State) && isTerminal(task.DesiredState));
  if (ends.length >= patience) return { state: 'failing', message: `a task ended ${ends.length} times${reason(ends)}` };
  if (over && ends.length > 0) return { state: 'failing', message: `a task ended and is not started again${reason(ends)}` };
  const [first] = ends;
  if (first && now - first.at >= stuckMs) return { state: 'failing', message: `no task has stayed since one ended${reason(ends)}` };
  const waiting = group.find((task) => !isTerminal(task.Status.State) && !isTerminal(task.DesiredState));
  const lost = group.find((task) => task.Status.State === 'running' && !isLive(nodes, task.NodeID));
  if (waiting?.Status.Err && waiting !== lost && now - timeOf(waiting.CreatedAt) >= stuckMs) {
    return { state: 'failing', message: `a task cannot go on: ${waiting.Status.Err}` };
  }
  if (first) return { state: 'degraded', message: `a task ended${reason(ends)}` };
  if (lost) return { state: 'degraded', message: `its node ${nodes.get(lost.NodeID)?.Description?.Hostname ?? lost.NodeID} is down` };
  return { state: 'waiting', message: error };
}

function reason(ends: readonly End[]): string {
  const last = ends.findLast((end) => end.error !== '');
  return last ? `: ${last.error}` : '';
}

interface End {
  at: number;
  livedMs: number;
  error: string;
}

/** The ends that belong to the present trouble, oldest first: those since a task last stayed, or all of a slow loop. */
function episode(group: readonly Task[], now: number): End[] {
  const ends = group
    .filter((task) => hasEnded(task))
    .map((task): End => {
      const at = timeOf(task.Status.Timestamp);
      return { at, livedMs: at - timeOf(task.CreatedAt), error: task.Status.Err ?? '' };
    })
    .toSorted((a, b) => a.at - b.at);
  const recent = ends.filter((end) => now - end.at <= loopMs);
  if (recent.length >= patience) return recent;
  const proven = recent.findLastIndex((end) => end.livedMs >= provenMs);
  return recent.slice(Math.max(0, proven));
}

/** By itself: what we stop is shut down, whatever its exit code. */
function hasEnded({ Status: { State } }: Task): boolean {
  return State === 'failed' || State === 'rejected' || State === 'orphaned' || State === 'complete';
}

/** It runs where somebody knows that it does. */
function isUp(task: Task, nodes: ReadonlyMap<string, Node>): boolean {
  return task.Status.State === 'running' && compareStates(task.DesiredState, 'running') <= 0 && isLive(nodes, task.NodeID);
}

function isLive(nodes: ReadonlyMap<string, Node>, id: string): boolean {
  const node = nodes.get(id);
  return node !== undefined && node.Status.State !== 'down';
}

/** A one-shot that ended well and is not started again. */
function isDone(spec: ServiceSpec, task: Task): boolean {
  if (task.Status.State !== 'complete') return false;
  return modeOf(spec).endsWith('job') || ['none', 'on-failure'].includes(spec.TaskTemplate.RestartPolicy?.Condition ?? 'any');
}

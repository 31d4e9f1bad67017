/** Judges from a service and its tasks whether a deploy of it is done, going on, rolled back or failing. */
import { milliseconds } from '#base/duration';
import { defaults, modeOf, type Service } from '#model/service';
import type { Node } from '#model/node';
import type { Task } from '#model/task';
import { compareStates, isFailure, isTerminal } from '#model/task-state';

export type Verdict =
  | { state: 'waiting'; detail: string }
  | { state: 'verifying'; leftMs: number }
  | { state: 'converged'; detail: string }
  | { state: 'rolledBack'; detail: string }
  | { state: 'failing'; detail: string };

export interface Progress {
  verdict: Verdict;
  running: number;
  wanted: number;
  /** One text per slot or node, in order: its most advanced task. */
  slots: readonly { name: string; state: string; error: string }[];
  /** Distinct reasons of tasks that failed or cannot go on. */
  reasons: readonly string[];
}

/** What is remembered between looks at one service. */
export interface Memory {
  /** When the deploy began; failures before it do not count. */
  startedAt: number;
  /** The deploy did not touch it: the outcome of an earlier update is none of ours. */
  untouched?: boolean;
  /** The user asked for the rollback: done is good. */
  askedRollback?: boolean;
  /** When all tasks were first seen running. */
  runningSince?: number | undefined;
  /** Since when the same tasks wait with the same explanation. */
  stuckSince?: number | undefined;
  stuckText?: string;
}

/** A slot that failed this often in one deploy is not waited for. */
const patience = 3;
/** How long a task may wait with an explanation, such as no suitable node, before the deploy is called failing. */
const stuckLimitMs = 15_000;

/** `tasks` are those of the newest spec; `all` includes older ones (a rollback's). Updates `memory`. */
export function judge(service: Service, tasks: readonly Task[], nodes: readonly Node[], memory: Memory, now: number): Progress {
  const mode = modeOf(service.Spec);
  const live = new Set(nodes.filter((node) => node.Status.State !== 'down').map((node) => node.ID));
  const groups = groupTasks(tasks);
  const done = (task: Task): boolean => isDone(service, task);
  const good = [...groups.values()].filter((group) => group.some((task) => done(task) || isUp(task, live)));
  const wanted = wantedCount(service, groups, live);
  const running = good.length;
  const reasons = [...new Set(tasks.flatMap(reasonOf))];
  const slots = [...groups].map(([name, group]) => slotOf(name, group));
  const base = { running, wanted, slots, reasons };
  const up = running >= wanted;
  const finished = up && running > 0 && good.every((group) => group.some(done));
  const decided = memory.untouched ? undefined : updateVerdict(service, { up, finished, asked: memory.askedRollback === true });
  if (decided) return { ...base, verdict: decided };
  if (up && wanted >= 0) return { ...base, verdict: stable(service, tasks, mode, memory, now) };
  memory.runningSince = undefined;
  const failing = failingReason(groups, tasks, memory, now);
  return {
    ...base,
    verdict: failing === undefined ? { state: 'waiting', detail: `${running} of ${Math.max(0, wanted)} running` } : { state: 'failing', detail: failing },
  };
}

/** Slot number, or node for tasks without one. */
function groupTasks(tasks: readonly Task[]): Map<string, Task[]> {
  const groups = new Map<string, Task[]>();
  const sorted = [...tasks].sort((a, b) => (a.Slot ?? 0) - (b.Slot ?? 0) || (a.CreatedAt < b.CreatedAt ? 1 : -1));
  for (const task of sorted) {
    const key = String(task.Slot || task.NodeID || task.ID);
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return groups;
}

function isUp(task: Task, live: ReadonlySet<string>): boolean {
  return task.Status.State === 'running' && compareStates(task.DesiredState, 'running') <= 0 && live.has(task.NodeID);
}

/** A one-shot that ended well and is not started again. */
function isDone(service: Service, task: Task): boolean {
  if (task.Status.State !== 'complete') return false;
  const mode = modeOf(service.Spec);
  return mode.endsWith('job') || ['none', 'on-failure'].includes(service.Spec.TaskTemplate.RestartPolicy?.Condition ?? 'any');
}

/** -1 while it is not known: a global service whose tasks are not made yet. */
function wantedCount(service: Service, groups: ReadonlyMap<string, readonly Task[]>, live: ReadonlySet<string>): number {
  const { Mode } = service.Spec;
  if (Mode?.ReplicatedJob) return Mode.ReplicatedJob.TotalCompletions ?? Mode.ReplicatedJob.MaxConcurrent ?? 1;
  if (!Mode?.Global && !Mode?.GlobalJob) return Mode?.Replicated?.Replicas ?? 1;
  const onLive = [...groups.values()].filter((group) => group.some((task) => live.has(task.NodeID) && compareStates(task.DesiredState, 'complete') <= 0));
  return onLive.length;
}

/** Distinct reasons of the tasks that failed since: after a rollback they are no longer among the newest. */
export function failuresSince(all: readonly Task[], startedAt: number): string[] {
  return [...new Set(all.filter((task) => isFailure(task.Status.State) && Date.parse(task.CreatedAt) >= startedAt).flatMap(reasonOf))];
}

function reasonOf(task: Task): string[] {
  const text = task.Status.Err;
  return text ? [text] : [];
}

function slotOf(name: string, group: readonly Task[]): { name: string; state: string; error: string } {
  const wanted = group.filter((task) => !isTerminal(task.DesiredState));
  const task = wanted[0] ?? group[0];
  const error = task?.Status.Err ?? group.find((other) => other.Status.Err)?.Status.Err ?? '';
  return { name, state: task?.Status.State ?? 'new', error };
}

function updateVerdict(service: Service, { up, finished, asked }: { up: boolean; finished: boolean; asked: boolean }): Verdict | undefined {
  const status = service.UpdateStatus;
  // Docker takes a one-shot that ends while its update is watched for a failure, well as it may have ended.
  if (status?.State === 'paused' && finished) return { state: 'converged', detail: 'done' };
  if (status?.State === 'paused') return { state: 'failing', detail: `service update paused: ${status.Message}` };
  if (status?.State === 'rollback_paused') return { state: 'failing', detail: `service rollback paused: ${status.Message}` };
  if (status?.State === 'rollback_completed' && !asked) return { state: 'rolledBack', detail: status.Message };
  if ((status?.State === 'completed' || status?.State === 'rollback_completed') && up) return { state: 'converged', detail: status.Message };
  if (status?.State === 'updating' || status?.State === 'rollback_started') return up ? { state: 'waiting', detail: status.Message } : undefined;
  return undefined;
}

/** All are up: wait as long as the monitor says, for a health check has spoken already or nobody has. */
function stable(service: Service, tasks: readonly Task[], mode: string, memory: Memory, now: number): Verdict {
  memory.runningSince ??= now;
  memory.stuckSince = undefined;
  const checked = (service.Spec.TaskTemplate.ContainerSpec?.Healthcheck?.Test?.length ?? 0) > 0;
  const idle = tasks.every((task) => task.Status.State !== 'running');
  if (mode.endsWith('job') || checked || idle) return { state: 'converged', detail: 'done' };
  const monitorMs = milliseconds(service.Spec.UpdateConfig?.Monitor || undefined, defaults.update.Monitor);
  const leftMs = memory.runningSince + monitorMs - now;
  return leftMs > 0 ? { state: 'verifying', leftMs } : { state: 'converged', detail: 'stable' };
}

function failingReason(groups: ReadonlyMap<string, readonly Task[]>, tasks: readonly Task[], memory: Memory, now: number): string | undefined {
  for (const group of groups.values()) {
    const failures = group.filter((task) => isFailure(task.Status.State) && Date.parse(task.CreatedAt) >= memory.startedAt);
    const over = group.every((task) => isTerminal(task.Status.State) && isTerminal(task.DesiredState));
    if (failures.length >= patience) return `a task failed ${failures.length} times`;
    if (over && failures.length > 0) return 'a task failed and is not started again';
  }
  const waiting = tasks.filter((task) => !isTerminal(task.Status.State) && !isTerminal(task.DesiredState) && task.Status.Err);
  const text = waiting.map((task) => task.Status.Err).join('\n');
  if (text !== (memory.stuckText ?? '')) memory.stuckSince = undefined;
  memory.stuckText = text;
  if (text === '') return undefined;
  memory.stuckSince ??= now;
  return now - memory.stuckSince >= stuckLimitMs ? 'a task cannot go on' : undefined;
}

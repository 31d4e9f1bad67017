/** Task statuses as managers write them: what a change keeps, and what it stamps. Nodes' reports are stamped on their way in. */
import { timeOf, timeText } from '#base/clock';
import { jsonLength } from '#base/text/json-length';
import type { Task, TaskStatus } from './object/task.ts';
import type { TaskState } from './object/task-state.ts';

/** Of an error or a message. */
const longestText = 8000;
/** Of the ports of a task, JSON: two thousand that the engine chose have room. */
const longestPorts = 256 * 1024;

function statusText(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)} …` : text;
}

/** What an engine says of a task, as managers keep it: long texts are cut, and more ports than any task has are left out. */
export function keptStatus(status: TaskStatus): TaskStatus {
  const { Err, PortStatus, ...rest } = status;
  return {
    ...rest,
    Message: statusText(status.Message),
    ...(Err !== undefined && { Err: statusText(Err) }),
    ...(PortStatus && jsonLength(PortStatus) <= longestPorts && { PortStatus }),
  };
}

/** `status` as written at `now`, the leader's time in ms: restart windows count by it. */
export function applied(status: TaskStatus, now: number): TaskStatus {
  return { ...status, Shoal: { ...status.Shoal, AppliedAt: now } };
}

/** A step on the way to a node; nothing is known of a container yet. */
export function withState(task: Task, State: TaskState, Message: string, now: number): Task {
  return { ...task, Status: applied({ Timestamp: timeText(now), State, Message }, now) };
}

/** An end that the managers decided; what is known of the container stays. */
export function withEnd(task: Task, end: { State: 'rejected' | 'orphaned'; Message: string; Err?: string }, now: number): Task {
  return { ...task, Status: applied({ ...task.Status, Timestamp: timeText(now), ...end }, now) };
}

/** Says on the task why it waits; undefined when it says so already. */
export function withWait(task: Task, Err: string, now: number): Task | undefined {
  return task.Status.Err === Err ? undefined : { ...task, Status: applied({ ...task.Status, Timestamp: timeText(now), Err }, now) };
}

/** When (ms) the task's status was written: by the leader's clock, else by the agent's. */
export function statusTime(task: Task): number {
  return task.Status.Shoal?.AppliedAt ?? timeOf(task.Status.Timestamp);
}

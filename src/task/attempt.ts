/** What a worker remembers of a task between two decisions, and how statuses come about. */
import { timeText } from '#base/clock';
import type { Task, TaskStatus } from '#model/object/task';
import { compareStates, type TaskState } from '#model/object/task-state';
import type { ObservedContainer, Step, StepOutcome } from './step.ts';

/** Temporary errors are tried again after this time (swarmkit agent/task.go). */
export const retryDelayMs = 1000;

export interface Attempt {
  /** The last decided status; never behind what the managers know. */
  status: TaskStatus;
  /** How the last steps failed; gone as soon as steps succeed. */
  failure?: Failure;
  /** The health check failed: when the container has ended, this is why. */
  unhealthy?: boolean;
  /** The image was made present, before the task's networks were there. */
  pulled?: true;
}

export interface Failure {
  message: string;
  permanent: boolean;
  /** Milliseconds since 1970. */
  retryAt: number;
}

/** The memory to begin or go on with: of two statuses the later state counts. */
export function adoptAttempt(task: Task, attempt: Attempt | undefined): Attempt {
  if (attempt && compareStates(attempt.status.State, task.Status.State) >= 0) return attempt;
  return { ...attempt, status: task.Status };
}

/** What failed may be tried again. A clock that was set back makes nobody wait longer than a retry is put off. */
export function isDue(retryAt: number, now: number): boolean {
  return retryAt <= now || retryAt > now + retryDelayMs;
}

/** The memory after steps have been carried out. */
export function afterSteps(attempt: Attempt, outcome: StepOutcome, now: number, steps: readonly Step[] = []): Attempt {
  const { failure: _done, ...rest } = attempt;
  if (outcome.ok) return { ...rest, ...(steps.some(({ type }) => type === 'pull') && { pulled: true }) };
  return { ...rest, failure: { message: outcome.message, permanent: outcome.permanent, retryAt: now + retryDelayMs } };
}

/** A step forward, with what is known of the container (from `starting` on) and no error any more. */
export function advance(state: TaskState, message: string, now: number, container?: ObservedContainer): TaskStatus {
  return { Timestamp: timeText(now), State: state, Message: message, ...containerFacts(container) };
}

/** The end of a task by an error; the message stays that of the last good step, as in Swarm, and its ports are nobody's any more. */
export function fail(status: TaskStatus, error: string, now: number, container?: ObservedContainer): TaskStatus {
  const State = compareStates(status.State, 'starting') < 0 ? 'rejected' : 'failed';
  const { PortStatus: _closed, ...before } = status;
  return { ...before, Timestamp: timeText(now), State, Err: error, ...containerFacts(container) };
}

/** The same state with the error of the last attempt, so that `service ps` says what the task waits for. */
export function withError(status: TaskStatus, error: string, now: number): TaskStatus {
  return { ...status, Timestamp: timeText(now), Err: error };
}

function containerFacts(container: ObservedContainer | undefined): Pick<TaskStatus, 'ContainerStatus' | 'PortStatus'> {
  if (!container) return {};
  const running = container.state === 'running';
  return {
    ContainerStatus: {
      ContainerID: container.containerId,
      PID: running ? (container.pid ?? 0) : 0,
      ExitCode: running ? 0 : (container.exitCode ?? 0),
    },
    ...(running && container.ports.length > 0 && { PortStatus: { Ports: container.ports } }),
  };
}

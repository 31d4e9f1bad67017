/** A task's next move on its node: one status and the steps that come with it, from what is wanted, seen and remembered. */
import { unreachable } from '#base/assert';
import { milliseconds } from '#base/text/duration';
import { defaults } from '#model/object/service';
import type { Task, TaskStatus } from '#model/object/task';
import { compareStates, isTerminal } from '#model/object/task-state';
import { advance, fail, isDue, withError, type Attempt } from './attempt.ts';
import { hasFiles, lostNetworks, networkWait, prepareSteps, pullSteps, startSteps, type NodeFacts, type Preparation } from './prepare.ts';
import type { ObservedContainer, Step } from './step.ts';

export interface TaskView {
  task: Task;
  attempt: Attempt;
  container: ObservedContainer | undefined;
  facts: NodeFacts;
  /** Its container's network is not all there: it could not answer everybody who would be led to it; `reason` is why, where that is known. */
  unattached?: { reason?: string } | undefined;
  /** Milliseconds since 1970. */
  now: number;
}

export interface Decision {
  /** The status to remember and report; absent: unchanged. */
  status?: TaskStatus;
  /** To be carried out in order, the rest dropped when one fails. */
  steps: readonly Step[];
  /** Decide again at this time (ms) at the latest. */
  wakeAt?: number;
  /** To be remembered: the container is stopped because of its health. */
  unhealthy?: true;
}

const nothing: Decision = { steps: [] };

/** Of a health check's output, characters; it stands in every list of tasks. */
const longestHealthLog = 200;

/**
 * The next move of a task that is assigned to this node (swarmkit agent/exec/controller.go Do, and the engine's executor).
 * Call again after a status without steps, after steps, and whenever the container changes; a state never goes back.
 */
export function decideTask(view: TaskView): Decision {
  const { task, attempt } = view;
  if (isTerminal(attempt.status.State)) return settle(view);
  if (compareStates(task.DesiredState, 'shutdown') >= 0) return shutDown(view);
  switch (attempt.status.State) {
    case 'new':
    case 'pending':
    case 'assigned':
      return { status: advance('accepted', 'accepted', view.now), steps: [] };
    case 'accepted':
      return { status: advance('preparing', 'preparing', view.now), steps: [] };
    case 'preparing':
      return whenPreparing(view);
    case 'ready':
      return whenReady(view);
    case 'starting':
      return whenStarting(view);
    case 'running':
      return whenRunning(view);
    case 'complete':
    case 'shutdown':
    case 'failed':
    case 'rejected':
    case 'remove':
    case 'orphaned':
      return nothing;
    default:
      return unreachable(attempt.status.State);
  }
}

/** The image comes while networks are made, and the container while our rules for them are loaded: none of these needs the other. */
function whenPreparing(view: TaskView): Decision {
  const { task, attempt, facts, now } = view;
  if (view.container) {
    // One that has run was ready before this life of the agent.
    const waiting = view.container.state === 'created' ? networkWait(task, facts, now) : undefined;
    return waiting ? attemptSteps(view, waiting) : { status: advance('ready', 'prepared', now), steps: [] };
  }
  const prepared = prepareSteps(task, facts, now);
  const pulls = prepared.kind === 'wait' && prepared.reason === undefined && !attempt.pulled;
  return attemptSteps(view, pulls ? pullSteps(task, facts) : prepared);
}

/** Steps that remove what is left of a task that is not assigned any more; `task` when it is still remembered. */
export function removalSteps(container: ObservedContainer, task: Task | undefined): readonly Step[] {
  const { taskId, containerId } = container;
  const stop: readonly Step[] = container.state === 'running' ? [stopStep(container, task)] : [];
  return [...stop, { type: 'removeContainer', taskId, containerId }, { type: 'unmountFiles', taskId }];
}

function whenReady(view: TaskView): Decision {
  // A prepared container can be pruned by hand while it waits: it is simply made again.
  if (!view.container) return attemptSteps(view, prepareSteps(view.task, view.facts, view.now));
  if (view.task.DesiredState === 'ready') return nothing;
  return { status: advance('starting', 'starting', view.now, view.container), steps: [] };
}

function whenStarting(view: TaskView): Decision {
  const { container } = view;
  if (!container) return ended(view, fail(view.attempt.status, lostText(view), view.now));
  if (container.state === 'created') return attemptSteps(view, startSteps(view.task, container.containerId, view.facts, view.now));
  if (container.state !== 'running') return exited(view, container);
  if (container.health === 'unhealthy' || view.attempt.unhealthy) return stopUnhealthy(view, container);
  if (container.health === 'starting') return nothing;
  if (view.unattached) return showError(view, view.unattached.reason);
  return { status: advance('running', 'started', view.now, container), steps: [] };
}

function whenRunning(view: TaskView): Decision {
  const { container } = view;
  if (!container || container.state === 'created') return ended(view, fail(view.attempt.status, lostText(view), view.now));
  if (container.state !== 'running') return exited(view, container);
  if (container.health === 'unhealthy' || view.attempt.unhealthy) return stopUnhealthy(view, container);
  return attachAgain(view, container);
}

/** Somebody took it off its networks, or removed one: nobody reaches it there, although it runs. */
function attachAgain(view: TaskView, container: ObservedContainer): Decision {
  const lost = lostNetworks(view.task, container);
  if (lost.length === 0) return nothing;
  const waiting = networkWait(view.task, view.facts, view.now);
  const { containerId } = container;
  return attemptSteps(view, waiting ?? { kind: 'steps', steps: lost.map((networkId) => ({ type: 'attachNetwork', task: view.task, containerId, networkId })) });
}

/** Never started again: a container that ended is the end of its task, also when it ended while nobody looked. */
function exited(view: TaskView, container: ObservedContainer): Decision {
  if (view.attempt.unhealthy || container.health === 'unhealthy') return ended(view, fail(view.attempt.status, unhealthyText(container), view.now, container));
  if ((container.exitCode ?? 0) === 0 && !container.oomKilled) return ended(view, advance('complete', 'finished', view.now, container));
  return ended(view, fail(view.attempt.status, exitText(container), view.now, container));
}

function stopUnhealthy(view: TaskView, container: ObservedContainer): Decision {
  return { ...retryable(view, [stopStep(container, view.task)]), unhealthy: true };
}

function shutDown(view: TaskView): Decision {
  if (view.container?.state === 'running') return retryable(view, [stopStep(view.container, view.task)]);
  return ended(view, advance('shutdown', 'shutdown', view.now, view.container));
}

/** The task has ended: nothing of it may run. Its container stays for the logs until the task leaves the set. */
function settle(view: TaskView): Decision {
  if (view.container?.state !== 'running') return nothing;
  return retryable(view, [stopStep(view.container, view.task), { type: 'unmountFiles', taskId: view.task.ID }]);
}

/** The last status, and with it the end of the task's files. */
function ended(view: TaskView, status: TaskStatus): Decision {
  return { status, steps: hasFiles(view.task) ? [{ type: 'unmountFiles', taskId: view.task.ID }] : [] };
}

/** Steps that may fail for good: then the task is over, and before its start that is called rejected. */
function attemptSteps(view: TaskView, preparation: Preparation): Decision {
  const { attempt, now } = view;
  if (attempt.failure?.permanent) return ended(view, fail(attempt.status, attempt.failure.message, now, view.container));
  if (preparation.kind === 'refused') return ended(view, fail(attempt.status, preparation.reason, now, view.container));
  if (preparation.kind === 'wait') return showError(view, preparation.reason);
  return retryable(view, preparation.steps);
}

/** The steps, or the wait that a temporary failure asks for. */
function retryable(view: TaskView, steps: readonly Step[]): Decision {
  const { failure } = view.attempt;
  if (!failure || isDue(failure.retryAt, view.now)) return { steps };
  return { ...showError(view, failure.message), wakeAt: failure.retryAt };
}

function showError(view: TaskView, reason: string | undefined): Decision {
  const { status } = view.attempt;
  if (reason === undefined || status.Err === reason) return nothing;
  return { status: withError(status, reason, view.now), steps: [] };
}

function stopStep(container: ObservedContainer, task: Task | undefined): Step {
  const { taskId, containerId } = container;
  if (!task) return { type: 'stopContainer', taskId, containerId };
  const graceMs = milliseconds(task.Spec.ContainerSpec?.StopGracePeriod, defaults.stopGracePeriod);
  return { type: 'stopContainer', taskId, containerId, graceMs };
}

function exitText(container: ObservedContainer): string {
  const cause = container.oomKilled ? 'out of memory' : container.error;
  return `task: non-zero exit (${container.exitCode ?? 0})${cause ? `: ${cause}` : ''}`;
}

/** Docker's words, and what the check said last. */
function unhealthyText({ healthLog = '' }: ObservedContainer): string {
  const said = healthLog.trim().replaceAll(/\s+/g, ' ').slice(0, longestHealthLog);
  return `dockerexec: unhealthy container${said === '' ? '' : `: ${said}`}`;
}

function lostText(view: TaskView): string {
  return `No such container: ${view.attempt.status.ContainerStatus?.ContainerID ?? view.task.ID}`;
}

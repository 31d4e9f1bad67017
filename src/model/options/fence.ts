/** No twins: the label `shoal.fence` of a service. A node that hears nothing of its managers stops such tasks, and the managers wait for that before they replace them. */
import { milliseconds, parseDuration } from '#base/text/duration';
import { latestBeat, leastSilent } from './silence.ts';
import { defaults } from '../object/service.ts';
import type { Task } from '../object/task.ts';
import { optionPrefix } from './service-options.ts';

/** How long the node waits before it stops them where the label only says `true`, milliseconds. */
const usualGraceMs = 5000;

/** Of a container: how long, in milliseconds, its node may hear of no manager. By it a daemon that begins while its node is cut off knows what it must not leave running. */
export const fenceLabel = 'shoal.fence.milliseconds';

/** One beat may come late: a node that hears of its managers every so often is not cut off because a shorter time is over. */
const beatsBetween = 2;
/** What stopping takes an engine beside the task's own grace period (ms), and what clocks differ by. */
const marginMs = 2000;

/** Milliseconds without word of a manager that the label asks for; undefined: it asks for none. */
export function fenceOf(task: Task): number | undefined {
  const said = task.Shoal.ServiceLabels[`${optionPrefix}fence`];
  if (said === undefined || said === 'false') return undefined;
  const grace = said === 'true' ? undefined : parseDuration(said);
  return grace === undefined ? usualGraceMs : milliseconds(grace, 0);
}

/** Milliseconds without word after which a node that is to say something every `everyMs` stops the task. */
export function graceOf(task: Task, everyMs: number): number | undefined {
  const fence = fenceOf(task);
  return fence === undefined ? undefined : Math.max(fence, beatsBetween * everyMs);
}

/**
 * How long (ms) after the task's node was found down it may still run there; undefined when nothing fences it. `periodMs`: of beats.
 * The node counts from when it sent its last beat that was answered, the managers from when it was down: that is `leastSilent` periods after a beat that came later than it was sent.
 */
export function fencedFor(task: Task, periodMs: number): number | undefined {
  const grace = graceOf(task, latestBeat * periodMs);
  if (grace === undefined) return undefined;
  const stopMs = milliseconds(task.Spec.ContainerSpec?.StopGracePeriod, defaults.stopGracePeriod);
  return Math.max(0, Math.ceil(grace + stopMs + marginMs - leastSilent * periodMs));
}

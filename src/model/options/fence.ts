/** No twins: the label `shoal.fence` of a service. A node that hears nothing of its managers stops such tasks, and the managers wait for that before they replace them. */
import { milliseconds, parseDuration } from '#base/text/duration';
import { defaults } from '../object/service.ts';
import type { Task } from '../object/task.ts';
import { optionPrefix } from './service-options.ts';

/**
 * A node is down after so many periods without a beat: when three were missed, shortly before the fourth is due. So a break of two
 * periods harms nobody even if it began as a beat was due, and a node that is lost is down within four.
 */
export const silentPeriods = 3.8;

/** How long the node waits before it stops them where the label only says `true`, milliseconds. */
const usualGraceMs = 5000;

/** Of a container: how long, in milliseconds, its node may hear of no manager. By it a daemon that begins while its node is cut off knows what it must not leave running. */
export const fenceLabel = 'shoal.fence.milliseconds';

/** One beat may come late: a node that hears of its managers every so often is not cut off because a shorter time is over. */
const beatsBetween = 2;
/** Periods, from a beat to the next one at most. */
const latestBeat = 1.1;

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

/** How long (ms) after the task's node was found down it may still run there; undefined when nothing fences it. `periodMs`: of beats. */
export function fencedFor(task: Task, periodMs: number): number | undefined {
  const grace = graceOf(task, latestBeat * periodMs);
  if (grace === undefined) return undefined;
  const stopMs = milliseconds(task.Spec.ContainerSpec?.StopGracePeriod, defaults.stopGracePeriod);
  return Math.max(0, Math.ceil(grace + stopMs + marginMs - silentPeriods * periodMs));
}

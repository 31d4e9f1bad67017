/** What is counted of the cluster's commits, on every manager alike: so a change of the leader loses nothing. */
import { timeOf } from '#base/clock';
import type { Meter } from '#base/meter';
import type { Task } from '#model/object/task';
import { compareStates } from '#model/object/task-state';
import type { StoreEvent } from '../dependencies.ts';

type EventOf<K extends StoreEvent['kind']> = Extract<StoreEvent, { kind: K }>;

export function countCommit(events: readonly StoreEvent[], meter: Meter): void {
  for (const event of events) {
    if (event.kind === 'task') countTask(event, meter);
    else if (event.kind === 'service') countService(event, meter);
    else if (event.kind === 'node') countNode(event, meter);
  }
}

/** Names that nothing bears any more since this commit. */
export function namesGone(events: readonly StoreEvent[], kind: 'service' | 'repository'): ReadonlySet<string> {
  const gone = new Set<string>();
  for (const event of events) {
    if (event.kind !== kind) continue;
    if (event.previous) gone.add(event.previous.Spec.Name);
    if (event.object) gone.delete(event.object.Spec.Name);
  }
  return gone;
}

function countTask({ object, previous }: EventOf<'task'>, meter: Meter): void {
  // What stands for somebody's container was not scheduled, and bears no service's name.
  if (!object || object.Shoal.Attachment) return;
  if (hasNode(object) && !(previous && hasNode(previous))) meter.took('shoal_scheduling_delay_seconds', waitedSeconds(object));
  // Its service is gone, and what was counted of it forgotten.
  if (object.DesiredState === 'remove') return;
  const service = object.Shoal.ServiceName;
  if (!previous && object.Shoal.Restart === true) meter.count('shoal_service_restarts_total', { service });
  if (previous && !hasFailed(previous) && hasFailed(object)) meter.count('shoal_service_task_failures_total', { service });
}

function waitedSeconds({ Status, CreatedAt }: Task): number {
  return Status.Timestamp === CreatedAt ? 0 : (timeOf(Status.Timestamp) - timeOf(CreatedAt)) / 1000;
}

/** A task of a global service has its node from the beginning, and waits for its turn like all others. */
function hasNode({ NodeID, Status }: Task): boolean {
  return NodeID !== '' && compareStates(Status.State, 'assigned') >= 0;
}

function hasFailed({ Status }: Task): boolean {
  return Status.State === 'failed' || Status.State === 'rejected';
}

function countService({ object, previous }: EventOf<'service'>, meter: Meter): void {
  if (object && rollsBack(object) && !rollsBack(previous)) meter.count('shoal_service_rollbacks_total', { service: object.Spec.Name });
}

function rollsBack(service: EventOf<'service'>['object']): boolean {
  return service?.UpdateStatus?.State === 'rollback_started';
}

function countNode({ object, previous }: EventOf<'node'>, meter: Meter): void {
  if (object?.Status.State === 'down' && previous && previous.Status.State !== 'down') meter.count('shoal_nodes_lost_total');
}

/** Whether a version that is not healthy yet is waited for no longer: nothing of it moved for as long as its repository says. */
import { timeOf } from '#base/clock';
import { formatDuration, nanosecondsPerMillisecond, second } from '#base/text/duration';
import type { Service } from '#model/object/service';
import type { Revision, Stack } from '#model/object/stack';
import type { View } from '#store/view';
import type { StackHealth } from './stack-health.ts';

/** Nanoseconds. */
const usualDeadline = 15 * 60 * second;

/** Why it has failed; undefined: it is waited for. Of one whose tasks come and go without ever being well, the tasks are no progress. */
export function overdue(view: View, stack: Stack, { CreatedAt }: Pick<Revision, 'CreatedAt'>, health: StackHealth, now: number): string | undefined {
  const { Source } = stack;
  const said = (Source.Kind === 'repository' && view.byName('repository', Source.Repository)?.Spec.Deadline) || usualDeadline;
  const deadline = said + Math.max(0, ...stack.Services.map((name) => stillnessOf(view.byName('service', name))));
  const since = Math.max(timeOf(CreatedAt), stack.Rollout ? timeOf(stack.Rollout.Since) : 0, ...(health.State === 'progressing' ? movesOf(view, stack) : []));
  if (now - since < deadline / nanosecondsPerMillisecond) return undefined;
  return `it made no progress for ${formatDuration(deadline)}${health.Message === '' ? '' : `: ${health.Message}`}`;
}

/** How long nothing of a service may move because it asks for that, in nanoseconds. */
function stillnessOf(service: Service | undefined): number {
  if (!service) return 0;
  const { Spec, UpdateStatus } = service;
  const rollout = UpdateStatus?.State === 'rollback_started' ? Spec.RollbackConfig : Spec.UpdateConfig;
  const container = Spec.TaskTemplate.ContainerSpec;
  return (rollout?.Delay ?? 0) + (rollout?.Monitor ?? 0) + (container?.Healthcheck?.StartPeriod ?? 0) + (container?.StopGracePeriod ?? 0);
}

/** When something of its tasks changed. */
function movesOf(view: View, { Services }: Stack): number[] {
  return Services.map((name) => {
    const service = view.byName('service', name);
    let newest = service ? timeOf(service.UpdatedAt) : 0;
    for (const task of service ? view.tasksOfService(service.ID) : []) newest = Math.max(newest, timeOf(task.CreatedAt), timeOf(task.Status.Timestamp) || 0);
    return newest;
  });
}

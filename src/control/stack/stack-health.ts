/** How a stack fares after it was applied: seen from its services' updates, so that it holds through restarts and needs no writes of its own. */
import type { Service, UpdateState } from '#model/service';
import type { Stack, StackCondition } from '#model/stack';
import type { View } from '#store/view';
import { wasRolledBack } from './stack-services.ts';

/** What each turn of an update that went wrong makes of a stack. */
const verdicts: Partial<Readonly<Record<UpdateState, StackCondition['State']>>> = {
  paused: 'update paused',
  rollback_started: 'rolled back',
  rollback_completed: 'rolled back',
  rollback_paused: 'rollback paused',
};

/** The stack's condition as its users should see it: what was applied and did not hold is not `applied`; a rollback by hand did. A refused file comes first. */
export function stackCondition(view: View, stack: Stack, services: readonly Service[]): StackCondition {
  if (stack.Condition.State !== 'applied') return stack.Condition;
  const failed = services.flatMap((service) => {
    const state = service.UpdateStatus?.State ?? 'completed';
    const State = verdicts[state];
    return State && (state === 'paused' || wasRolledBack(service)) ? [{ State, service }] : [];
  });
  const [first] = failed;
  if (!first) return stack.Condition;
  const Errors = failed.map(({ service }) => explanation(view, service)).toSorted();
  const status = first.service.UpdateStatus;
  return { State: first.State, Message: Errors[0] ?? '', Errors, Since: status?.CompletedAt ?? status?.StartedAt ?? stack.Condition.Since };
}

/** `web_front: rollback completed: task: non-zero exit (1)`, with the last error of a task that the update made. */
function explanation(view: View, service: Service): string {
  const { Name } = service.Spec;
  const said = service.UpdateStatus?.Message ?? '';
  const state = service.UpdateStatus?.State ?? 'paused';
  const version = state.startsWith('rollback') ? service.Shoal.PreviousSpecVersion : service.Shoal.SpecVersion;
  const errors = [...view.tasksOfService(service.ID)].filter((task) => task.Shoal.SpecVersion === version).map((task) => task.Status.Err);
  const last = errors.findLast((error) => error !== undefined && error !== '');
  return last === undefined ? `${Name}: ${said}` : `${Name}: ${said}: ${last}`;
}

/** Slots that have no task, of a service of which all else is at rest: a service of many tasks grows in many entries, and its tasks are not gone through for each by every rule. */
import type { Steps } from '#base/pace/steps';
import type { Service } from '#model/object/service';
import { create, type Action } from '#store/action';
import type { Decision, Surroundings } from './draft.ts';
import { newTask, startingRoomOf } from './new-task.ts';
import type { Vacancy } from './rest.ts';

/** Decides what the rules would: the lowest free numbers get a task, as many as may be on their way up at a time. */
export function* fillSlots(service: Service, { taken, running, starting }: Vacancy, surroundings: Surroundings): Steps<Decision> {
  const limit = surroundings.context.room.leftFor(service.Spec.TaskTemplate);
  const replicas = service.Spec.Mode?.Replicated?.Replicas ?? 1;
  const owner = { service, surroundings, isGlobal: false, isJob: false };
  const room = startingRoomOf(surroundings.nodes.length, running, starting);
  const decided: Action[] = [];
  for (let number = 1; taken.size < replicas && decided.length < room; number++) {
    if (surroundings.pace.isDue) yield;
    if (taken.has(number)) continue;
    if (decided.length >= limit) return { decided, hasMore: true };
    taken.add(number);
    decided.push(create('task', newTask(owner, { key: String(number) })));
  }
  return { decided, hasMore: false };
}

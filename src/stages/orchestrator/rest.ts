/** Services at rest: seen at a glance, for most services are, and a full scan asks all of them. */
import type { Steps } from '#base/pace/steps';
import { roleOf } from '#model/manager-address';
import { nodeMatches, parseConstraints } from '#model/constraint';
import { equal } from '#base/equal';
import type { Node } from '#model/object/node';
import { modeOf, type Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import type { Spot, Surroundings } from './draft.ts';
import { historyLimit } from './reaper.ts';
import { isRolling } from './update/update-status.ts';

/** What a look at a task costs beside what the rules take for one. */
const glance = 0.1;

/** True only when no rule has anything to do for the service, and none waits for a time. It may say no too often, never yes. */
export function* isAtRest(service: Service, surroundings: Surroundings): Steps<boolean> {
  if (modeOf(service.Spec) !== 'replicated' || isRolling(service) || service.Shoal.Rollout?.Slots) return false;
  const suits = nodeTest(service);
  const wanted = new Set<number>();
  const history = new Map<number, number>();
  for (const task of surroundings.view.tasksOfService(service.ID)) {
    if (surroundings.pace.isDue) yield;
    surroundings.context.room.spend(glance);
    const slot = task.Slot ?? 0;
    if (task.DesiredState === 'shutdown') history.set(slot, (history.get(slot) ?? 0) + 1);
    else if (wanted.has(slot) || !isTaskAtRest(task, service, surroundings, suits)) return false;
    else wanted.add(slot);
  }
  if (wanted.size !== (service.Spec.Mode?.Replicated?.Replicas ?? 1)) return false;
  const limit = historyLimit(surroundings.view, service);
  for (const [slot, count] of history) if (!wanted.has(slot) || (limit >= 0 && count + 1 > limit)) return false;
  return true;
}

function isTaskAtRest(task: Task, service: Service, surroundings: Surroundings, suits: NodeTest): boolean {
  if (task.DesiredState !== 'running' || task.Shoal.Leave || isTerminal(task.Status.State) || !isOfPresentSpec(task, service)) return false;
  const part = task.Shoal.Rollout;
  if (part && part.ID === service.Shoal.Rollout?.ID && !(part.DoneAt !== undefined && part.DoneAt <= surroundings.context.now)) return false;
  if (task.NodeID === '') return true;
  const place = surroundings.spot(task.NodeID);
  return !place.lost && suits(place, task);
}

function isOfPresentSpec(task: Task, { Spec, Shoal }: Service): boolean {
  if (task.Shoal.SpecVersion === Shoal.SpecVersion) return true;
  return task.Spec === Spec.TaskTemplate && equal(task.Shoal.EndpointSpec ?? {}, Spec.EndpointSpec ?? {});
}

type NodeTest = (place: Spot, task: Task) => boolean;

/** What the enforcer asks of a node, with the constraints read once. */
function nodeTest({ Spec }: Service): NodeTest {
  const expressions = Spec.TaskTemplate.Placement?.Constraints ?? [];
  const constraints = expressions.length > 0 ? parseConstraints(expressions) : undefined;
  const matches = (node: Node): boolean => !constraints || nodeMatches(constraints, node, roleOf(node));
  return ({ node, outgrown }, task) => node !== undefined && matches(node) && (outgrown.size === 0 || !outgrown.has(task.ID));
}

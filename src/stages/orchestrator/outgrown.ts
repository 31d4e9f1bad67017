/** Which tasks a node has no room for any more, since it offers less than it did. */
import type { Node } from '#model/object/node';
import { isPlaced, type Task } from '#model/object/task';
import type { GenericResource, Resources } from '#model/object/service-spec';
import type { View } from '#store/view';
import { isWanted } from './slots.ts';

export const nothingOutgrown: ReadonlySet<string> = new Set();

/** Ids of those that must leave, the newest first until the rest fits. What a task does not reserve it does not have to leave for. */
export function outgrown(view: View, node: Node): ReadonlySet<string> {
  const offered = node.Description?.Resources;
  if (!offered) return nothingOutgrown;
  const load = view.loadOf(node.ID);
  const enough = load.nanoCPUs <= (offered.NanoCPUs ?? 0) && load.memoryBytes <= (offered.MemoryBytes ?? 0);
  if (enough && load.generic.size === 0) return nothingOutgrown;
  const tasks = Array.from(view.tasksOfNode(node.ID)).filter((task) => isPlaced(task) && isWanted(task));
  const leaving = new Set<string>();
  for (const measure of measuresOf(tasks)) {
    let excess = tasks.reduce((sum, task) => (leaving.has(task.ID) ? sum : sum + measure.of(task)), -measure.offered(offered));
    for (const task of tasks.toReversed()) {
      if (excess <= 0) break;
      if (leaving.has(task.ID) || measure.of(task) === 0) continue;
      leaving.add(task.ID);
      excess -= measure.of(task);
    }
  }
  for (const task of tasks) if (!namesOf(given(task)).every((name) => namesOf(offered.GenericResources ?? []).includes(name))) leaving.add(task.ID);
  return leaving;
}

/** One kind of thing that a node has so much of. */
interface Measure {
  of(task: Task): number;
  offered(resources: Resources): number;
}

function measuresOf(tasks: readonly Task[]): Measure[] {
  const kinds = new Set(tasks.flatMap((task) => given(task).flatMap(({ DiscreteResourceSpec }) => DiscreteResourceSpec?.Kind ?? [])));
  return [
    { of: ({ Spec }) => Spec.Resources?.Reservations?.NanoCPUs ?? 0, offered: ({ NanoCPUs = 0 }) => NanoCPUs },
    { of: ({ Spec }) => Spec.Resources?.Reservations?.MemoryBytes ?? 0, offered: ({ MemoryBytes = 0 }) => MemoryBytes },
    ...Array.from(kinds, (kind): Measure => ({
      of: (task) => countOf(kind, given(task)),
      offered: ({ GenericResources = [] }) => countOf(kind, GenericResources),
    })),
  ];
}

function given(task: Task): readonly GenericResource[] {
  return (task.GenericResources ?? []) as readonly GenericResource[];
}

function countOf(kind: string, resources: readonly GenericResource[]): number {
  return resources.reduce((sum, { DiscreteResourceSpec: counted }) => (counted?.Kind === kind ? sum + counted.Value : sum), 0);
}

function namesOf(resources: readonly GenericResource[]): string[] {
  return resources.flatMap(({ NamedResourceSpec: named }) => (named ? [`${named.Kind}=${named.Value}`] : []));
}

/** Who is told of an item: topics that items are put under and nodes listen to, both counted by the tasks that ask for them. */
import { assert } from '#base/assert';
import { isPlaced, type Task } from '#model/object/task';
import { compareStates } from '#model/object/task-state';
import { clusterAttachments, filesOf, itemKey, serviceIdOf, type ItemKey } from './item.ts';

/** Every node, the nodes with a task on a network, or one node. */
export type Topic = 'all' | `network:${string}` | `node:${string}`;

/** What a task makes others hear, and its own node listen to. */
export interface TaskNeeds {
  node: string;
  /** The task's own item, what its container needs, and where it answers: each under its topics. */
  places: readonly (readonly [ItemKey, Topic])[];
  /** Ids of the networks that its node is on for its sake. */
  networks: readonly string[];
}

/** Undefined while no node is to know of the task. An ended one stays with its node until it is removed: its container is kept. */
export function needsOf(task: Task, published: boolean): TaskNeeds | undefined {
  if (task.NodeID === '' || compareStates(task.Status.State, 'assigned') < 0) return undefined;
  const own: Topic = `node:${task.NodeID}`;
  const places: [ItemKey, Topic][] = [[itemKey('task', task.ID), own]];
  if (!isPlaced(task)) return { node: task.NodeID, places, networks: [] };
  const { secrets, configs } = filesOf(task);
  for (const id of secrets) places.push([itemKey('secret', id), own]);
  for (const id of configs) places.push([itemKey('config', id), own]);
  const networks = clusterAttachments(task).map(({ Network }) => Network.ID);
  for (const id of networks) places.push([itemKey('network', id), own]);
  // Without an address nobody reaches it.
  if (networks.length === 0) return { node: task.NodeID, places, networks };
  const audience: Topic[] = [own, ...networks.map((id): Topic => `network:${id}`), ...(published ? ['all' as const] : [])];
  for (const topic of audience) places.push([itemKey('backend', task.ID), topic], [itemKey('service', serviceIdOf(task)), topic]);
  return { node: task.NodeID, places, networks };
}

/** Counts how often each value was added under each key; a value is there while its count is above zero. */
export class Counts<K, V> {
  readonly #counts = new Map<K, Map<V, number>>();

  /** True when the value was not there before. */
  add(key: K, value: V): boolean {
    let values = this.#counts.get(key);
    if (!values) this.#counts.set(key, (values = new Map()));
    const count = values.get(value) ?? 0;
    values.set(value, count + 1);
    return count === 0;
  }

  /** True when the value is there no longer. */
  take(key: K, value: V): boolean {
    const values = this.#counts.get(key);
    const count = values?.get(value) ?? 0;
    assert(values && count > 0, `${String(value)} is taken from ${String(key)}, which does not have it`);
    if (count > 1) {
      values.set(value, count - 1);
      return false;
    }
    values.delete(value);
    if (values.size === 0) this.#counts.delete(key);
    return count === 1;
  }

  of(key: K): Iterable<V> {
    return this.#counts.get(key)?.keys() ?? [];
  }

  has(key: K, value: V): boolean {
    return this.#counts.get(key)?.has(value) ?? false;
  }
}

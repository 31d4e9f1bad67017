/** Who is told of an item: topics that items are put under and nodes listen to, both counted by the tasks that ask for them. */
import { assert } from '#base/assert';
import { isPlaced, type Task } from '#model/object/task';
import { compareStates } from '#model/object/task-state';
import { clusterAttachments, filesOf, itemKey, serviceIdOf, type ItemKey } from './item.ts';

/** Every node, the nodes with a task on a network, or one node. */
export type Topic = 'all' | `network:${string}` | `node:${string}`;

/** Without the nodes that are on a network which is meant as well: a network's tasks, each on another node, are told to the very same audience. */
export function withoutMembers(topics: readonly Topic[], isOn: (node: string, network: string) => boolean): readonly Topic[] {
  const networks = topics.filter((topic) => topic.startsWith('network:')).map(idOf);
  if (networks.length === 0) return topics;
  return topics.filter((topic) => !topic.startsWith('node:') || !networks.some((network) => isOn(idOf(topic), network))).sort();
}

export function idOf(topic: Topic): string {
  return topic.slice(topic.indexOf(':') + 1);
}

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
export class Counts<K, V extends string> {
  /** Of most keys one value, added once: that stands for itself, and takes a tenth of the memory. */
  readonly #counts = new Map<K, V | Map<V, number>>();

  /** True when the value was not there before. */
  add(key: K, value: V): boolean {
    const held = this.#counts.get(key);
    if (held === undefined) {
      this.#counts.set(key, value);
      return true;
    }
    const values = typeof held === 'string' ? new Map([[held, 1]]) : held;
    if (values !== held) this.#counts.set(key, values);
    const count = values.get(value) ?? 0;
    values.set(value, count + 1);
    return count === 0;
  }

  /** True when the value is there no longer. */
  take(key: K, value: V): boolean {
    assert(this.has(key, value), `${value} is taken from ${String(key)}, which does not have it`);
    const held = this.#counts.get(key);
    if (held === undefined || typeof held === 'string') return this.#counts.delete(key);
    const count = held.get(value) ?? 0;
    if (count > 1) held.set(value, count - 1);
    else held.delete(value);
    if (held.size === 0) this.#counts.delete(key);
    return count === 1;
  }

  of(key: K): Iterable<V> {
    const held = this.#counts.get(key);
    return typeof held === 'string' ? [held] : (held?.keys() ?? []);
  }

  has(key: K, value: V): boolean {
    const held = this.#counts.get(key);
    return typeof held === 'string' ? held === value : (held?.has(value) ?? false);
  }
}

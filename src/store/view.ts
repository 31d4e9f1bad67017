/** Reading the store: what every decision is a function of. */
import type { Cluster } from '#model/object/cluster';
import type { Kind, ObjectOf } from '#model/object/object';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import type { AddressUse } from './index/address-use.ts';
import type { IndexOf } from './index/indexes.ts';
import type { NodeLoad } from './index/node-load.ts';

/** Whatever is listed comes in the order in which it was made. Do not keep an iterable over an await or a change. */
export interface View {
  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined;
  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]>;
  /** What an index holds under `key`. */
  find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]>;
  /** The last one of what an index holds under `key`. */
  newest<K extends Kind>(kind: K, index: IndexOf<K>, key: string): ObjectOf[K] | undefined;
  /** Every key under which an index holds something, in no order; of one of them it may hold nothing any more. */
  keys<K extends Kind>(kind: K, index: IndexOf<K>): Iterable<string>;
  /** How many there are of a kind. */
  count(kind: Kind): number;
  /** The object's place in the order of creation; undefined when there is none. Objects that are not stored yet come last. */
  serialOf(kind: Kind, id: string): number | undefined;
  /** By full name, case-insensitive as SwarmKit's index is. Nodes go by hostname: the one that joined first. */
  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined;
  tasksOfService(serviceId: string): Iterable<Task>;
  tasksOfNode(nodeId: string): Iterable<Task>;
  /** How many tasks are in each state. */
  taskStates(): ReadonlyMap<TaskState, number>;
  /** What the tasks on a node take of it. */
  loadOf(nodeId: string): NodeLoad;
  /** By node, how many active tasks of the service have a place there; nodes without one are left out. */
  activeTasks(serviceId: string): ReadonlyMap<string, number>;
  /** The addresses of a network that tasks and nodes have. */
  addressesOf(networkId: string): AddressUse;
}

/** The cluster object; undefined before `swarm init`. */
export function clusterOf(view: View): Cluster | undefined {
  for (const cluster of view.list('cluster')) return cluster;
  return undefined;
}

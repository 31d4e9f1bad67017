/** Reading the store: what every decision is a function of. */
import type { Cluster } from '#model/cluster';
import { nameOf, type Kind, type ObjectOf } from '#model/object';
import type { Task } from '#model/task';

export interface View {
  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined;
  /** All of a kind, oldest first. Do not keep the iterable over an await. */
  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]>;
  /** By full name, case-insensitive as SwarmKit's index is. Nodes go by hostname: the first one. */
  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined;
  tasksOfService(serviceId: string): Iterable<Task>;
  tasksOfNode(nodeId: string): Iterable<Task>;
}

/** The cluster object; undefined before `swarm init`. */
export function clusterOf(view: View): Cluster | undefined {
  for (const cluster of view.list('cluster')) return cluster;
  return undefined;
}

/** Key under which an object is found by name. */
export function nameKey<K extends Kind>(kind: K, object: ObjectOf[K]): string {
  return nameOf(kind, object).toLowerCase();
}

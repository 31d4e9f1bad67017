/** One view of two stores: Docker's objects, and beside them the stacks, their revisions, the repositories and their logs that only we know. */
import type { Kind, ObjectOf } from '#model/object/object';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import type { AddressUse } from '#store/index/address-use';
import type { IndexOf } from '#store/index/indexes';
import type { NodeLoad } from '#store/index/node-load';
import type { View } from '#store/view';

/** What is kept in our own log. */
export function isOurs(kind: Kind): boolean {
  return kind === 'stack' || kind === 'repository' || kind === 'revision' || kind === 'pack' || kind === 'deed';
}

export class CombinedView implements View {
  readonly #docker: View;
  readonly #records: View;

  constructor(docker: View, records: View) {
    this.#docker = docker;
    this.#records = records;
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    return this.#of(kind).get(kind, id);
  }

  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    return this.#of(kind).list(kind);
  }

  find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]> {
    return this.#of(kind).find(kind, index, key);
  }

  newest<K extends Kind>(kind: K, index: IndexOf<K>, key: string): ObjectOf[K] | undefined {
    return this.#of(kind).newest(kind, index, key);
  }

  keys<K extends Kind>(kind: K, index: IndexOf<K>): Iterable<string> {
    return this.#of(kind).keys(kind, index);
  }

  count(kind: Kind): number {
    return this.#of(kind).count(kind);
  }

  serialOf(kind: Kind, id: string): number | undefined {
    return this.#of(kind).serialOf(kind, id);
  }

  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined {
    return this.#of(kind).byName(kind, name);
  }

  tasksOfService(serviceId: string): Iterable<Task> {
    return this.#docker.tasksOfService(serviceId);
  }

  tasksOfNode(nodeId: string): Iterable<Task> {
    return this.#docker.tasksOfNode(nodeId);
  }

  taskStates(): ReadonlyMap<TaskState, number> {
    return this.#docker.taskStates();
  }

  loadOf(nodeId: string): NodeLoad {
    return this.#docker.loadOf(nodeId);
  }

  activeTasks(serviceId: string): ReadonlyMap<string, number> {
    return this.#docker.activeTasks(serviceId);
  }

  addressesOf(networkId: string): AddressUse {
    return this.#docker.addressesOf(networkId);
  }

  #of(kind: Kind): View {
    return isOurs(kind) ? this.#records : this.#docker;
  }
}

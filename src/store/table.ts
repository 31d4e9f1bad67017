/** One kind's objects in memory with its indexes, optionally laid over another view's. */
import type { Kind, ObjectOf } from '#model/object';
import type { Task } from '#model/task';
import { nameKey } from './view.ts';

export class Table<K extends Kind> {
  readonly #kind: K;
  readonly byId = new Map<string, ObjectOf[K]>();
  readonly #byName = new Map<string, Set<string>>();
  readonly #byService = new Map<string, Set<string>>();
  readonly #byNode = new Map<string, Set<string>>();

  constructor(kind: K) {
    this.#kind = kind;
  }

  put(object: ObjectOf[K]): void {
    const old = this.byId.get(object.ID);
    if (old) this.#unindex(old);
    this.byId.set(object.ID, object);
    for (const [index, key] of this.#keys(object)) {
      const ids = index.get(key);
      if (ids) ids.add(object.ID);
      else index.set(key, new Set([object.ID]));
    }
  }

  delete(id: string): void {
    const old = this.byId.get(id);
    if (!old) return;
    this.#unindex(old);
    this.byId.delete(id);
  }

  idsByName(name: string): Iterable<string> {
    return this.#byName.get(name.toLowerCase()) ?? [];
  }

  idsOfService(serviceId: string): Iterable<string> {
    return this.#byService.get(serviceId) ?? [];
  }

  idsOfNode(nodeId: string): Iterable<string> {
    return this.#byNode.get(nodeId) ?? [];
  }

  #unindex(object: ObjectOf[K]): void {
    for (const [index, key] of this.#keys(object)) {
      const ids = index.get(key);
      ids?.delete(object.ID);
      if (ids?.size === 0) index.delete(key);
    }
  }

  #keys(object: ObjectOf[K]): [Map<string, Set<string>>, string][] {
    if (this.#kind !== 'task') return [[this.#byName, nameKey(this.#kind, object)]];
    const task = object as Task;
    return [
      [this.#byService, task.ServiceID],
      [this.#byNode, task.NodeID],
    ];
  }
}

export type Tables = { [K in Kind]: Table<K> };

export function newTables(): Tables {
  return {
    cluster: new Table('cluster'),
    node: new Table('node'),
    service: new Table('service'),
    task: new Table('task'),
    network: new Table('network'),
    secret: new Table('secret'),
    config: new Table('config'),
    stack: new Table('stack'),
    repository: new Table('repository'),
  };
}

/** A view with actions laid over it: what the store will be when they commit. */
import { assert } from '#base/assert';
import type { Kind, ObjectOf } from '#model/object';
import type { Task } from '#model/task';
import type { Action } from './action.ts';
import { newTables } from './table.ts';
import type { View } from './view.ts';

export class Overlay implements View {
  readonly #base: View;
  readonly #tables = newTables();
  readonly #removed = new Set<string>();
  readonly #actions: Action[] = [];

  constructor(base: View) {
    this.#base = base;
  }

  /** All actions laid so far, in order. */
  get actions(): readonly Action[] {
    return this.#actions;
  }

  /** Lays `actions` over the view; creating what is there, or changing what is not, is a broken invariant. */
  lay(actions: readonly Action[]): void {
    for (const action of actions) {
      const id = action.type === 'remove' ? action.id : action.object.ID;
      const present = this.get(action.kind, id) !== undefined;
      assert(present === (action.type !== 'create'), `cannot ${action.type} ${action.kind} ${id}`);
      if (action.type === 'remove') {
        this.#tables[action.kind].delete(id);
        this.#removed.add(id);
      } else {
        this.#put(action.kind, action.object);
        this.#removed.delete(id);
      }
      this.#actions.push(action);
    }
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    if (this.#removed.has(id)) return undefined;
    return this.#tables[kind].byId.get(id) ?? this.#base.get(kind, id);
  }

  *list<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    const table = this.#tables[kind].byId;
    const replaced = new Set<string>();
    for (const object of this.#base.list(kind)) {
      if (this.#removed.has(object.ID)) continue;
      const own = table.get(object.ID);
      if (own) replaced.add(object.ID);
      yield (own as ObjectOf[K] | undefined) ?? object;
    }
    for (const [id, object] of table) if (!replaced.has(id)) yield object;
  }

  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined {
    for (const id of this.#tables[kind].idsByName(name)) return this.#tables[kind].byId.get(id);
    const base = this.#base.byName(kind, name);
    const hidden = base && (this.#removed.has(base.ID) || this.#tables[kind].byId.has(base.ID));
    return hidden ? undefined : base;
  }

  tasksOfService(serviceId: string): Iterable<Task> {
    return this.#tasks(this.#base.tasksOfService(serviceId), this.#tables.task.idsOfService(serviceId));
  }

  tasksOfNode(nodeId: string): Iterable<Task> {
    return this.#tasks(this.#base.tasksOfNode(nodeId), this.#tables.task.idsOfNode(nodeId));
  }

  *#tasks(base: Iterable<Task>, own: Iterable<string>): Iterable<Task> {
    const table = this.#tables.task.byId;
    for (const task of base) if (!this.#removed.has(task.ID) && !table.has(task.ID)) yield task;
    for (const id of own) {
      const task = table.get(id);
      if (task) yield task;
    }
  }

  #put<K extends Kind>(kind: K, object: ObjectOf[K]): void {
    this.#tables[kind].put(object);
  }
}

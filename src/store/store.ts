/** The replicated state in memory: applies committed entries, answers reads, makes and loads snapshots. */
import { assert } from '#base/assert';
import { timeText } from '#base/clock';
import { kinds, type Kind, type ObjectOf } from '#model/object';
import type { Task } from '#model/task';
import type { Action, Entry, StoreEvent } from './action.ts';
import { newTables, type Table, type Tables } from './table.ts';
import type { View } from './view.ts';

/** All objects, as a snapshot carries them. */
export interface StoreImage {
  index: number;
  objects: { [K in Kind]: readonly ObjectOf[K][] };
}

export class Store implements View {
  #tables: Tables = newTables();
  #index = 0;

  /** Log index of the entry applied last. */
  get index(): number {
    return this.#index;
  }

  /**
   * Applies a committed entry and returns its events in the order of its actions.
   * The same entries give the same state on every manager.
   */
  apply(index: number, entry: Entry): StoreEvent[] {
    assert(index > this.#index, `entry ${index} is applied after ${this.#index}`);
    this.#index = index;
    const now = timeText(entry.now);
    return entry.actions.map((action) => this.#applyOne(action, index, now));
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    return this.#table(kind).byId.get(id);
  }

  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    return this.#table(kind).byId.values();
  }

  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined {
    const table = this.#table(kind);
    for (const id of table.idsByName(name)) return table.byId.get(id);
    return undefined;
  }

  *tasksOfService(serviceId: string): Iterable<Task> {
    yield* this.#tasks(this.#tables.task.idsOfService(serviceId));
  }

  *tasksOfNode(nodeId: string): Iterable<Task> {
    yield* this.#tasks(this.#tables.task.idsOfNode(nodeId));
  }

  image(): StoreImage {
    const objects = Object.fromEntries(kinds.map((kind) => [kind, [...this.list(kind)]]));
    return { index: this.#index, objects: objects as unknown as StoreImage['objects'] };
  }

  /** Replaces everything by a snapshot's content. */
  restore(image: StoreImage): void {
    this.#tables = newTables();
    this.#index = image.index;
    for (const kind of kinds) this.#restoreKind(kind, image);
  }

  #restoreKind<K extends Kind>(kind: K, image: StoreImage): void {
    for (const object of image.objects[kind] ?? []) this.#table(kind).put(object);
  }

  *#tasks(ids: Iterable<string>): Iterable<Task> {
    for (const id of ids) {
      const task = this.#tables.task.byId.get(id);
      if (task) yield task;
    }
  }

  #table<K extends Kind>(kind: K): Table<K> {
    return this.#tables[kind];
  }

  #applyOne(action: Action, index: number, now: string): StoreEvent {
    const id = action.type === 'remove' ? action.id : action.object.ID;
    const previous = this.get(action.kind, id);
    assert((previous !== undefined) === (action.type !== 'create'), `entry ${index} cannot ${action.type} ${action.kind} ${id}`);
    if (action.type === 'remove') {
      this.#table(action.kind).delete(id);
      return { kind: action.kind, id, previous } as StoreEvent;
    }
    const CreatedAt = previous?.CreatedAt ?? now;
    const object = { ...action.object, Version: { Index: index }, CreatedAt, UpdatedAt: now };
    (this.#table(action.kind) as Table<Kind>).put(object as ObjectOf[Kind]);
    return { kind: action.kind, id, object, ...(previous && { previous }) } as StoreEvent;
  }
}

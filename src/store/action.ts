/** The actions of the log: what may happen to the store, and nothing else may. */
import type { Kind, ObjectOf } from '#model/object';

/** `Version`, `CreatedAt` and `UpdatedAt` of the objects are set by `apply`. */
export type Action = { [K in Kind]: ActionOf<K> }[Kind];

export type ActionOf<K extends Kind> =
  | { type: 'create'; kind: K; object: ObjectOf[K] }
  | { type: 'update'; kind: K; object: ObjectOf[K] }
  | { type: 'remove'; kind: K; id: string };

/** One entry of the log: all of it happens, or none. */
export interface Entry {
  actions: readonly Action[];
  /** Leader's time in milliseconds. */
  now: number;
}

/** What watchers hear after a commit. `previous` is absent for creations, `object` for removals. */
export type StoreEvent = { [K in Kind]: EventOf<K> }[Kind];

export interface EventOf<K extends Kind> {
  kind: K;
  id: string;
  object?: ObjectOf[K];
  previous?: ObjectOf[K];
}

export function create<K extends Kind>(kind: K, object: ObjectOf[K]): Action {
  return { type: 'create', kind, object } as Action;
}

export function update<K extends Kind>(kind: K, object: ObjectOf[K]): Action {
  return { type: 'update', kind, object } as Action;
}

export function remove(kind: Kind, id: string): Action {
  return { type: 'remove', kind, id } as Action;
}

/** Meta of an object that is not stored yet. */
export function newMeta(id: string): { ID: string; Version: { Index: number }; CreatedAt: string; UpdatedAt: string } {
  return { ID: id, Version: { Index: 0 }, CreatedAt: '', UpdatedAt: '' };
}

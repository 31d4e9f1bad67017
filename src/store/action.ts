/** The actions of the log: what may happen to the store, and nothing else may. */
import type { Kind, ObjectOf } from '#model/object/object';

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
  /**
   * The store's index that it was decided on. On any other state it says nothing: then nothing of it happens.
   * Entries of before there were several managers have none.
   */
  base?: number;
  /** The term in which it was decided; in the log of another term nothing of it happens. */
  term?: number;
  /** The requests that it answers, for those who ask again. */
  answers?: readonly Answer[];
  /** What the leader's state came to at `base`: every other manager's must come to the same. */
  check?: string;
}

/** What a request with an id was answered. */
export interface Answer {
  id: string;
  result?: unknown;
  /** Digest of what was asked; absent where nobody gave one. */
  asked?: string;
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

/** The object that an action is about. */
export function idOf(action: Action): string {
  return action.type === 'remove' ? action.id : action.object.ID;
}

/** Meta of an object that is not stored yet. */
export function newMeta(id: string): { ID: string; Version: { Index: number }; CreatedAt: string; UpdatedAt: string } {
  return { ID: id, Version: { Index: 0 }, CreatedAt: '', UpdatedAt: '' };
}

/** What still fits into an entry of the log beside what a request asked for itself. */
import type { Kind } from '#model/object/object';
import type { TaskSpec } from '#model/object/service-spec';
import type { Action } from './action.ts';

export interface EntryLimits {
  actions: number;
  bytes: number;
  /** Tasks that the rules may go through: deciding takes time too, and others wait for their turn. Without one there is no end. */
  effort?: number;
}

export class Room {
  #actions: number;
  #bytes: number;
  #effort: number;
  /** Objects that the entry holds already: writing them again takes no more room. */
  readonly #held = new Set<string>();

  constructor(limits: EntryLimits) {
    this.#actions = limits.actions;
    this.#bytes = limits.bytes;
    this.#effort = limits.effort ?? Infinity;
  }

  /** Actions that may still come at most; 0 when the bytes are used up. */
  get left(): number {
    return this.#bytes > 0 ? Math.max(this.#actions, 0) : 0;
  }

  /** So much was gone through that what is left is for the next entry, also when that holds nothing. */
  get isTired(): boolean {
    return this.#effort <= 0;
  }

  /** Notes that the rules have gone through so many tasks. */
  spend(tasks: number): void {
    this.#effort -= tasks;
  }

  /** How many tasks of `spec` may still come; one at least while there is any room. */
  leftFor(spec: TaskSpec): number {
    return this.left === 0 ? 0 : Math.min(this.left, Math.max(1, Math.floor(this.#bytes / roughTaskBytes(spec))));
  }

  /** Counts the action and returns true, or returns false when there is no room for it. */
  admit(action: Action): boolean {
    if (this.left === 0 && !this.#held.has(keyOf(action))) return false;
    this.count(action);
    return true;
  }

  /** The entry holds the object already. */
  holds(kind: Kind, id: string): boolean {
    return this.#held.has(`${kind} ${id}`);
  }

  /** Counts an action that goes in whatever the limit is. */
  count(action: Action): void {
    const key = keyOf(action);
    if (this.#held.has(key)) return;
    this.#held.add(key);
    this.#actions--;
    this.#bytes -= roughBytes(action);
  }

  /** Holds what a request asked for itself, which takes no room. */
  hold(actions: readonly Action[]): void {
    for (const action of actions) this.#held.add(keyOf(action));
  }
}

export function keyOf(action: Action): string {
  return `${action.kind} ${action.type === 'remove' ? action.id : action.object.ID}`;
}

/** What a task takes beside its spec. */
const taskBytes = 800;
/** Tasks of a service share its spec: its length is reckoned once. */
const specBytes = new WeakMap<object, number>();

/** About the bytes that an action takes in the log. */
function roughBytes(action: Action): number {
  if (action.type === 'remove') return 100;
  if (action.kind !== 'task') return JSON.stringify(action.object).length;
  return roughTaskBytes(action.object.Spec);
}

function roughTaskBytes(spec: TaskSpec): number {
  let bytes = specBytes.get(spec);
  if (bytes === undefined) specBytes.set(spec, (bytes = JSON.stringify(spec).length));
  return bytes + taskBytes;
}

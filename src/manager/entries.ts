/** What goes into one entry of the log. */
import { assert } from '#base/assert';
import { create, remove, update, type Action } from '#store/action';
import { keyOf, type EntryLimits } from '#store/room';

/** Of what follows from a request; its own objects are in the entry whatever their size. So much is decided, written and sent to the nodes in less than 20 ms. */
export const entryLimits: EntryLimits = { actions: 200, bytes: 512 * 1024, effort: 4000 };

/** The first entries that a manager decides on are small, whatever the term: code that runs for the first time takes many times as long. */
export class EntryGrowth {
  #actions = 0;

  /** Notes that an entry of so many actions was written. */
  wrote(actions: number): void {
    this.#actions += actions;
  }

  of(limits: EntryLimits): EntryLimits {
    return { ...limits, actions: Math.min(limits.actions, 50 + Math.floor(this.#actions / 16)) };
  }
}

/** One request's own objects may not be more than this. */
export const requestBytesLimit = 64 * 1024 * 1024;

/**
 * The net effect of `actions`, one per object in the order of first touch: a task that a pass creates, gives an address
 * and puts on a node is written once.
 */
export function netActions(actions: readonly Action[]): Action[] {
  const net = new Map<string, Action>();
  for (const action of actions) {
    const key = keyOf(action);
    const earlier = net.get(key);
    const merged = earlier ? merge(earlier, action) : action;
    if (merged) net.set(key, merged);
    else net.delete(key);
  }
  return [...net.values()];
}

/** What two actions on one object come to; undefined when nothing is left. */
function merge(first: Action, second: Action): Action | undefined {
  assert(first.type !== 'remove' && second.type !== 'create', `${second.kind} is ${second.type}d after ${first.type}`);
  if (second.type === 'remove') return first.type === 'create' ? undefined : remove(second.kind, second.id);
  return first.type === 'create' ? create(second.kind, second.object) : update(second.kind, second.object);
}

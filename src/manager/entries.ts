/** Cuts a pass into entries of the log. */
import { assert } from '#base/assert';
import { create, remove, update, type Action } from '#store/action';

export interface EntryLimits {
  /** Of what follows from a request; the request's own objects are always one entry. */
  actions: number;
  bytes: number;
}

/** 1,000 tasks are about 1 MiB and take about 3 ms to encode. */
export const entryLimits: EntryLimits = { actions: 1000, bytes: 1024 * 1024 };

/** One request's own objects may not be more than this. */
export const requestBytesLimit = 64 * 1024 * 1024;

/**
 * The net effect of `actions`, one per object in the order of first touch, cut by `limits`.
 * What the first `requested` actions touch is in the first entry, whole.
 */
export function toEntries(actions: readonly Action[], requested: number, limits: EntryLimits): Action[][] {
  const requestKeys = new Set(actions.slice(0, requested).map(keyOf));
  const entries: Action[][] = [];
  let entry: Action[] = [];
  let count = 0;
  let bytes = 0;
  for (const [key, action] of netEffect(actions)) {
    const size = requestKeys.has(key) ? 0 : sizeOf(action);
    if (size > 0 && count > 0 && (count >= limits.actions || bytes + size > limits.bytes)) {
      entries.push(entry);
      entry = [];
      count = 0;
      bytes = 0;
    }
    entry.push(action);
    bytes += size;
    if (size > 0) count++;
  }
  return entry.length > 0 ? [...entries, entry] : entries;
}

/** About the bytes that an action takes in the log. */
export function sizeOf(action: Action): number {
  return JSON.stringify(action).length;
}

function keyOf(action: Action): string {
  return `${action.kind} ${action.type === 'remove' ? action.id : action.object.ID}`;
}

/** A task that a pass creates, gives an address and puts on a node is written once. */
function netEffect(actions: readonly Action[]): Map<string, Action> {
  const net = new Map<string, Action>();
  for (const action of actions) {
    const key = keyOf(action);
    const earlier = net.get(key);
    const merged = earlier ? merge(earlier, action) : action;
    if (merged) net.set(key, merged);
    else net.delete(key);
  }
  return net;
}

/** What two actions on one object come to; undefined when nothing is left. */
function merge(first: Action, second: Action): Action | undefined {
  assert(first.type !== 'remove' && second.type !== 'create', `${second.kind} is ${second.type}d after ${first.type}`);
  if (second.type === 'remove') return first.type === 'create' ? undefined : remove(second.kind, second.id);
  return first.type === 'create' ? create(second.kind, second.object) : update(second.kind, second.object);
}

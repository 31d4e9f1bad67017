/** What one commit has to tell, gathered by who is to hear it: many nodes are mostly told the same, and share one list. */
import { assert } from '#base/assert';
import type { AssignmentChange, AssignmentUpdate } from '#model/object/assignment';
import { inOrder, keyParts, type ItemKey } from './item.ts';

export type Audience = 'all' | ReadonlySet<string>;

/** Changes, each of another key, in the order in which a node takes them; and the nodes that are to hear of them. */
export interface Delivery {
  changes: readonly AssignmentChange[];
  to: Audience;
}

export class Deliveries {
  readonly #removals = new Map<Audience, AssignmentChange[]>();
  readonly #updates = new Map<Audience, AssignmentChange[]>();

  add(change: AssignmentChange, to: Audience): void {
    if (isNobody(to)) return;
    assert(isItsNodes(change, to), `task ${change.action === 'update' ? change.item.ID : ''} would be told to others than its node`);
    const lists = change.action === 'remove' ? this.#removals : this.#updates;
    const list = lists.get(to);
    if (list) list.push(change);
    else lists.set(to, [change]);
  }

  /** Of several deliveries to a node the later ones count: what all lose goes first, and who is to keep it hears of it again. */
  all(): Delivery[] {
    return [...this.#removals, ...this.#updates].map(([to, changes]) => ({ to, changes: inOrder(changes) }));
  }
}

/** A task, with the credentials and variables in it, is its node's alone. */
function isItsNodes(change: AssignmentChange, to: Audience): boolean {
  if (change.action === 'remove' || change.kind !== 'task') return true;
  return to !== 'all' && to.size === 1 && to.has(change.item.NodeID);
}

/** Those of `audience` who are not in `other`; of all nodes less some that is all of them, for nobody here knows who they are. */
export function without(audience: Audience, other: Audience): Audience {
  if (other === 'all' || audience === other) return new Set();
  if (audience === 'all') return audience;
  return new Set([...audience].filter((node) => !other.has(node)));
}

export function isNobody(audience: Audience): boolean {
  return audience !== 'all' && audience.size === 0;
}

/** What nodes that came to a network, or left one, hear of what is on it. */
export function deliverMove(
  deliveries: Deliveries,
  to: Audience,
  gained: ReadonlyMap<ItemKey, AssignmentUpdate>,
  lost: ReadonlyMap<ItemKey, AssignmentUpdate>,
): void {
  for (const update of gained.values()) deliveries.add(update, to);
  for (const key of lost.keys()) deliveries.add({ action: 'remove', ...keyParts(key) }, to);
}

/** Without what is under `keys`. */
export function apart<V>(items: ReadonlyMap<ItemKey, V>, keys: readonly ItemKey[]): Map<ItemKey, V> {
  const left = new Map(items);
  for (const key of keys) left.delete(key);
  return left;
}

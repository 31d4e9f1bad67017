/** Finds an object as users refer to it. */
import { Refusal } from '#base/refusal';
import { nameOf, type Kind, type ObjectOf } from '#model/object/object';
import type { Network } from '#model/object/network';
import type { Task } from '#model/object/task';
import { prefixLength } from '#store/index/indexes';
import type { View } from '#store/view';

/**
 * The object that `ref` means: its full id, else its exact name (nodes: hostname), else a prefix of its id.
 * Refuses with `notFound` when there is none and `invalidArgument` when there are several.
 */
export function findObject<K extends Kind>(view: View, kind: K, ref: string): ObjectOf[K] {
  const byId = view.get(kind, ref);
  if (byId) return byId;
  if (ref === '') throw new Refusal('notFound', `${kind} ${ref} not found`);
  const named = findNamed(view, kind, ref);
  const hits = named.length > 0 ? named : findPrefixed(view, kind, ref);
  // The engine words it so for networks, and the managers for all else.
  const by = kind === 'network' ? ' based on ID prefix' : '';
  if (hits.length > 1) throw new Refusal('invalidArgument', `${kind} ${ref} is ambiguous (${hits.length} matches found${by})`);
  const [hit] = hits;
  if (!hit) throw new Refusal('notFound', `${kind} ${ref} not found`);
  return hit;
}

function findNamed<K extends Kind>(view: View, kind: K, name: string): ObjectOf[K][] {
  // Hostnames need not be unique, so nodes are counted; all other names are.
  if (kind === 'node') {
    return [...view.list(kind)].filter((object) => nameOf(kind, object).toLowerCase() === name.toLowerCase());
  }
  if (kind === 'task') return [];
  if (kind === 'network') return [networkNamed(view, name) as ObjectOf[K] | undefined].filter((object) => object !== undefined);
  const object = view.byName(kind as Exclude<Kind, 'task'>, name);
  return object ? [object as ObjectOf[K]] : [];
}

/** Other names are one in any case; a network is found as it is written, and none of another case can stand beside it. */
export function networkNamed(view: View, name: string): Network | undefined {
  const network = view.byName('network', name);
  return network?.Spec.Name === name ? network : undefined;
}

/** Of a few those whose id begins so; for no text none. */
export function shortened<T extends { ID: string }>(among: readonly T[], id: string): readonly T[] {
  return id === '' ? [] : among.filter(({ ID }) => ID.startsWith(id));
}

function findPrefixed<K extends Kind>(view: View, kind: K, prefix: string): ObjectOf[K][] {
  // Of tasks there are too many to look at each.
  const among = kind === 'task' && prefix.length >= prefixLength ? tasksNear(view, prefix) : view.list(kind);
  return [...(among as Iterable<ObjectOf[K]>)].filter((object) => object.ID.startsWith(prefix));
}

function tasksNear(view: View, prefix: string): Iterable<Task> {
  return view.find('task', 'prefix', prefix.slice(0, prefixLength));
}

/** Refuses unless the caller has read the newest `object`. */
export function checkVersion(object: { Version: { Index: number } }, version: number): void {
  if (object.Version.Index !== version) throw new Refusal('unknown', 'update out of sequence');
}

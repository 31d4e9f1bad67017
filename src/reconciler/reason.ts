/** Why a stack is applied, for people: what its actions change, seen from the services as they are. */
import { comparable } from '#model/spec-compare';
import type { Service } from '#model/object/service';
import type { Stack } from '#model/object/stack';
import type { Action } from '#store/action';
import type { View } from '#store/view';
import { differences, type NameOf } from './differences.ts';

/** A line for each field that changes, and each object that comes or goes. */
export function changesBy(view: View, actions: readonly Action[], drift: boolean): string[] {
  const made = new Map(
    actions.flatMap((action) => (action.type === 'create' && action.kind === 'network' ? [[action.object.ID, action.object.Spec.Name]] : [])),
  );
  const nameOfNetwork = (id: string) => made.get(id) ?? view.get('network', id)?.Spec.Name ?? id;
  const missing = drift ? actions.flatMap(missingObject) : [];
  return [...missing, ...actions.flatMap((action) => changeOf(view, action, nameOfNetwork))];
}

export function reasonOf(changes: readonly string[], stack: Stack | undefined, drift: boolean): string {
  if (!stack || stack.Digest === '') return 'new in the repository';
  if (changes.length === 0) return stack.Condition.State === 'applied' ? 'its record changes' : 'it is in order again';
  return drift ? `changed by hand: ${changes.join('; ')}` : changes.join('; ');
}

/** Of a stack that was in order, an object that must be made is one that somebody removed. */
function missingObject(action: Action): string[] {
  if (action.type !== 'create' || (action.kind !== 'network' && action.kind !== 'secret' && action.kind !== 'config')) return [];
  return [`${action.kind} ${action.object.Spec.Name} is missing`];
}

function changeOf(view: View, action: Action, nameOfNetwork: NameOf): string[] {
  if (action.type === 'remove') return removalOf(view, action.kind, action.id);
  if (action.kind !== 'service') return [];
  const service = action.object;
  const live: Service | undefined = view.get('service', service.ID);
  if (!live) return [`${service.Spec.Name} is missing`];
  return differences(comparable(live.Spec), comparable(service.Spec), nameOfNetwork).map((line) => `${service.Spec.Name} ${line}`);
}

function removalOf(view: View, kind: Action['kind'], id: string): string[] {
  if (kind !== 'service' && kind !== 'secret' && kind !== 'config' && kind !== 'network') return [];
  const name = view.get(kind, id)?.Spec.Name ?? id;
  return [kind === 'service' ? `${name} is not wanted` : `${kind} ${name} is not wanted`];
}

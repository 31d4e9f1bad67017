/** Why a stack is applied, for people: what its actions change, seen from the services as they are. */
import { fieldChanges, fieldText } from '#model/difference/field-changes';
import type { Service } from '#model/object/service';
import { conditionOf, type Stack } from '#model/object/stack';
import type { Action } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import { readable } from './readable.ts';

/** Of one service; more say no more. */
const mostLines = 20;

/** A line for each field that changes, and each object that comes or goes. */
export function changesBy(view: View, actions: readonly Action[], drift: boolean): string[] {
  const after = new Overlay(view);
  after.lay(actions);
  const missing = drift ? actions.flatMap(missingObject) : [];
  return [...missing, ...actions.flatMap((action) => changeOf(view, after, action))];
}

export function reasonOf(changes: readonly string[], stack: Stack | undefined, drift: boolean): string {
  if (!stack || stack.Digest === '') return 'new in the repository';
  if (changes.length === 0) return conditionOf(stack).State === 'applied' ? 'its record changes' : 'it is in order again';
  return drift ? `changed by hand: ${changes.join('; ')}` : changes.join('; ');
}

/** Of a stack that was in order, an object that must be made is one that somebody removed. */
function missingObject(action: Action): string[] {
  if (action.type !== 'create' || (action.kind !== 'network' && action.kind !== 'secret' && action.kind !== 'config')) return [];
  return [`${action.kind} ${action.object.Spec.Name} is missing`];
}

function changeOf(view: View, after: View, action: Action): string[] {
  if (action.type === 'remove') return removalOf(view, action.kind, action.id);
  if (action.kind !== 'service') return [];
  const service = action.object;
  const live: Service | undefined = view.get('service', service.ID);
  if (!live) return [`${service.Spec.Name} is missing`];
  const lines = fieldChanges(readable(live.Spec, view), readable(service.Spec, after)).map((change) => `${service.Spec.Name} ${fieldText(change)}`);
  return lines.length <= mostLines ? lines : [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}

function removalOf(view: View, kind: Action['kind'], id: string): string[] {
  if (kind !== 'service' && kind !== 'secret' && kind !== 'config' && kind !== 'network') return [];
  const name = view.get(kind, id)?.Spec.Name ?? id;
  return [kind === 'service' ? `${name} is not wanted` : `${kind} ${name} is not wanted`];
}

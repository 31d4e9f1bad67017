/** Whose an object is: what a stack's deploys made, and what merely carries its label. */
import { compareTexts } from '#base/text/text';
import { namespaceLabel, type Labels } from '#model/object/meta';
import type { ObjectOf } from '#model/object/object';
import type { OwnedKind, OwnedObject, Stack } from '#model/object/stack';
import type { View } from '#store/view';
import { referencedIds } from '../users.ts';

/** In the order in which they are removed. */
export const ownedKinds = ['service', 'secret', 'config', 'network'] as const satisfies readonly OwnedKind[];

/** A kind's objects that carry the stack's label: Docker's own idea of what belongs to a stack. */
export function labelledObjects<K extends OwnedKind>(view: View, kind: K, stack: string): ObjectOf[K][] {
  return [...view.list(kind)].filter((object) => object.Spec.Labels?.[namespaceLabel] === stack);
}

export function carriesLabel(object: { Spec: { Labels?: Labels } }, stack: string): boolean {
  return object.Spec.Labels?.[namespaceLabel] === stack;
}

/** What the stack's deploys made and is still there. */
export function ownedObjects(view: View, stack: Stack | undefined): OwnedObject[] {
  return inventoryOf(view, stack).filter(({ Kind, ID }) => view.get(Kind, ID) !== undefined);
}

/** What the record names, there or not: an object that somebody made anew under such a name stands for the one that was. */
export function inventoryOf(view: View, stack: Stack | undefined): readonly OwnedObject[] {
  if (!stack) return [];
  return stack.Inventory ?? derivedInventory(view, stack.Spec.Name, new Set(stack.Services));
}

/** Whether the record stands for nothing in the cluster: of a folder that was never applied. */
export function isEmptyRecord(stack: Stack): boolean {
  return stack.Digest === '' && (stack.Inventory ?? []).length === 0;
}

/**
 * The inventory of a stack that has none: its services, and what of the stack's own they refer to, now or for a rollback.
 * `services`: the names that a record from before gives; absent for a stack that is known by its label only.
 */
export function derivedInventory(view: View, stack: string, services?: ReadonlySet<string>): OwnedObject[] {
  const own = labelledObjects(view, 'service', stack).filter((service) => services?.has(service.Spec.Name) ?? true);
  const specs = own.flatMap(({ Spec, PreviousSpec }) => (PreviousSpec ? [Spec, PreviousSpec] : [Spec]));
  const referred = new Set(specs.flatMap(referencedIds));
  const others = (['secret', 'config', 'network'] as const).flatMap((kind) =>
    labelledObjects(view, kind, stack)
      .filter(({ ID }) => referred.has(ID))
      .map((object) => owned(kind, object)),
  );
  return inOrder([...own.map((service) => owned('service', service)), ...others]);
}

export function owned(Kind: OwnedKind, object: { ID: string; Spec: { Name: string } }): OwnedObject {
  return { Kind, ID: object.ID, Name: object.Spec.Name };
}

/** The stack that made it; where several have it, one of them. */
export function makerOf(view: View, id: string): Stack | undefined {
  for (const stack of view.list('stack')) if (stack.Inventory?.some(({ ID }) => ID === id)) return stack;
  return undefined;
}

/** Whether another stack has it as well: stacks of one repository may name one object, and whoever gives it up last ends it. Names that begin with the stack's are its own. */
export function othersHave(view: View, stack: string): (object: OwnedObject) => boolean {
  let ids: ReadonlySet<string> | undefined;
  return ({ Kind, ID, Name }) => {
    if (Kind === 'service' || Name.startsWith(`${stack}_`)) return false;
    ids ??= new Set([...view.list('stack')].flatMap(({ Spec, Inventory = [] }) => (Spec.Name === stack ? [] : Inventory.map((each) => each.ID))));
    return ids.has(ID);
  };
}

/** What a stack has after a deploy: what was there before and what it wants now. What it gives up and another one has is that one's. */
export function inventoryAfter(
  view: View,
  before: readonly OwnedObject[],
  wanted: readonly OwnedObject[],
  gives: (object: OwnedObject) => boolean,
): OwnedObject[] {
  const ids = new Set(wanted.map(({ ID }) => ID));
  return inOrder([...before.filter((each) => view.get(each.Kind, each.ID) && (ids.has(each.ID) || !gives(each))), ...wanted]);
}

/** One order, so that the same inventory is written once. */
export function inOrder(objects: readonly OwnedObject[]): OwnedObject[] {
  const key = ({ Kind, Name, ID }: OwnedObject): string => `${ownedKinds.indexOf(Kind)} ${Name} ${ID}`;
  return [...new Map(objects.map((object) => [key(object), object])).values()].toSorted((a, b) => compareTexts(key(a), key(b)));
}

/** Use cases of a stack's record: what became of it, whether it is suspended, whose it is. */
import { timeText } from '#base/clock';
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import type { Stack, StackCondition, StackLeaving, StackSource } from '#model/object/stack';
import { create, newMeta, update } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase } from '../cluster.ts';
import { removalOf, withDeed } from '../log/deeds.ts';
import { derivedInventory, inOrder, inventoryOf, isEmptyRecord, labelledObjects, ownedObjects } from './inventory.ts';
import { removeRevisions } from './revisions.ts';

/** Notes the outcome of a reconcile; a folder that is not applied yet gets a record of its own. */
export function setStackCondition(name: string, condition: StackCondition, source: StackSource): UseCase<void> {
  return (view, { newId }) => {
    checkStackName(name);
    const stack = view.byName('stack', name);
    if (!stack) {
      const record = { ...newMeta(newId()), Spec: { Name: name }, Source: source, Digest: '', Services: [], Inventory: [], Condition: condition };
      return { actions: [create('stack', record)], result: undefined };
    }
    const unchanged = sameCondition(stack.Condition, condition);
    return { actions: unchanged ? [] : [update('stack', { ...stack, Condition: condition })], result: undefined };
  };
}

export function sameCondition(a: StackCondition, b: StackCondition): boolean {
  return equal({ ...a, Since: '' }, { ...b, Since: '' });
}

/** Quotes and blanks alone are no name (docker/cli stack commands). */
export function checkStackName(name: string): void {
  if (name.replace(/^[\s'"]+|[\s'"]+$/g, '') === '') {
    throw new Refusal('invalidArgument', `invalid stack name: "${name}"`, { plain: true });
  }
}

/** The reconciler leaves the stack alone, or takes it up again. */
export function suspendStack(name: string, on: boolean, who?: string): UseCase<void> {
  return (view, context) => {
    const stack = recorded(view, name);
    if (stack.Source.Kind !== 'repository') {
      throw new Refusal('failedPrecondition', `stack ${name} is deployed by hand: there is no repository that could change it`);
    }
    if ((stack.Suspended !== undefined) === on) return { actions: [], result: undefined };
    const { Suspended: _before, ...rest } = stack;
    const actions = [update('stack', on ? { ...rest, Suspended: { Since: timeText(context.now) } } : rest)];
    return { actions: withDeed(view, actions, { kind: 'stack', name }, { what: on ? 'suspended' : 'resumed', who }, context), result: undefined };
  };
}

/** The stack goes at a time that is known; undefined: it is there again, and stays. */
export function setLeaving(name: string, leaving: StackLeaving | undefined): UseCase<void> {
  return (view) => {
    const stack = view.byName('stack', name);
    if (!stack || equal(stack.Leaving, leaving)) return { actions: [], result: undefined };
    const { Leaving: _before, ...rest } = stack;
    return { actions: [update('stack', leaving ? { ...rest, Leaving: leaving } : rest)], result: undefined };
  };
}

/**
 * The removal of what a stack's deploys may have made: with the last of it goes a stack that no repository brings back, as docker's own CLI
 * takes a stack down, piece by piece.
 */
export function endingStacks(removal: UseCase<void>): UseCase<void> {
  return (view, context) => {
    const { actions, result } = removal(view, context);
    const gone = new Set(actions.flatMap((action) => (action.type === 'remove' ? [action.id] : [])));
    const overlay = new Overlay(view);
    overlay.lay(actions);
    for (const stack of view.list('stack')) {
      if (stack.Source.Kind !== 'deploy' || !inventoryOf(view, stack).some(({ ID }) => gone.has(ID)) || ownedObjects(overlay, stack).length > 0) continue;
      overlay.lay(removalOf(view, 'stack', stack.ID));
      removeRevisions(overlay, stack.Spec.Name);
    }
    return { actions: overlay.actions, result };
  };
}

/** The repository that holds a folder of the stack's name, and where it is. */
export interface Adopter {
  Kind: 'repository';
  Repository: string;
  Path: string;
  Commit: string;
}

/** Gives a stack to the repository that waits for it, with all that is the stack's, and allows what that commit removes of it. */
export function adoptStack(name: string, source: Adopter, who?: string): UseCase<void> {
  return (view, context) => {
    checkStackName(name);
    const stack = view.byName('stack', name);
    const Inventory = inOrder([...inventoryOf(view, stack), ...derivedInventory(view, name)]);
    if (!stack && Inventory.length === 0) throw new Refusal('notFound', `Nothing found in stack: ${name}`, { plain: true });
    const Services = Inventory.flatMap(({ Kind, Name }) => (Kind === 'service' ? [Name] : [])).toSorted();
    const Condition: StackCondition = {
      State: 'pending',
      Message: `given to repository ${source.Repository}, whose next look applies it`,
      Since: timeText(context.now),
    };
    const given = { Source: source, Services, Inventory, Condition, Confirmed: source.Commit };
    const { Leaving: _left, ...record }: Stack = { ...(stack ?? { ...newMeta(context.newId()), Spec: { Name: name }, Digest: '' }), ...given };
    const actions = [stack ? update('stack', record) : create('stack', record)];
    const facts = { what: 'adopted', who, commit: source.Commit, reason: `by repository ${source.Repository}` } as const;
    return { actions: withDeed(view, actions, { kind: 'stack', name }, facts, context), result: undefined };
  };
}

/** Gives each stack from before inventories the one that follows from its services, once. */
export function recordInventories(): UseCase<void> {
  return (view) => {
    const without = [...view.list('stack')].filter((stack) => stack.Inventory === undefined);
    return { actions: without.map((stack) => update('stack', { ...stack, Inventory: inventoryOf(view, stack) })), result: undefined };
  };
}

function recorded(view: View, name: string): Stack {
  const stack = view.byName('stack', name);
  if (stack && !(isEmptyRecord(stack) && stack.Source.Kind === 'deploy')) return stack;
  if (labelledObjects(view, 'service', name).length > 0) {
    throw new Refusal('failedPrecondition', `stack ${name} is known by its label only: there is no repository that could change it`);
  }
  throw new Refusal('notFound', `Nothing found in stack: ${name}`, { plain: true });
}

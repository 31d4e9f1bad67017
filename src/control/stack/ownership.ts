/** Who may deploy a stack: a repository only what is its own or nobody's, an operator what no repository has. */
import { own } from '#base/text/own';
import { Refusal } from '#base/refusal';
import { counted } from '#base/text/human';
import type { OwnedKind, OwnedObject, Stack, StackSource } from '#model/object/stack';
import type { View } from '#store/view';
import { carriesLabel, inventoryOf, isEmptyRecord, labelledObjects } from './inventory.ts';
import { earliest } from '#model/object/meta';
import { update } from '#store/action';
import type { Overlay } from '#store/overlay';
import type { Repository } from '#model/object/repository';

/** Why a repository may not touch the stack of that name before somebody says so; undefined: it may. */
export function adoptionNeeded(view: View, name: string, source: StackSource & { Kind: 'repository' }): string | undefined {
  const stack = view.byName('stack', name);
  const { Repository, Path } = source;
  const way = `\`shoal stack adopt ${name}\` shows what would change, and gives it to repository ${Repository}`;
  if (!stack) {
    const services = labelledObjects(view, 'service', name).length;
    return services === 0 ? undefined : `${Path} is named like a stack that runs already and that no repository made (${counted(services, 'service')}); ${way}`;
  }
  if (stack.Source.Kind === 'repository') {
    if (stack.Source.Repository === Repository || isEmptyRecord(stack)) return undefined;
    return `stack ${name} belongs to ${stack.Source.Path} of repository ${stack.Source.Repository}: give this one another name; ${way}`;
  }
  return isEmptyRecord(stack) ? undefined : `${Path} is named like a stack that was deployed by hand; ${way}`;
}

/** Whether this repository has the stack. */
export function isOwned(stack: Stack, repository: string): boolean {
  return stack.Source.Kind === 'repository' && stack.Source.Repository === repository;
}

/** Refuses a deploy that would take a stack from whoever has it. */
export function checkOwner(view: View, name: string, source: StackSource, force: boolean): void {
  if (source.Kind === 'repository') {
    const reason = adoptionNeeded(view, name, source);
    if (reason !== undefined) throw new Refusal('failedPrecondition', reason);
    return;
  }
  const stack = view.byName('stack', name);
  if (stack?.Source.Kind !== 'repository' || isEmptyRecord(stack) || force) return;
  const { Path, Repository } = stack.Source;
  throw new Refusal(
    'failedPrecondition',
    `stack ${name} belongs to ${Path} of repository ${Repository}: change it there, or deploy with --force, which the repository then reverts`,
  );
}

/** Refuses that somebody removes the stack of a repository that is followed. */
export function checkRemover(view: View, name: string, force: boolean): void {
  const stack = view.byName('stack', name);
  // What its repository does not have any more is brought back by nobody.
  if (stack?.Source.Kind !== 'repository' || isEmptyRecord(stack) || stack.Leaving || force) return;
  const { Path, Repository } = stack.Source;
  if (!view.byName('repository', Repository)) return;
  throw new Refusal(
    'failedPrecondition',
    `stack ${name} belongs to ${Path} of repository ${Repository}, which would bring it back: remove it there, or with --force, and it comes back when the repository is looked at`,
  );
}

/** Whether an object that is there may be changed for the stack. */
export type Rights = (kind: OwnedKind, object: { ID: string; Spec: { Name: string; Labels?: Readonly<Record<string, string>> } }) => Right;

/**
 * `own`: made by this stack. `taken`: it carries the stack's label, and an operator makes it the stack's: its services,
 * and all that the files of a stack without a record name. `used`: an operator's files name it, and it stays whoever's it is.
 * `foreign`: it merely carries the label. `none`: it has nothing to do with the stack.
 */
export type Right = 'own' | 'taken' | 'used' | 'foreign' | 'none';

export function rightsOf(view: View, name: string, source: StackSource): Rights {
  const stack = view.byName('stack', name);
  const recorded = stack !== undefined && !isEmptyRecord(stack);
  const inventory = inventoryOf(view, stack);
  const ids = new Set(inventory.map(({ ID }) => ID));
  const names = new Set(inventory.map(({ Kind, Name }) => `${Kind} ${Name}`));
  return (kind, object) => {
    if (ids.has(object.ID)) return 'own';
    if (!carriesLabel(object, name)) return 'none';
    // Somebody removed what we made, and made it anew.
    if (names.has(`${kind} ${object.Spec.Name}`)) return 'own';
    if (source.Kind === 'repository') return 'foreign';
    return kind === 'service' || !recorded ? 'taken' : 'used';
  };
}

/** Refuses to touch what only looks as if it were the stack's. */
export function checkRight(right: Right, kind: OwnedKind, name: string, stack: string): void {
  if (right !== 'foreign') return;
  throw new Refusal(
    'failedPrecondition',
    `${kind} ${name} carries the label of stack ${stack}, and no deploy of it made it: give it another name, remove it, or take it in with \`shoal stack adopt ${stack}\``,
  );
}

/** Of one repository; those that left first are forgotten. */
const mostLeft = 500;

/** The stack goes, and its volumes stay on the nodes: its repository remembers since when it was there, so that they are its own when it comes back, and nobody else remembers one of that name any more. @param view with the stack */
export function noteLeft(overlay: Overlay, view: View, name: string, stack: Stack | undefined, objects: readonly OwnedObject[]): void {
  const owner = stack?.Source.Kind === 'repository' ? view.byName('repository', stack.Source.Repository)?.ID : undefined;
  const services = objects.flatMap(({ Kind, ID }) => (Kind === 'service' ? [view.get('service', ID)?.CreatedAt ?? ''] : []));
  for (const repository of overlay.list('repository')) {
    const { [name]: _before, ...others } = repository.Left ?? {};
    const before = own(repository.Left, name);
    const since = repository.ID === owner ? earliest([stack?.CreatedAt ?? '', before ?? '', ...services]) : undefined;
    if (before === undefined && since === undefined) continue;
    const all = [...Object.entries(others), ...(since === undefined ? [] : [[name, since] as const])];
    const { Left: _left, ...rest } = repository;
    const next: Repository = all.length === 0 ? rest : { ...rest, Left: Object.fromEntries(all.slice(-mostLeft)) };
    overlay.lay([update('repository', next)]);
  }
}

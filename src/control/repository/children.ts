/** Repositories that another one declares in its file. They are its own: it changes and ends them, and what it may do bounds what they may. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { counted } from '#base/text/human';
import { allowanceText, isAllowed, isLimit, readAllowance } from '#model/allowance';
import { type Declared, type DeclaredRepository, type Repository, type RepositorySpec, ownPlace, trustOf } from '#model/object/repository';
import { update } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCaseContext } from '../cluster.ts';
import { isEmptyRecord } from '../stack/inventory.ts';
import { removalOf } from '../log/deeds.ts';
import { isOwned } from '../stack/ownership.ts';
import { releaseWord } from './checks/release.ts';
import { removeStack } from '../stack/stacks.ts';
import { checkTexts } from './checks/texts.ts';
import { createRepository, normalAllowances, removeRepository, storedSpec } from './repositories.ts';

/** Below the one that an operator added. */
const deepest = 3;
const mostOfOne = 100;
const mostOfAll = 500;

type Attempt = (what: string, run: () => void) => void;

/** The repositories that one declares, and that are there. */
function childrenOf(view: View, { ID }: Pick<Repository, 'ID'>): Repository[] {
  return [...view.list('repository')].filter(({ Parent }) => Parent === ID);
}

export function parentOf(view: View, { Parent }: Repository): Repository | undefined {
  return Parent === undefined ? undefined : view.get('repository', Parent);
}

/** From the one that declares it to the one that an operator added. */
function ancestorsOf(view: View, repository: Repository): Repository[] {
  const found: Repository[] = [];
  for (let each: Repository | undefined = repository; each && found.length <= deepest + 1; each = parentOf(view, each)) found.push(each);
  return found;
}

export function declareChildren(
  overlay: Overlay,
  parent: Repository,
  commit: string,
  { Repositories: asked = [], Closed }: Declared,
  attempt: Attempt,
  context: UseCaseContext,
): { held: Record<string, string>; changes: string[] } {
  const changes: string[] = [];
  const line = ancestorsOf(overlay, parent);
  // Its file is that of one above it, which has declared all that stands there.
  const repeats = line.slice(1).some((each) => isSameSource(each.Spec, parent.Spec));
  const wanted = repeats ? [] : asked;
  if (wanted.length > mostOfOne) attempt('repositories', () => tooMany(`repositories: at most ${mostOfOne}`));
  for (const entry of wanted.slice(0, mostOfOne))
    attempt(wordOf(entry.Name), () => void changes.push(...declareOne(overlay, line, entry, Closed === true, context)));
  const names = new Set(wanted.map(({ Name }) => Name));
  const held: Record<string, string> = {};
  for (const child of childrenOf(overlay, parent)) {
    if (names.has(child.Spec.Name)) continue;
    if (parent.Confirmed?.Commit === commit) attempt(wordOf(child.Spec.Name), () => void changes.push(...ended(overlay, child, context)));
    else held[wordOf(child.Spec.Name)] = goneText(overlay, parent, child, commit);
  }
  return { held, changes };
}

/** As a repository is named where stacks are. */
function wordOf(name: string): string {
  return `repository ${name.slice(0, 255)}`;
}

function tooMany(text: string): never {
  throw new Refusal('failedPrecondition', text);
}

function goneText(view: View, parent: Repository, child: Repository, commit: string): string {
  const stacks = [...view.list('stack')].filter((stack) => isOwned(stack, child.Spec.Name) && !isEmptyRecord(stack)).length;
  const word = `\`shoal repo confirm ${parent.Spec.Name} --commit ${commit.slice(0, 12)}\``;
  return `${child.Spec.Name} is not declared any more: it would end, and with it ${counted(stacks, 'stack')}; nothing was removed. If that is meant: ${word}`;
}

/** Whole, or not at all. */
function ended(overlay: Overlay, child: Repository, context: UseCaseContext): string[] {
  const tried = new Overlay(overlay);
  const lines = endChild(tried, child, context);
  overlay.lay(tried.actions);
  return lines;
}

/** Ends a child with all that its stacks made, and what it declared itself. */
function endChild(overlay: Overlay, child: Repository, context: UseCaseContext): string[] {
  const below = childrenOf(overlay, child).flatMap((each) => endChild(overlay, each, context));
  for (const stack of [...overlay.list('stack')].filter((each) => isOwned(each, child.Spec.Name)))
    overlay.lay(isEmptyRecord(stack) ? removalOf(overlay, 'stack', stack.ID) : removeStack(stack.Spec.Name)(overlay, context).actions);
  overlay.lay(removeRepository(child.Spec.Name, true)(overlay, context).actions);
  return [...below, `repository ${child.Spec.Name} ended`];
}

function declareOne(overlay: Overlay, line: readonly Repository[], entry: DeclaredRepository, closed: boolean, context: UseCaseContext): string[] {
  const [parent] = line;
  if (!parent) return [];
  const { Name } = entry;
  checkTexts(entry);
  // Also because it is the operator's when its parent goes, with the words that it has.
  if (normalAllowances(entry.Allow ?? []).includes(releaseWord))
    throw new Refusal(
      'failedPrecondition',
      `repositories: ${Name}: ${releaseWord} is an operator’s word alone: \`shoal repo add --trust full --allow ${releaseWord}\``,
    );
  const known = overlay.byName('repository', Name);
  if (known && known.Parent !== parent.ID) throw new Refusal('alreadyExists', `repositories: ${Name} is there already, and ${ownerText(overlay, known)}`);
  if (line.length > deepest)
    tooMany(`repositories: ${Name} would lie ${line.length} below ${line.at(-1)?.Spec.Name ?? ''}, which an operator added: at most ${deepest}`);
  if (!known && [...overlay.list('repository')].filter((each) => each.Parent !== undefined).length >= mostOfAll)
    tooMany(`repositories: ${mostOfAll} are declared in the cluster already`);
  const spec = storedSpec(placedAt(parent, entry, closed ? known : undefined));
  const same = line.find((each) => isSameSource(each.Spec, spec) && each.Spec.Path === spec.Path && each.Spec.Environment === spec.Environment);
  if (same) {
    const way = [Name, ...line.slice(0, line.indexOf(same) + 1).map((each) => each.Spec.Name)];
    throw new Refusal('invalidArgument', `repositories: ${Name} is where ${same.Spec.Name} is, which declares it: ${way.toReversed().join(' declares ')}`);
  }
  const beyond = beyondParent(parent, spec);
  const bounded = withinParent(parent, spec);
  if (!known) {
    if (beyond !== undefined) throw new Refusal('failedPrecondition', `repositories: ${Name}: ${beyond}`);
    const { actions, result } = createRepository(bounded)(overlay, context);
    overlay.lay(actions);
    const made = overlay.get('repository', result.ID);
    if (made) overlay.lay([update('repository', { ...made, Parent: parent.ID })]);
    return [`repository ${Name} is followed`];
  }
  const changed = !equal(known.Spec, bounded);
  // What it may not have any more it does not keep until somebody mends its file.
  if (changed) overlay.lay([update('repository', { ...known, Spec: bounded })]);
  if (beyond !== undefined) throw new Refusal('failedPrecondition', `repositories: ${Name}: ${beyond}`);
  return changed ? [`repository ${Name} changed`] : [];
}

function ownerText(view: View, known: Repository): string {
  const owner = parentOf(view, known);
  return owner ? `is declared by repository ${owner.Spec.Name}` : 'was added by an operator';
}

/** Only one at the very same place gets the login of its parent: it was given for that place. `known`: its login is not looked at, and is as it was. */
function placedAt({ Spec }: Repository, entry: DeclaredRepository, known: Repository | undefined): RepositorySpec {
  const Trust = entry.Trust ?? 'limited';
  const Rewrites = entry.Rewrites ?? 'hold';
  const before = known?.Spec.URL === entry.URL ? known.Spec.Credentials : undefined;
  const plain = { ...entry, ...(before && { Credentials: before }), Trust, Rewrites, Allow: normalAllowances(entry.Allow ?? []) };
  if (entry.URL !== ownPlace && entry.URL !== Spec.URL) return plain;
  if (Spec.Hosted) throw new Refusal('invalidArgument', `repositories: ${entry.Name}: a repository that is pushed to the cluster cannot be declared once more`);
  const { Credentials = Spec.Credentials, ...rest } = plain;
  const own = { ...rest, URL: Spec.URL, ...(Credentials && { Credentials }) };
  return Spec.Vault && mayShareVault(Spec, own) ? { ...own, Vault: Spec.Vault } : own;
}

/** Whoever decides what its commits are reads what the vault's token may: only the very commits that its parent accepts have its parent's vault. */
function mayShareVault(parent: RepositorySpec, child: RepositorySpec): boolean {
  const holds = parent.Rewrites === 'follow' || child.Rewrites !== 'follow';
  return holds && isSameSource(parent, child) && (parent.Signers === undefined || parent.Signers === child.Signers);
}

/** The same files, if at another folder or in another environment. */
function isSameSource(a: RepositorySpec, b: RepositorySpec): boolean {
  return a.URL === b.URL && a.Branch === b.Branch && a.Ref === b.Ref && a.SemVer === b.SemVer;
}

/** Why it reaches beyond what its parent may; undefined: it does not. */
function beyondParent({ Spec }: Repository, child: RepositorySpec): string | undefined {
  if (trustOf(Spec) === 'full') return undefined;
  const allow = Spec.Allow ?? [];
  const way = (word: string): string => `\`shoal repo update ${Spec.Name} --allow ${word}\``;
  if (child.Trust === 'full') return `trust: full is more than ${Spec.Name} has`;
  if (child.URL !== Spec.URL && !isAllowed({ word: 'repositories', value: child.URL }, allow))
    return `${Spec.Name} is of limited trust and may not declare what lies at ${child.URL}: ${way(`repositories=${child.URL}`)}`;
  const word = child.Allow?.find((each) => !isCovered(each, allow));
  return word === undefined ? undefined : `${word} is not allowed to ${Spec.Name} itself: ${way(word)}`;
}

/** The child without what its parent may not give. */
function withinParent({ Spec }: Repository, child: RepositorySpec): RepositorySpec {
  if (trustOf(Spec) === 'full') return child;
  return { ...child, Trust: 'limited', Allow: (child.Allow ?? []).filter((word) => isCovered(word, Spec.Allow ?? [])) };
}

function isCovered(text: string, allowed: readonly string[]): boolean {
  const need = readAllowance(text);
  // What takes away gives nothing that its parent would have to have.
  return need !== undefined && (isLimit(need.word) || isAllowed(need, allowed) || allowed.includes(allowanceText(need)));
}

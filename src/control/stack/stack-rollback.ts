/** Use cases that take a whole stack back: services, secrets, configs, networks and images of an earlier revision, in one entry. */
import { timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import { shownName } from '#base/text/shown-name';
import type { Quarantine, Revision, Stack, StackCondition } from '#model/object/stack';
import { update } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { ownedObjects } from './inventory.ts';
import { findRevision, lastGood, newestRevision, revisionsOf } from './revisions.ts';
import { deployStack, type StackDeployment } from './stacks.ts';

export interface StackRolledBack extends StackDeployment {
  /** The revision whose content the stack has now. */
  To: number;
}

/** Who the reconciler is in a history. */
const ourselves = 'shoal';

/**
 * Gives the newest revision up for the last good one. Does nothing when another revision took its place meanwhile, when it was
 * good once, when it is itself a way back (whatever fails then is not mended by going further), or when there is nothing to go back to.
 */
export function giveUpRevision(name: string, number: number, reason: string): UseCase<StackRolledBack | undefined> {
  return (view, context) => {
    const failed = newestRevision(view, name);
    const stack = view.byName('stack', name);
    const to = lastGood(revisionsOf(view, name));
    if (!stack || !to || failed?.Spec.Number !== number || failed.Outcome.State === 'good' || failed.Of !== undefined || failed.Digest !== stack.Digest)
      return { actions: [], result: undefined };
    const told = new Overlay(view);
    told.lay([update('revision', { ...failed, Outcome: { State: 'failed', Message: reason } })]);
    const commit = failed.Source.Kind === 'repository' ? failed.Source.Commit : undefined;
    const text = `rolled back to revision ${to.Spec.Number}${commitText(to)}: ${reason}`;
    const { actions, result } = goBack(told, { stack, to, failed: true, text, commit, who: ourselves }, context);
    return { actions: [...told.actions, ...actions], result };
  };
}

/** Goes back because somebody asks for it: to a revision by its number, else to the last good one before the present. */
export function rollBackStack(name: string, number: number | undefined, who: string | undefined): UseCase<StackRolledBack> {
  return (view, context) => {
    const stack = view.byName('stack', name);
    if (!stack) throw new Refusal('notFound', `stack ${name} not found`);
    const to = number === undefined ? lastGood(revisionsOf(view, name)) : findRevision(view, name, number);
    if (!to)
      throw new Refusal('failedPrecondition', `stack ${name} has no earlier revision that was healthy: name one with --to (\`shoal stack history ${name}\`)`);
    const commit = stack.Source.Kind === 'repository' ? stack.Source.Commit : undefined;
    const text = `rolled back to revision ${to.Spec.Number}${commitText(to)} by ${who ? shownName(who) : 'hand'}`;
    return goBack(view, { stack, to, failed: false, text, commit, ...(who !== undefined && { who }) }, context);
  };
}

/** The version that was given up may be tried again. */
export function retryStack(name: string): UseCase<void> {
  return (view, { now }) => {
    const stack = view.byName('stack', name);
    if (!stack) throw new Refusal('notFound', `stack ${name} not found`);
    const { Quarantine: given, ...rest } = stack;
    if (!given) throw new Refusal('failedPrecondition', `nothing of stack ${name} is quarantined`);
    const Condition: StackCondition = { State: 'pending', Message: 'its last version is tried once more', Since: timeText(now) };
    return { actions: [update('stack', { ...rest, Condition })], result: undefined };
  };
}

interface WayBack {
  stack: Stack;
  to: Revision;
  failed: boolean;
  /** What is said of it. */
  text: string;
  /** The commit that asks for another version, where a repository has the stack. */
  commit: string | undefined;
  who?: string;
}

function goBack(view: View, { stack, to, failed, text, commit, who }: WayBack, context: UseCaseContext): ReturnType<UseCase<StackRolledBack>> {
  const { Content } = to.Spec;
  const Since = timeText(context.now);
  const repository = stack.Source.Kind === 'repository' ? stack.Source : undefined;
  const ofTheSame = repository && to.Source.Kind === 'repository' && to.Source.Repository === repository.Repository;
  const Source = ofTheSame ? { ...repository, Commit: (to.Source as typeof repository).Commit } : stack.Source;
  const names = new Set(Content.Services.map(({ Name }) => Name));
  const Removed = ownedObjects(view, stack).flatMap(({ Kind, Name, ID }) => (Kind === 'service' && !names.has(Name) ? [ID] : []));
  const given = stack.Quarantine?.Digest ?? stack.Digest;
  const quarantine: Quarantine = { Digest: given, Message: text, Since, Removed };
  const refused: StackCondition = { State: 'refused', Message: text, Errors: [text], ...(commit !== undefined && { Commit: commit }), Since };
  // What is asked for is what there was: nothing is given up.
  const record =
    repository && given !== to.Digest
      ? { Source, Condition: refused, Quarantine: quarantine }
      : { Source, Condition: { State: 'applied', Message: '', Since } as const };
  const options = { source: stack.Source, digest: to.Digest, prune: true, rollback: { to, failed, record }, ...(who !== undefined && { who }) };
  const { actions, result } = deployStack(Content, options)(view, context);
  return { actions, result: { ...result, To: to.Spec.Number } };
}

function commitText({ Source }: Revision): string {
  return Source.Kind === 'repository' ? ` (commit ${Source.Commit.slice(0, 12)})` : '';
}

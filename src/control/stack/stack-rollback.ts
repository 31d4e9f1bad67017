/** Use cases that take a whole stack back: services, secrets, configs, networks and images of an earlier revision, in one entry. */
import { timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import { shownName } from '#base/text/shown-name';
import type { Quarantine, Revision, Stack, StackCondition, StackSource } from '#model/object/stack';
import { update } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { ownedObjects } from './inventory.ts';
import { noteDeed } from '../log/deeds.ts';
import { findRevision, lastGood, newestRevision, noteRevision, removeRevisions, revisionsOf } from './revisions.ts';
import { checkStackPorts, type DeployedService } from './stack-services.ts';
import { deployStack, type StackDeployment, withoutObjects } from './stacks.ts';

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
    if (failed?.Unit?.Stays) return { actions: [], result: undefined };
    if (failed?.Unit && failed.Spec.Number === number) return giveUpUnit(view, failed, reason, context);
    if (!stack || !to || failed?.Spec.Number !== number || failed.Outcome.State === 'good' || failed.Of !== undefined || failed.Digest !== stack.Digest)
      return { actions: [], result: undefined };
    const told = new Overlay(view);
    noteRevision(told, { ...failed, Outcome: { State: 'failed', Message: reason } }, context);
    const commit = failed.Source.Kind === 'repository' ? failed.Source.Commit : undefined;
    const text = `rolled back to revision ${to.Spec.Number}${commitText(to)}: ${reason}`;
    const { actions, result } = goBack(told, { stack: told.get('stack', stack.ID) ?? stack, to, failed: true, text, commit, who: ourselves }, context);
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

/** The version that was given up may be tried again, with those that came in one entry with it. */
export function retryStack(name: string, who?: string): UseCase<void> {
  return (view, context) => {
    const stack = view.byName('stack', name);
    if (!stack) throw new Refusal('notFound', `stack ${name} not found`);
    const given = stack.Quarantine;
    if (!given) throw new Refusal('failedPrecondition', `nothing of stack ${name} is quarantined`);
    const Condition: StackCondition = { State: 'pending', Message: 'its last version is tried once more', Since: timeText(context.now) };
    const isWith = ({ Quarantine, Source }: Stack): boolean => given.Unit !== undefined && Quarantine?.Unit === given.Unit && isOfOne(Source, stack.Source);
    const all = [...view.list('stack')].filter((each) => each === stack || isWith(each));
    const overlay = new Overlay(view);
    for (const { Quarantine: _given, ...rest } of all) {
      overlay.lay([update('stack', { ...rest, Condition })]);
      noteDeed(overlay, { kind: 'stack', name: rest.Spec.Name }, { what: 'retried', who }, context);
    }
    return { actions: overlay.actions, result: undefined };
  };
}

/** All stacks that came with it in one entry go back in one: those that are new with it are removed, and the commit is tried again when it is another one. */
function giveUpUnit(view: View, failed: Revision, reason: string, context: UseCaseContext): ReturnType<UseCase<StackRolledBack | undefined>> {
  const members = unitMembers(view, failed);
  const overlay = new Overlay(view);
  const keeper = members.find(({ stack }) => stack.Suspended || stays(view, stack))?.stack;
  if (keeper) {
    const why = keeper.Suspended ? 'is suspended' : 'stays as it is when it fails';
    const Message = `${reason}; it came in one entry with others: it does not go back, for stack ${keeper.Spec.Name} ${why}`;
    for (const { revision } of members) {
      const Unit = { ...revision.Unit, Stays: true as const } as NonNullable<Revision['Unit']>;
      noteRevision(overlay, { ...revision, Unit, ...(revision.ID === failed.ID && { Outcome: { State: 'failed', Message } }) }, context);
    }
    return { actions: overlay.actions, result: undefined };
  }
  let answer: StackRolledBack | undefined;
  const services: DeployedService[] = [];
  for (const { stack, revision } of members) {
    const { Name } = stack.Spec;
    const revisions = revisionsOf(view, Name);
    const to = lastGood(revisions) ?? revisions.slice(0, -1).findLast(({ Digest }) => Digest !== revision.Digest);
    if (!to && !revision.Unit?.New) continue;
    const why = Name === failed.Spec.Stack ? reason : `it came in one entry with stack ${failed.Spec.Stack}, which failed: ${reason}`;
    noteRevision(overlay, { ...revision, Outcome: { State: 'failed', Message: why } }, context);
    const commit = revision.Source.Kind === 'repository' ? revision.Source.Commit : undefined;
    if (to) {
      const text = `rolled back to revision ${to.Spec.Number}${commitText(to)}: ${why}`;
      const way = { stack: overlay.get('stack', stack.ID) ?? stack, to, failed: true, text, commit, who: ourselves, portsLater: true } as const;
      const back = goBack(overlay, way, context);
      overlay.lay(back.actions);
      services.push(...back.result.Services);
      answer = Name === failed.Spec.Stack || !answer ? back.result : answer;
    } else {
      const { actions, result } = removeNew(
        overlay,
        overlay.get('stack', stack.ID) ?? stack,
        { text: `removed again, for there is nothing to go back to: ${why}`, commit },
        context,
      );
      overlay.lay(actions);
      answer ??= result;
    }
    markUnit(overlay, Name, failed.Unit?.Digest ?? '');
  }
  checkStackPorts(overlay, services);
  return { actions: overlay.actions, result: answer };
}

/** The stacks whose newest revision came in the same entry, and was not given up yet. */
export function unitMembers(view: View, { Unit, Source }: Revision): { stack: Stack; revision: Revision }[] {
  return [...view.list('stack')].flatMap((stack) => {
    const revision = newestRevision(view, stack.Spec.Name);
    const same = revision?.Unit !== undefined && revision.Unit.Digest === Unit?.Digest && isOfOne(revision.Source, Source);
    return same && revision.Outcome.State !== 'good' && revision.Digest === stack.Digest ? [{ stack, revision }] : [];
  });
}

/** Whether a version that fails is left as it is. */
export function stays(view: View, { Source, OnFailure }: Stack): boolean {
  const said = Source.Kind === 'repository' ? view.byName('repository', Source.Repository)?.Spec.OnFailure : undefined;
  return (said ?? OnFailure) === 'stay';
}

function isOfOne(a: StackSource, b: StackSource): boolean {
  return a.Kind === 'repository' && b.Kind === 'repository' && a.Repository === b.Repository;
}

function removeNew(
  view: View,
  stack: Stack,
  { text, commit }: { text: string; commit: string | undefined },
  context: UseCaseContext,
): ReturnType<UseCase<StackRolledBack>> {
  const { Name } = stack.Spec;
  const { overlay, removed } = withoutObjects(view, Name);
  const Since = timeText(context.now);
  const { Images: _images, Rollout: _rollout, ...rest } = stack;
  const Removed = ownedObjects(view, stack).flatMap(({ Kind, ID }) => (Kind === 'service' ? [ID] : []));
  const record: Stack = {
    ...rest,
    Digest: '',
    Services: [],
    Inventory: [],
    Quarantine: { Digest: stack.Digest, Message: text, Since, Removed },
    Condition: { State: 'refused', Message: text, Errors: [text], ...(commit !== undefined && { Commit: commit }), Since },
  };
  overlay.lay([update('stack', record)]);
  removeRevisions(overlay, Name);
  noteDeed(overlay, { kind: 'stack', name: Name }, { what: 'given up', commit, reason: text }, context);
  const gone = removed.map(({ Kind, Name: name }) => ({ Kind, Name: name }));
  return { actions: overlay.actions, result: { Name, Changed: true, Services: [], Created: [], Updated: [], Removed: gone, To: 0 } };
}

function markUnit(overlay: Overlay, name: string, Unit: string): void {
  const stack = overlay.byName('stack', name);
  if (stack?.Quarantine) overlay.lay([update('stack', { ...stack, Quarantine: { ...stack.Quarantine, Unit } })]);
}

/** What a step of a version that comes in several did. */
export interface NextStep {
  changed: boolean;
  /** Names of services that went. */
  removed: readonly string[];
}

const nothingDone: ReturnType<UseCase<NextStep>> = { actions: [], result: { changed: false, removed: [] } };

/** Brings the next wave of the version at hand, of which all that is there is healthy; `makesWay`: it is not, for what leaves has what it waits for, and that goes. Does nothing when another one took its place meanwhile. */
export function nextWave(name: string, number: number, makesWay = false): UseCase<NextStep> {
  return (view, context) => {
    const stack = view.byName('stack', name);
    const revision = newestRevision(view, name);
    if (!stack?.Rollout || revision?.Spec.Number !== number || revision.Digest !== stack.Digest) return nothingDone;
    const { Source: source, Digest: digest, OnFailure: onFailure, KeepsDrift: keepsDrift, Rollout } = stack;
    const way = makesWay ? { makesWay } : { advances: true };
    const options = { source, digest, prune: Rollout.Prunes, ...way, ...(onFailure && { onFailure }), ...(keepsDrift && { keepsDrift }) };
    const { actions, result } = deployStack(revision.Spec.Content, options)(view, context);
    const removed = result.Removed.flatMap(({ Kind, Name }) => (Kind === 'service' ? [Name] : []));
    return { actions, result: { changed: actions.length > 0, removed } };
  };
}

/** What leaves with a commit that is one unit goes in one entry, when all of it is healthy. */
export function lastWaves(stacks: readonly { name: string; number: number }[]): UseCase<ReadonlyMap<string, NextStep>> {
  return (view, context) => {
    const overlay = new Overlay(view);
    const steps = new Map<string, NextStep>();
    for (const { name, number } of stacks) {
      const { actions, result } = nextWave(name, number)(overlay, context);
      overlay.lay(actions);
      steps.set(name, result);
    }
    return { actions: overlay.actions, result: steps };
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
  /** It goes back with others, in one entry. */
  portsLater?: true;
}

function goBack(view: View, { stack, to, failed, text, commit, who, portsLater }: WayBack, context: UseCaseContext): ReturnType<UseCase<StackRolledBack>> {
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
  const options = {
    source: stack.Source,
    digest: to.Digest,
    prune: true,
    rollback: { to, failed, record },
    ...(who !== undefined && { who }),
    ...(portsLater && { portsLater }),
  };
  const { actions, result } = deployStack(Content, options)(view, context);
  return { actions, result: { ...result, To: to.Spec.Number } };
}

function commitText({ Source }: Revision): string {
  return Source.Kind === 'repository' ? ` (commit ${Source.Commit.slice(0, 12)})` : '';
}

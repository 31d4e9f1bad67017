/** Use cases of stacks: everything under one name, in one call. */
import { own } from '#base/text/own';
import { createHash } from 'node:crypto';
import { timeText } from '#base/clock';
import { equal } from '#base/equal';
import { finish, type Steps } from '#base/pace/steps';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import { stacksLevel } from '#model/feature-level';
import { withoutDigest } from '#model/image/image-reference';
import type { ServiceSpec } from '#model/object/service-spec';
import type { OwnedObject, Revision, ServiceMove, Stack, StackCondition, StackRollout, StackSource, StackSpec } from '#model/object/stack';
import { create, newMeta, remove, update } from '#store/action';
import { writableLevel } from '#store/feature-level';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { noteDeed, removalOf, withDeed } from '../log/deeds.ts';
import { forgetLeft } from '../log/left.ts';
import { checkPolicy } from '../policy/policy.ts';
import { imageOf } from './image-digests.ts';
import { stackFingerprint } from './fingerprint.ts';
import { inventoryAfter, isEmptyRecord, labelledObjects, othersHave, owned, ownedKinds, ownedObjects } from './inventory.ts';
import { checkOwner, checkRemover, noteLeft, rightsOf } from './ownership.ts';
import { judgedRevision, newestRevision, noteRevision, recordRevision, removeRevisions } from './revisions.ts';
import { nodesOf, stackHealth } from './stack-health.ts';
import { checkExternal, checkNetworkCount, deployFile, deployNetwork, dropUnused, type Changes, type StackObject, type StackScope } from './stack-objects.ts';
import { checkStackName, sameCondition } from './stack-states.ts';
import { inVersions, versionsIn } from './versions.ts';
import { checkStackPorts, isRepeated, pruneServices, standsInTheWay, type DeployedService } from './stack-services.ts';
import { deployWaves, hasArrived, type Waves } from './waves.ts';
import { usersText } from '../users.ts';

/** What a deploy did. */
export interface StackDeployment {
  Name: string;
  /** False: the store held all of it already and nothing was written. */
  Changed: boolean;
  Services: readonly DeployedService[];
  Created: readonly StackObject[];
  Updated: readonly StackObject[];
  Removed: readonly StackObject[];
  /** It was deployed over a repository's stack, which brings its own version back; not while that is suspended. */
  RevertedBy?: { Repository: string; Suspended: boolean };
}

export interface StackRemoval {
  Removed: readonly StackObject[];
  /** What carries the stack's label and was not made by it: it stays. */
  Left: readonly StackObject[];
  /** False: the stack is known by its label only. */
  Recorded: boolean;
  /** It is a repository's, which brings it back; not while that is suspended. */
  RevertedBy?: { Repository: string; Suspended: boolean };
}

export interface DeployOptions {
  source: StackSource;
  /** Of the rendered spec; kept on the stack's record. Made from the spec when absent. */
  digest?: string;
  /** Remove services that the spec no longer names, and what only they used; without it, only versions of content that nobody uses go. */
  prune: boolean;
  /** By hand, over the stack of a repository. */
  force?: boolean;
  /** Brings back the version that is in force while another one waits or is refused: what the stack's record says of that stays. */
  restores?: boolean;
  /** X-Registry-Auth by image, as the spec writes the image. */
  registryAuth?: Readonly<Record<string, string>>;
  /** The fingerprint of the plan that is carried out: refused when the stack or the cluster moved since. */
  expect?: string;
  /** Who asks, as they say themselves. */
  who?: string;
  /** Names of its services in waves: one comes when those before it are healthy. Those that no wave names come last. */
  waves?: readonly (readonly string[])[];
  /** The wave that comes next, of the version at hand. */
  advances?: boolean;
  /** Of what leaves, what another stack has from now on. */
  moves?: readonly ServiceMove[];
  /** What leaves goes now: it has what the others wait for. */
  makesWay?: boolean;
  /** Of what leaves, what goes now: others that come in one entry with it get what it has. */
  yields?: readonly string[];
  onFailure?: Stack['OnFailure'];
  keepsDrift?: true;
  /** Of all stacks that come in one entry with it. */
  unit?: string;
  /** Whoever puts several into one entry checks the ports on what all of them come to (`checkStackPorts`). */
  portsLater?: true;
  /** The stack goes back to this revision. */
  rollback?: { to: Revision; failed: boolean; record: Pick<Stack, 'Source' | 'Condition' | 'Quarantine'> };
}

/** Several deploys in one entry: each sees what those before it did, and one that is refused refuses all. Their ports are checked on what all of them come to: two may have changed places. */
export function together(deploys: readonly UseCase<StackDeployment>[]): UseCase<readonly StackDeployment[]> {
  return (view, context) => {
    const overlay = new Overlay(view);
    const result = deploys.map((deploy) => {
      const { actions, result: one } = deploy(overlay, context);
      overlay.lay(actions);
      return one;
    });
    checkStackPorts(
      overlay,
      result.flatMap(({ Services }) => Services),
    );
    return { actions: overlay.actions, result };
  };
}

/** Makes the cluster hold the stack. Only what differs is written; nothing differs: no actions. */
export function deployStack(asked: StackSpec, options: DeployOptions): UseCase<StackDeployment> {
  return (view, context) => {
    checkStackName(asked.Name);
    checkNetworkCount(asked);
    const stack = view.byName('stack', asked.Name);
    checkOwner(view, asked.Name, options.source, options.force === true);
    checkPolicy(view, asked, options.source);
    const digest = options.digest ?? finish(specDigest(asked));
    checkExpected(view, asked, digest, options);
    const overlay = new Overlay(view);
    const inventory = ownedObjects(view, stack);
    const spec = inVersions(view, asked, inventory);
    const scope = scopeOf(view, spec.Name, options.source);
    const changes: Changes = { created: [], updated: [], removed: [], owned: [] };
    checkExternal(view, spec.External);
    // Who brings a version back removes nothing: what it may have kept of others is not known any more.
    const prune = options.prune && options.restores !== true;
    const leaving = prune ? leavingLater(view, spec, inventory, options) : [];
    const later = laterWaves(stack, spec, digest, options, leaving.length > 0);
    const prunes = prune && later === undefined;
    // What goes at once goes first, so that its names, ports and objects are free for what comes.
    if (prune && (!later || options.source.Kind === 'repository')) pruneServices(overlay, inventory, namesOf(spec, later ? leaving : []), changes);
    for (const network of spec.Networks) deployNetwork(overlay, network, scope, context, changes);
    for (const secret of spec.Secrets) deployFile(overlay, 'secret', secret, scope, context, changes);
    for (const config of spec.Configs) deployFile(overlay, 'config', config, scope, context, changes);
    const repeated = isRepeated(stack, options.source, digest);
    const origin = options.rollback && ({ Kind: 'stack rollback', Revision: options.rollback.to.Spec.Number, Failed: options.rollback.failed } as const);
    const authOf = (service: ServiceSpec) => own(options.registryAuth, withoutDigest(imageOf(service))) ?? own(options.registryAuth, imageOf(service));
    const deploy = { ...scope, origin: origin ?? options.source, record: stack, authOf, repeated };
    const waves = deployWaves(overlay, spec.Services, later, deploy, context, changes);
    const { services } = waves;
    const moves = later && (stack?.Digest === digest ? stack.Rollout?.Moves : options.moves);
    const stays = later?.prunes === true && !options.makesWay && moves?.some((move) => !hasArrived(view, move, options.source)) === true;
    const left = waves.left ?? (stays ? { Left: [], Prunes: true } : undefined);
    if (later && left === undefined && later.prunes) pruneServices(overlay, inventory, namesOf(spec), changes);
    if (!options.portsLater) checkStackPorts(overlay, services);
    const gives = prunes || (later?.prunes === true && !left);
    dropUnused(overlay, gives ? inventory : versionsIn(inventory, asked.Versioned), scope.shared, changes);
    const Inventory = inventoryAfter(overlay, inventory, changes.owned, (each) => gives && scope.shared(each));
    recordStack(
      overlay,
      stack,
      {
        name: spec.Name,
        services,
        digest,
        Inventory,
        Rollout: left && {
          ...left,
          ...(moves && { Moves: moves }),
          Since: sinceOf(stack?.Digest === digest && !options.makesWay ? stack.Rollout : undefined, left, later?.goesOn === true, context),
        },
        ...options,
      },
      context,
    );
    if (stack) judgeLeft(overlay, view, stack, context);
    noteDeploy(overlay, asked, { ...options, digest }, stack, context);
    const result = {
      Name: spec.Name,
      Changed: overlay.actions.length > 0,
      Services: services,
      Created: changes.created,
      Updated: changes.updated,
      Removed: changes.removed,
      ...revertedBy(view, stack, options.source),
    };
    return { actions: overlay.actions, result };
  };
}

function scopeOf(view: View, stack: string, source: StackSource): StackScope {
  const repository = source.Kind === 'repository' ? source.Repository : undefined;
  return { stack, rights: rightsOf(view, stack, source), repository, shared: othersHave(view, stack) };
}

/** Keeps what comes anew as a revision, and notes that, and what somebody does by hand though nothing comes anew. */
function noteDeploy(overlay: Overlay, asked: StackSpec, options: DeployOptions & { digest: string }, before: Stack | undefined, context: UseCaseContext): void {
  const { source, who, expect, rollback, unit: Digest } = options;
  if (options.restores) return;
  const unit = Digest === undefined ? undefined : { Digest, New: !before || isEmptyRecord(before) };
  // What is brought back comes from where it came from first, and not from the commit that it takes the place of.
  const facts = { ...options, source: rollback?.to.Source ?? source, of: rollback?.to.Spec.Number, unit };
  const revision = recordRevision(overlay, asked, facts, context);
  const byHand = source.Kind === 'deploy' && !options.advances && overlay.actions.length > 0;
  if (revision === undefined && !byHand) return;
  const what = rollback ? (rollback.failed ? 'given up' : 'rolled back') : 'deployed';
  const reason = rollback ? `to revision ${rollback.to.Spec.Number}` : source.Kind === 'deploy' ? 'by hand' : undefined;
  const commit = source.Kind === 'repository' ? source.Commit : undefined;
  noteDeed(overlay, { kind: 'stack', name: asked.Name }, { what, who, commit, plan: expect, reason, revision }, context);
}

/** Since when the wave at hand is there: one that goes on begins anew, but where it has come to its end. */
function sinceOf(before: StackRollout | undefined, { Left }: Pick<StackRollout, 'Left'>, goesOn: boolean, { now }: UseCaseContext): string {
  const isSame = !goesOn || (Left.length === 0 && before?.Left.length === 0);
  return (isSame ? before?.Since : undefined) ?? timeText(now);
}

function namesOf({ Services }: StackSpec, others: readonly string[] = []): ReadonlySet<string> {
  return new Set([...Services.map(({ Name }) => Name), ...others]);
}

/** Services that a repository's new version does not have, and that go when it is healthy: it may have to give way to what was there. Whoever deploys by hand sees it done. */
function leavingLater(
  view: View,
  spec: StackSpec,
  inventory: readonly OwnedObject[],
  { source, rollback, makesWay, yields = [] }: DeployOptions,
): readonly string[] {
  if (makesWay || source.Kind !== 'repository' || rollback || writableLevel(view) < stacksLevel) return [];
  const names = namesOf(spec);
  const gone = inventory.flatMap(({ Kind, ID, Name }) => (Kind === 'service' && !names.has(Name) ? (view.get('service', ID) ?? []) : []));
  return gone.filter((service) => !yields.includes(service.Spec.Name) && !standsInTheWay(view, service, spec.Services)).map(({ Spec }) => Spec.Name);
}

/** The waves that a version comes in; undefined: all of it comes at once. `leaves`: what it does not have goes at its end. */
function laterWaves(
  stack: Stack | undefined,
  spec: StackSpec,
  digest: string,
  { waves, advances, prune, rollback }: DeployOptions,
  leaves: boolean,
): Waves | undefined {
  const known = stack?.Digest === digest && !rollback ? stack.Rollout : undefined;
  if (known) return { first: firstOf(spec, known.Left), others: known.Left, prunes: known.Prunes, goesOn: advances === true, healthy: advances === true };
  if (advances || rollback || stack?.Digest === digest) return undefined;
  if (!waves || waves.length === 0) return leaves ? { first: [], others: [firstOf(spec, [])], prunes: prune, goesOn: true, healthy: false } : undefined;
  const names = waves.map((wave) => wave.map((name) => `${spec.Name}_${name}`));
  const unnamed = firstOf(spec, names);
  const all = unnamed.length === 0 ? names : [...names, unnamed];
  return { first: [], others: all, prunes: prune, goesOn: true, healthy: false };
}

function firstOf(spec: StackSpec, others: readonly (readonly string[])[]): string[] {
  const named = new Set(others.flat());
  return spec.Services.map(({ Name }) => Name).filter((name) => !named.has(name));
}

/** What is left for another version was good if all of it runs well now: nobody may have looked since. */
function judgeLeft(overlay: Overlay, view: View, stack: Stack, context: UseCaseContext): void {
  const revision = newestRevision(view, stack.Spec.Name);
  if (!revision || revision.Outcome.State === 'good' || revision.Unit || stack.Rollout || overlay.actions.length === 0) return;
  if (stackHealth(view, stack, nodesOf(view), context.now)?.State !== 'healthy') return;
  const judged = judgedRevision(view, stack.Spec.Name, revision.Spec.Number, { State: 'good', Message: '' });
  if (judged) noteRevision(overlay, judged, context);
}

/** Refuses what is no longer what somebody read. */
function checkExpected(view: View, asked: StackSpec, digest: string, { expect, prune }: DeployOptions): void {
  if (expect === undefined) return;
  const now = stackFingerprint(view, asked, digest, prune);
  if (now === expect) return;
  throw new Refusal(
    'failedPrecondition',
    `the plan ${expect} of stack ${asked.Name} no longer holds: the files or the cluster changed since (now ${now}); nothing was changed: plan again`,
  );
}

/** Removes what the stack made, and its record; of a stack that is known by its label only, all that carries it, as Docker does. */
export function removeStack(name: string, { who, commit }: { who?: string | undefined; commit?: string } = {}): UseCase<StackRemoval> {
  return (view, context) => {
    const stack = view.byName('stack', name);
    const { overlay, removed, recorded } = withoutObjects(view, name);
    const Left = ownedKinds.flatMap((kind) => labelledObjects(overlay, kind, name).map((object) => ({ Kind: kind, Name: object.Spec.Name })));
    if (stack) overlay.lay(removalOf(view, 'stack', stack.ID));
    removeRevisions(overlay, name);
    if (overlay.actions.length > 0) noteLeft(overlay, view, name, stack, removed);
    // Its own log ends with it.
    if (stack?.Source.Kind === 'repository')
      noteDeed(overlay, { kind: 'repository', name: stack.Source.Repository }, { what: 'removed', who, commit, reason: `stack ${name}` }, context);
    if (overlay.actions.length === 0) throw new Refusal('notFound', `Nothing found in stack: ${name}`, { plain: true });
    return { actions: overlay.actions, result: { Removed: removed.map(({ Kind, Name }) => ({ Kind, Name })), Left, Recorded: recorded } };
  };
}

/**
 * `removeStack` as somebody asks for it who is not the stack's repository: that would bring it back, so it takes a word. Its record stays with its
 * revisions: what is gone is a change by hand, which is undone, shown or left as any other, whoever leads.
 */
export function removeStackByHand(name: string, force: boolean, who?: string): UseCase<StackRemoval> {
  return (view, context) => {
    checkRemover(view, name, force);
    const { actions, result } = removeStack(name, { who })(view, context);
    const reverted = revertedBy(view, view.byName('stack', name), { Kind: 'deploy' });
    const followed = reverted.RevertedBy && view.byName('repository', reverted.RevertedBy.Repository);
    if (!followed) return { actions, result };
    const kept = withoutObjects(view, name).overlay.actions;
    if (kept.length === 0) throw new Refusal('notFound', `Nothing found in stack: ${name}`, { plain: true });
    const facts = { what: 'removed', who, reason: 'by hand: its repository brings it back' } as const;
    return { actions: withDeed(view, kept, { kind: 'stack', name }, facts, context), result: { ...result, ...reverted } };
  };
}

/** The view without what the stack made. */
export function withoutObjects(view: View, name: string): { overlay: Overlay; removed: readonly OwnedObject[]; recorded: boolean } {
  const stack = view.byName('stack', name);
  const overlay = new Overlay(view);
  const recorded = stack !== undefined && !isEmptyRecord(stack);
  const shared = othersHave(view, name);
  const objects = recorded
    ? ownedObjects(view, stack).filter((object) => !shared(object))
    : ownedKinds.flatMap((kind) => labelledObjects(view, kind, name).map((object) => owned(kind, object)));
  const removed = objects.toSorted((a, b) => ownedKinds.indexOf(a.Kind) - ownedKinds.indexOf(b.Kind) || compareTexts(a.Name, b.Name));
  for (const { Kind, ID, Name } of removed) {
    const users = Kind === 'service' ? undefined : usersText(overlay, Kind, ID, Name);
    if (users !== undefined) throw new Refusal('failedPrecondition', users);
    overlay.lay([remove(Kind, ID)]);
  }
  return { overlay, removed, recorded };
}

/** Which repository brings its own version back; none while it is suspended. */
function revertedBy(view: View, stack: Stack | undefined, source: StackSource): Pick<StackDeployment, 'RevertedBy'> {
  if (source.Kind !== 'deploy' || stack?.Source.Kind !== 'repository' || isEmptyRecord(stack) || stack.Leaving) return {};
  const { Repository } = stack.Source;
  const Suspended = stack.Suspended !== undefined || view.byName('repository', Repository)?.Suspended !== undefined;
  return { RevertedBy: { Repository, Suspended } };
}

interface Outcome extends Pick<DeployOptions, 'source' | 'restores' | 'rollback' | 'onFailure' | 'keepsDrift'> {
  name: string;
  services: readonly DeployedService[];
  digest: string;
  Inventory: readonly OwnedObject[];
  Rollout: StackRollout | undefined;
}

/** Writes the stack's record if it says something new. The commit alone is nothing new. */
function recordStack(overlay: Overlay, stack: Stack | undefined, outcome: Outcome, context: UseCaseContext): void {
  const Services = outcome.services.map((service) => service.Name).toSorted();
  const Condition: StackCondition = { State: 'applied', Message: '', Since: timeText(context.now) };
  // A deploy by hand does not take a stack away from its repository: it is a change by hand, which the repository undoes.
  const keepsOwner = stack?.Source.Kind === 'repository' && !isEmptyRecord(stack) && outcome.source.Kind === 'deploy';
  const kept = outcome.rollback
    ? { ...outcome.rollback.record, Digest: outcome.digest }
    : stack && (keepsOwner || outcome.restores)
      ? { Source: stack.Source, Digest: stack.Digest, Condition: stack.Condition, ...(stack.Quarantine && { Quarantine: stack.Quarantine }) }
      : { Source: outcome.source, Digest: outcome.digest, Condition };
  const pinned = outcome.services.flatMap(({ Name, Image }) => (withoutDigest(Image) === Image ? [] : [[Name, Image] as const]));
  const Images = pinned.length > 0 ? { Images: Object.fromEntries(pinned) } : {};
  const isKept = keepsOwner || outcome.rollback !== undefined || outcome.restores === true;
  const OnFailure = isKept ? stack?.OnFailure : outcome.onFailure;
  const KeepsDrift = isKept ? stack?.KeepsDrift : outcome.keepsDrift;
  const Waves = keepsOwner ? stack?.Rollout : outcome.Rollout;
  const how = { ...(Waves && { Rollout: Waves }), ...(OnFailure && { OnFailure }), ...(KeepsDrift && { KeepsDrift }) };
  const fields = { Spec: { Name: outcome.name }, Services, ...Images, Inventory: outcome.Inventory, ...how, ...kept };
  if (!stack) {
    overlay.lay([create('stack', { ...newMeta(context.newId()), ...fields })]);
    overlay.lay(forgetLeft(overlay, outcome.name, kept.Source.Kind === 'repository' ? kept.Source.Repository : undefined));
    return;
  }
  const { Confirmed, Quarantine, Images: _before, Rollout, OnFailure: staysBefore, KeepsDrift: keptBefore, ...rest } = stack;
  const lasting = outcome.restores && Confirmed !== undefined ? { ...rest, Confirmed } : rest;
  const unchanged =
    overlay.actions.length === 0 &&
    stack.Digest === fields.Digest &&
    equal(stack.Services, Services) &&
    equal(stack.Inventory, fields.Inventory) &&
    equal(Rollout, Waves) &&
    staysBefore === OnFailure &&
    keptBefore === KeepsDrift &&
    equal(Quarantine, kept.Quarantine) &&
    equal({ ...stack.Source, Commit: '' }, { ...fields.Source, Commit: '' }) &&
    sameCondition(stack.Condition, fields.Condition);
  if (!unchanged) overlay.lay([update('stack', { ...lasting, ...fields })]);
}

/** The digest of the spec's JSON, object by object: they may be large. */
export function* specDigest(spec: StackSpec): Steps<string> {
  const hash = createHash('sha256');
  let separator = '{';
  for (const [key, value] of Object.entries(spec)) {
    if (value === undefined) continue;
    hash.update(`${separator}${JSON.stringify(key)}:`);
    separator = ',';
    if (!Array.isArray(value)) {
      hash.update(JSON.stringify(value));
      continue;
    }
    for (const [at, item] of value.entries()) {
      hash.update(`${at === 0 ? '[' : ','}${JSON.stringify(item)}`);
      yield;
    }
    hash.update(value.length === 0 ? '[]' : ']');
  }
  return `sha256:${hash.update('}').digest('hex')}`;
}

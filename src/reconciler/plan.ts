/** What must happen so that the cluster equals a commit: one step a stack, none for those that are as wanted. */
import type { Steps } from '#base/pace/steps';
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import type { UseCaseContext } from '#control/cluster';
import { HeldPorts } from '#control/service/ports';
import { inventoryOf, isEmptyRecord, ownedObjects } from '#control/stack/inventory';
import { adoptionNeeded, isOwned } from '#control/stack/ownership';
import { revisionWithDigest } from '#control/stack/revisions';
import { adoptStack, type Adopter } from '#control/stack/stack-states';
import { deployStack, type DeployOptions } from '#control/stack/stacks';
import { conditionOf, type Stack } from '#model/object/stack';
import type { Action } from '#store/action';
import { policyText } from '#control/policy/policy';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import { graceSteps, returnSteps } from './grace.ts';
import { massRemoval, stackRemoval, startsAnew, volumeRemoval } from './guard.ts';
import { isQuarantined, refusedBefore } from './outcome.ts';
import { SettledStacks } from './settled.ts';
import { changesBy, reasonOf } from './reason.ts';
import { withMoves, withYields } from './order/moves.ts';
import { holdersOf, makersFirst, portCircles } from './order/needs.ts';
import { afterTheRest, inOrder, orderFaults, refusedFor } from './order/order.ts';
import { placedError, type RenderedStack } from './rendered.ts';
import { wholeActions } from './whole.ts';
import { asOne, inUnit, isFresh, isUnit, unitOf, type Version } from './unit.ts';
import type { AppliedStack, RepositorySource, Step } from './step.ts';

const none: readonly Step[] = [];

export interface PlanOptions {
  now: number;
  commit: string;
  /** Stacks that the commit does not have any more stay. */
  keeps?: boolean;
  /** Nanoseconds that a stack runs on which the commit does not have any more, as it says itself. */
  grace?: number | undefined;
  /** The repository cannot be read now. */
  away?: boolean;
  /** The folder of stacks, when the commit does not have it. */
  missing?: string;
  /** The versions that were applied last, as far as they are known: they stay in force while others wait. */
  applied?: ReadonlyMap<string, RenderedStack>;
  /** What earlier plans of the same repository found to be in order; absent: all is compared. */
  settled?: SettledStacks;
}

/**
 * Plans one repository. A stack that is somebody else's is held until it is adopted; one whose folder is gone is removed,
 * unless that is more than a slip could be: then it is held until the commit is confirmed, and with it what the commit would start
 * anew, for that may be the same under another name. Deciding never writes: a deploy is tried on the view and its actions are thrown away.
 * A step is of one stack: where the view moves between two of them, each is planned by what it is then, as it is carried out.
 */
export function* planRepository(view: View, repository: string, rendered: readonly RenderedStack[], options: PlanOptions): Steps<Step[]> {
  const { commit, missing } = options;
  const inUnits = isUnit(rendered) ? withYields(view, inUnit(rendered)) : withMoves(view, rendered);
  const present = new Set(rendered.map((stack) => stack.Name));
  const own = [...view.list('stack')].filter((stack) => isOwned(stack, repository));
  const gone = own.filter((stack) => !present.has(stack.Spec.Name));
  const confirmed = view.byName('repository', repository)?.Confirmed?.Commit === commit;
  const orders = orderFaults(rendered);
  const ordered = inUnits.map((stack) => (orders.has(stack.Name) ? refusedFor(stack, orders.get(stack.Name) ?? '') : stack));
  const keeps = options.keeps === true || rendered.some(({ Policy }) => Policy?.KeepsStacks);
  // What is on its way out was let go by an earlier commit.
  const counts = (stack: Stack): boolean => !isEmptyRecord(stack) && (stack.Leaving === undefined || present.has(stack.Spec.Name));
  const mass = confirmed ? undefined : massRemoval({ applied: own.filter(counts).length, gone: gone.filter(counts).length, missing });
  const who = rendered[0]?.Who;
  const planning: Planning = { ...options, view, repository, confirmed, gone, mass, ...(who !== undefined && { who }) };
  const settled = options.settled ?? new SettledStacks();
  settled.keepOnly(present);
  const rules = policyText(view, repository);
  const versions = yield* planVersions(planning, ordered, rules, settled);
  const removals = keeps ? [] : gone.map((stack) => ({ name: stack.Spec.Name, steps: planRemoval(planning, stack), stack }));
  const judged = isUnit(ordered) ? withPorts(planning, yield* besideMakers(planning, versions)) : yield* exchanging(planning, versions);
  const one = asOne(view, repository, commit, judged, removals);
  const steps = yield* allInForce(planning, one.versions);
  const later = removals.length > 0 && !confirmed ? afterTheRest(view, ordered, steps, commit, options.now) : (step: Step): Step => step;
  const leaving = one.removals.flatMap(({ name, steps: own }) => inForce(planning, name, own.map(later)));
  // That something is to go is noted before what comes is: since when it waits tells what came with that commit.
  const waiting = leaving.filter(({ type }) => type === 'wait');
  const rest = leaving.filter((step) => !waiting.includes(step));
  const onTheWay = removals.flatMap(({ stack, steps: own }) => (stack.Suspended === undefined && own.every(({ type }) => type !== 'hold') ? stack : []));
  return [...waiting, ...inOrder(view, ordered, steps, onTheWay), ...rest, ...returnSteps(view, repository, present, keeps)];
}

/** A step of its own for each that has to be compared: of a commit that touches one of many the others take next to nothing, and a loop by itself is compiled in next to no time. */
function* planVersions(planning: Planning, stacks: readonly RenderedStack[], rules: string, settled: SettledStacks): Steps<Version[]> {
  const versions: Version[] = [];
  for (const stack of stacks) {
    if (settled.isSure(stack, rules)) {
      versions.push({ stack, steps: none });
      continue;
    }
    versions.push({ stack, steps: settled.steps(planning.view, stack, rules, (view) => planVersion({ ...planning, view }, stack)) });
    yield;
  }
  return versions;
}

function* allInForce(planning: Planning, versions: readonly Version[]): Steps<Step[]> {
  const all: Step[] = [];
  for (const { stack, steps } of versions) {
    if (steps.length === 0 && isApplied(planning, stack)) continue;
    all.push(...inForce(planning, stack.Name, steps, stack));
    yield;
  }
  return all;
}

/** Whether it is the version itself that is in force. */
function isApplied({ applied }: Planning, stack: RenderedStack): boolean {
  const before = applied?.get(stack.Name);
  return !before || !('spec' in before) || ('spec' in stack && stack.digest === before.digest);
}

/** Of what comes in one entry each is judged beside those that it needs something of: refused is only what is refused then too. */
function* besideMakers(planning: Planning, versions: readonly Version[]): Steps<readonly Version[]> {
  const isRefused = ({ stack, steps }: Version): boolean => 'spec' in stack && steps.some(({ type }) => type === 'refuse');
  if (!versions.some(isRefused)) return versions;
  const after = new Overlay(planning.view);
  const found = new Map(versions.map((version) => [version.stack.Name, version]));
  const stacks = versions.map(({ stack }) => stack);
  for (const name of makersFirst(planning.view, stacks)) {
    const version = found.get(name);
    if (!version) continue;
    const steps = isRefused(version) ? planVersion({ ...planning, view: after }, version.stack) : version.steps;
    found.set(name, { stack: version.stack, steps });
    for (const step of steps) if (isFresh(step)) after.lay(tried({ view: after, now: planning.now }, step.rendered, step.source));
    yield;
  }
  return stacks.flatMap(({ Name }) => found.get(Name) ?? []);
}

/** Those that exchange published ports are refused each by itself: they come in one entry, and go back in one, where nothing else stands against one of them. */
function* exchanging(planning: Planning, versions: readonly Version[]): Steps<readonly Version[]> {
  const { view, repository } = planning;
  const isRefused = ({ stack, steps }: Version): boolean =>
    'spec' in stack && (steps.some(({ type }) => type === 'refuse') || (steps.length === 0 && refusedBefore(view, repository, stack) !== undefined));
  const refused = versions.filter(isRefused);
  if (refused.length < 2) return versions;
  const found = new Map<string, Version>();
  const stacks = refused.map(({ stack }) => stack);
  for (const circle of portCircles(view, stacks)) {
    const members = stacks.filter(({ Name }) => circle.has(Name));
    const [With, Unit] = [members.map(({ Name }) => Name), unitOf(members)];
    const plain = members.map(({ Moves: _moves, ...stack }): RenderedStack => stack);
    const one = withYields(view, plain).map((stack): Version => ({ stack, steps: planVersion(planning, { ...stack, Unit, With }) }));
    yield;
    const comes = ({ stack, steps }: Version): boolean => steps.length > 0 && steps.every(isFresh) && view.byName('stack', stack.Name)?.Suspended === undefined;
    if (one.every(comes) && withPorts(planning, one).every(comes)) for (const version of one) found.set(version.stack.Name, version);
  }
  return found.size === 0 ? versions : versions.map((version) => found.get(version.stack.Name) ?? version);
}

/** Who of those that come in one entry publishes what another one has, when all are there, is refused. */
function withPorts(planning: Planning, versions: readonly Version[]): readonly Version[] {
  const publishes = ({ stack, steps }: Version): boolean =>
    'spec' in stack && steps.some(isFresh) && stack.spec.Services.some(({ EndpointSpec }) => (EndpointSpec?.Ports ?? []).length > 0);
  if (!versions.some(publishes)) return versions;
  const after = new Overlay(planning.view);
  const found = new Map(versions.map((version) => [version.stack.Name, version]));
  const stacks = versions.map(({ stack }) => stack);
  for (const name of makersFirst(planning.view, stacks))
    for (const step of found.get(name)?.steps ?? []) if (isFresh(step)) after.lay(tried({ view: after, now: planning.now }, step.rendered, step.source));
  const held = new HeldPorts(after);
  const leavers = holdersOf(planning.view, [], planning.gone);
  return versions.map((version) => {
    const { stack } = version;
    const why = publishes(version) ? refusedPort(after, held, stack) : undefined;
    if (why === undefined) return version;
    const source: RepositorySource = { Kind: 'repository', Repository: planning.repository, Path: stack.Path, Commit: stack.Commit };
    const [last] = leavers(stack);
    const advice =
      last === undefined ? '' : `; stack ${last} goes with this commit, and of one unit it goes when all is well: let a commit before this one take it out`;
    return { stack, steps: refusal(planning, stack, source, [placedError(stack, `${why}${advice}`)]) };
  });
}

function refusedPort(view: View, held: HeldPorts, stack: RenderedStack): string | undefined {
  for (const { Name } of 'spec' in stack ? stack.spec.Services : []) {
    const service = view.byName('service', Name);
    try {
      if (service) held.check(service.Spec, service.ID);
    } catch (error) {
      if (error instanceof Refusal) return `failed to deploy service ${Name}: ${error.message}`;
      throw error;
    }
  }
  return undefined;
}

/** What brings the versions in force back after a change by hand, by what the store holds of them: for as long as no commit can be read. */
export function planKept(view: View, repository: string, now: number): Step[] {
  const own = [...view.list('stack')].filter((stack) => isOwned(stack, repository) && !isEmptyRecord(stack) && !stack.KeepsDrift);
  const versions = own.flatMap((stack): RenderedStack[] => {
    const kept = revisionWithDigest(view, stack.Spec.Name, stack.Digest);
    if (!kept || stack.Source.Kind !== 'repository') return [];
    return [{ Name: stack.Spec.Name, Path: stack.Source.Path, Commit: stack.Source.Commit, spec: kept.Spec.Content, digest: kept.Digest }];
  });
  const applied = new Map(versions.map((version) => [version.Name, version]));
  const planning: Planning = { view, repository, now, applied, commit: '', confirmed: false, gone: [], mass: undefined };
  return versions.flatMap(({ Name }) => inForce(planning, Name, []));
}

interface Planning extends PlanOptions {
  view: View;
  repository: string;
  confirmed: boolean;
  /** Its stacks that the commit does not have. */
  gone: readonly Stack[];
  /** Why whole stacks are not removed. */
  mass: string | undefined;
  /** Who made the commit. */
  who?: string;
}

/** The steps of one stack by itself: what its repository has to do with others is not looked at. */
export function planAlone(view: View, repository: string, rendered: RenderedStack, now: number): Step[] {
  return planVersion({ view, repository, now, commit: rendered.Commit, confirmed: false, gone: [], mass: undefined }, rendered);
}

/** What would change if the repository got the stack, a line each. Throws Refusal. */
export function planAdoption(view: View, adopter: Adopter, rendered: RenderedStack, now: number): readonly string[] {
  if ('errors' in rendered) return rendered.errors;
  const adopted = new Overlay(view);
  const context = { now, random: seededRandom(1), newId: () => 'planned' };
  adopted.lay(adoptStack(rendered.Name, adopter)(view, context).actions);
  return changesOf({ view: adopted, now }, rendered, adopter, tried({ view: adopted, now }, rendered, adopter), false).all;
}

/** `steps`, and where they leave the stack as it is, what brings its version in force back after a change by hand. */
function inForce(planning: Planning, name: string, steps: readonly Step[], rendered?: RenderedStack): Step[] {
  const { view, repository } = planning;
  const applied = planning.applied?.get(name);
  const leaves = steps.every((step) => step.type === 'hold' || step.type === 'refuse');
  if (!leaves || !applied || !('spec' in applied) || (rendered && isApplied(planning, rendered))) return [...steps];
  const stack = view.byName('stack', name);
  if (!stack || !isOwned(stack, repository) || isEmptyRecord(stack) || applied.digest !== stack.Digest) return [...steps];
  const source = stack.Source as RepositorySource;
  try {
    const changes = changesBy(view, tried(planning, applied, source, true), true);
    if (changes.length === 0) return [...steps];
    return [...steps, { type: 'apply', name, rendered: applied, source, reason: reasonOf(changes, stack, true), drift: true, restores: true, changes }];
  } catch (error) {
    // What was allowed then and is not now stays as somebody left it: the refusal says so.
    if (error instanceof Refusal) return [...steps];
    throw error;
  }
}

function planVersion(planning: Planning, rendered: RenderedStack): Step[] {
  const { view, repository } = planning;
  const source: RepositorySource = { Kind: 'repository', Repository: repository, Path: rendered.Path, Commit: rendered.Commit };
  if ('errors' in rendered) return refusal(planning, rendered, source, rendered.errors);
  const foreign = adoptionNeeded(view, rendered.Name, source);
  if (foreign !== undefined) return [{ type: 'hold', name: rendered.Name, source, commit: rendered.Commit, reason: foreign, foreign: true }];
  const stack = view.byName('stack', rendered.Name);
  if (stack && isQuarantined(stack, rendered)) return [];
  try {
    return planDeploy(planning, rendered, source);
  } catch (error) {
    if (error instanceof Refusal) return refusal(planning, rendered, source, [placedError(rendered, error.message)]);
    throw error;
  }
}

/** A refusal that is said already is no step. One of a stack that is another's is said of the repository only. */
function refusal({ view, repository }: Planning, { Name, Commit }: RenderedStack, source: RepositorySource, errors: readonly string[]): Step[] {
  const stack = view.byName('stack', Name);
  const said = stack && isOwned(stack, repository) ? stack.Condition : undefined;
  const known = said?.State === 'refused' && said.Commit === Commit && JSON.stringify(said.Errors) === JSON.stringify(errors);
  return known ? [] : [{ type: 'refuse', name: Name, source, commit: Commit, errors }];
}

function planDeploy(planning: Planning, rendered: AppliedStack, source: RepositorySource): Step[] {
  const { view, repository } = planning;
  const { Name: name, Commit: commit } = rendered;
  const stack = view.byName('stack', name);
  const actions = tried(planning, rendered, source);
  if (actions.length === 0) return [];
  // Of a version that was applied whole, everything that differs was changed by hand; undoing that removes nothing of anybody's.
  const repeated = stack?.Digest === rendered.digest && isOwned(stack, repository) && !isEmptyRecord(stack);
  const waits = repeated ? undefined : (held(planning, rendered, actions, stack) ?? manual(planning, rendered, stack));
  if (waits !== undefined) return [{ type: 'hold', name, source, commit, reason: waits, foreign: false }];
  // What changes of the record alone was changed by nobody's hand.
  const touches = actions.some(({ kind }) => kind !== 'stack' && kind !== 'revision' && kind !== 'deed');
  const drift = repeated && touches && conditionOf(stack).State === 'applied';
  const { now, all: changes } = changesOf(planning, rendered, source, actions, drift);
  const reason = reasonOf(now.length === 0 ? changes : now, stack, drift);
  return [{ type: 'apply', name, rendered, source, reason, drift, changes }];
}

/** What `actions` change, a line each, and beside that what comes when the rest is healthy. */
function changesOf(
  { view, now: at }: Pick<Planning, 'view' | 'now'>,
  rendered: AppliedStack,
  source: RepositorySource,
  actions: readonly Action[],
  drift: boolean,
): { now: readonly string[]; all: readonly string[] } {
  const now = changesBy(view, actions, drift);
  const inTheEnd = wholeActions(view, rendered.spec, deployOptions(rendered, source), actions, contextOf(at, 'later'));
  const later = inTheEnd === actions ? [] : changesBy(view, inTheEnd, drift).filter((line) => !now.includes(line));
  return { now, all: [...now, ...later.map((line) => `${line}, when the rest is healthy`)] };
}

/** How a stack is deployed as its commit has it. */
export function deployOptions(rendered: AppliedStack, source: RepositorySource): Omit<DeployOptions, 'restores'> {
  const { Policy = {}, Unit, Moves, Yields, digest } = rendered;
  return {
    source,
    digest,
    prune: Policy.KeepsServices !== true,
    ...(Policy.Waves && { waves: Policy.Waves }),
    ...(Policy.OnFailure && { onFailure: Policy.OnFailure }),
    ...(Policy.KeepsDrift && { keepsDrift: true as const }),
    ...(Unit !== undefined && { unit: Unit, portsLater: true as const }),
    ...(Moves && { moves: Moves }),
    ...(Yields && { yields: Yields }),
  };
}

/** What a deploy would do. */
function tried({ view, now }: Pick<Planning, 'view' | 'now'>, rendered: AppliedStack, source: RepositorySource, restores = false): readonly Action[] {
  if (!('spec' in rendered)) return [];
  return deployStack(rendered.spec, { ...deployOptions(rendered, source), restores })(view, contextOf(now, `planned ${rendered.Name} `)).actions;
}

function contextOf(now: number, word: string): UseCaseContext {
  let count = 0;
  return { now, random: seededRandom(1), newId: () => `${word}${(count += 1)}` };
}

/** Why the change of a stack waits; undefined: it goes on. */
function held(
  { view, repository, confirmed, mass }: Planning,
  { spec, Policy, Commit: commit }: AppliedStack,
  actions: readonly Action[],
  stack: Stack | undefined,
): string | undefined {
  if (confirmed || stack?.Confirmed === commit) return undefined;
  const reason = stackRemoval(view, ownedObjects(view, stack), spec.Services, Policy?.KeepsServices !== true);
  if (reason !== undefined) return withWord(reason, repository, commit);
  if (mass === undefined || !startsAnew(view, actions)) return undefined;
  return withWord(`it would start services while ${mass.replace(/ would be removed$/, '')} would be removed: they may be the same`, repository, commit);
}

/** A version that nobody asked for by name waits, where its repository says so. */
function manual({ repository, confirmed }: Planning, { Policy, Commit }: RenderedStack, stack: Stack | undefined): string | undefined {
  if (Policy?.Manual !== true || confirmed || stack?.Confirmed === Commit) return undefined;
  return `its sync is manual: \`shoal repo confirm ${repository} --commit ${Commit.slice(0, 12)}\` applies it`;
}

function planRemoval(planning: Planning, stack: Stack): Step[] {
  const { view, repository, confirmed, mass, commit } = planning;
  const { Name: name } = stack.Spec;
  const source: RepositorySource = { ...(stack.Source as RepositorySource) };
  const isOpen = confirmed || isEmptyRecord(stack);
  const reason = isOpen || stack.Leaving ? undefined : (mass ?? volumeRemoval(view, inventoryOf(view, stack)));
  if (reason !== undefined) return [{ type: 'hold', name, source, commit, reason: withWord(reason, repository, commit), foreign: false }];
  const remove: Step = { type: 'remove', name, reason: `${source.Path} is no longer in repository ${repository}` };
  return (isOpen ? undefined : graceSteps(planning, stack)) ?? [remove];
}

function withWord(reason: string, repository: string, commit: string): string {
  return `${reason}; nothing was removed. If that is meant: \`shoal repo confirm ${repository} --commit ${commit.slice(0, 12)}\``;
}

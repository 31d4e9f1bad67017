/** What a commit would do to its repository's stacks, object by object. Deciding never writes. */
import type { Steps } from '#base/pace/steps';
import { seededRandom } from '#base/random';
import { Refusal } from '#base/refusal';
import { stillSentence } from '#control/explain/still';
import { applyDeclared } from '#control/repository/declared';
import type { Declared } from '#model/object/repository';
import type { ObjectChange, PlannedStack, RepositoryPlan } from '#model/difference/stack-plan';
import { deployStack } from '#control/stack/stacks';
import type { Action } from '#store/action';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import { planDeploy } from './deploy-plan.ts';
import { refusedBefore } from './outcome.ts';
import { pauseOf } from './pause.ts';
import { deployOptions, planRepository, type PlanOptions } from './plan.ts';
import { makersFirst, neededFrom } from './order/needs.ts';
import { inUnit, isUnit } from './unit.ts';
import type { RepositorySource, Step } from './step.ts';
import { notesOf, placedError, type RenderedStack } from './rendered.ts';

/** A stack each step, on a view that stays as it is meanwhile. */
export function* planCommit(view: View, repository: string, stacks: readonly RenderedStack[], options: PlanOptions): Steps<RepositoryPlan> {
  const steps = new Map<string, Step>();
  const one = inUnit(stacks);
  const all = yield* planRepository(view, repository, stacks, options);
  const { refused } = yield* oneAfterAnother(view, all, stacks, options.now);
  // That one is there again comes last, and is said where nothing else is.
  for (const step of all) if (!steps.has(step.name) && !(step.type === 'apply' && step.restores)) steps.set(step.name, step);
  const rendered = new Map(one.map((stack) => [stack.Name, stack]));
  const names = [...new Set([...rendered.keys(), ...steps.keys()])];
  const planning = { view, repository, now: options.now, stacks: one };
  const known = view.byName('repository', repository);
  const [waits] = known ? stillSentence(known, options.now) : [];
  const planned: PlannedStack[] = [];
  const late = new Map<string, RepositorySource>();
  for (const name of names) {
    const error = refused.get(name);
    planned.push(
      error === undefined ? plannedStack(planning, name, steps.get(name), rendered.get(name), late) : { name, step: 'refuse', reason: '', errors: [error] },
    );
    yield;
  }
  const behind = late.size > 0 ? yield* changesBehind(planning, late) : new Map<string, ObjectChange[]>();
  return {
    repository,
    commit: options.commit,
    ...(waits !== undefined && { waits }),
    stacks: planned.map((stack) => (behind.has(stack.name) ? { ...stack, changes: behind.get(stack.name) ?? [] } : stack)),
  };
}

/** What a commit would write at once, one stack after the other: what waits for others, or for somebody's word, comes later or never. */
export function* commitActions(view: View, repository: string, stacks: readonly RenderedStack[], options: PlanOptions): Steps<readonly Action[]> {
  const steps = yield* planRepository(view, repository, stacks, options);
  return (yield* oneAfterAnother(view, steps, stacks, options.now)).actions;
}

/** What two stacks of a commit may not both have, the one that comes first has: of the others it is said why they are refused. */
function* oneAfterAnother(
  view: View,
  steps: readonly Step[],
  stacks: readonly RenderedStack[],
  now: number,
): Steps<{ actions: readonly Action[]; refused: ReadonlyMap<string, string> }> {
  const after = new Overlay(view);
  const refused = new Map<string, string>();
  let count = 0;
  const context = { now, random: seededRandom(1), newId: () => `planned${(count += 1)}` };
  const policies = new Map(stacks.map(({ Name, Policy }) => [Name, Policy]));
  // As they come in one entry; those that do not come one by one.
  const places = new Map((isUnit(stacks) ? makersFirst(view, stacks) : []).map((name, at) => [name, at]));
  for (const step of steps.toSorted((a, b) => (places.get(a.name) ?? 0) - (places.get(b.name) ?? 0))) {
    if (step.type !== 'apply' || !('spec' in step.rendered) || pauseOf(view, step, policies.get(step.name)) !== undefined) continue;
    const options = { ...deployOptions(step.rendered, step.source), restores: step.restores === true };
    try {
      after.lay(deployStack(step.rendered.spec, options)(after, context).actions);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.set(step.name, placedError(step.rendered, error.message));
    }
    yield;
  }
  return { actions: after.actions, refused };
}

/** What a commit says of its repository and of others, as it would be done. */
export function planDeclared(
  view: View,
  id: string,
  { commit, stacks, declared }: { commit: string; stacks: readonly RenderedStack[]; declared: Declared },
  now: number,
): Pick<RepositoryPlan, 'declared'> {
  const context = { now, random: seededRandom(1), newId: () => 'planned' };
  const { result } = applyDeclared(id, commit, declared)(view, context);
  const lines = [
    ...result.changes,
    ...Object.values(result.held),
    ...Object.values(result.refused).flat(),
    ...Object.values(notesOf(stacks, declared.LeftOut)).flat(),
  ];
  return lines.length > 0 ? { declared: lines } : {};
}

interface Planning {
  view: View;
  repository: string;
  now: number;
  stacks: readonly RenderedStack[];
}

/** `late` gets those whose changes show behind others of the commit alone. */
function plannedStack(
  planning: Planning,
  name: string,
  step: Step | undefined,
  rendered: RenderedStack | undefined,
  late: Map<string, RepositorySource>,
): PlannedStack {
  const { view, repository } = planning;
  // What is refused already is no step, and no less refused.
  if (rendered && 'errors' in rendered) return { name, step: 'refuse', reason: '', errors: rendered.errors };
  if (!step) {
    const errors = rendered && refusedBefore(view, repository, rendered);
    return errors ? { name, step: 'refuse', reason: '', errors } : { name, step: 'none', reason: '' };
  }
  if (step.type === 'refuse') return { name, step: 'refuse', reason: '', errors: step.errors };
  const pause = pauseOf(view, step, rendered?.Policy);
  if (pause === 'keeps drift') return { name, step: 'none', reason: 'what was changed by hand stays: its `self_heal` is false' };
  const waits = pause && `it is suspended: nothing is written for it before \`shoal stack resume ${name}\``;
  if (step.type === 'return') return { name, step: 'none', reason: step.reason };
  if (step.type === 'remove' || step.type === 'leave') return { name, step: waits === undefined ? step.type : 'hold', reason: waits ?? step.reason };
  const foreign = step.type === 'hold' && step.foreign;
  const changes = foreign ? [] : changesOf(planning.view, planning.now, step.source, step.type === 'apply' ? step.rendered : rendered);
  if (!changes) late.set(name, step.source);
  const reason = waits ?? (step.type === 'apply' && step.changes.length > 0 ? '' : step.reason);
  // What waits for others is applied as well, after them.
  const what = waits !== undefined ? 'hold' : step.type === 'wait' ? (rendered ? 'apply' : 'remove') : step.type;
  return { name, step: what, reason, changes: changes ?? [] };
}

/** Undefined: it is refused on that view. */
function changesOf(view: View, now: number, source: RepositorySource, rendered: RenderedStack | undefined): ObjectChange[] | undefined {
  if (!rendered || !('spec' in rendered)) return [];
  const { prune, portsLater } = deployOptions(rendered, source);
  try {
    return planDeploy(view, rendered.spec, { prune, source, ...(portsLater && { portsLater }) }, now).changes.filter(({ change }) => change !== 'none');
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return undefined;
  }
}

/** Of stacks that need something that others of the commit make: one after the other, each on the view as those before it leave it. What is refused there as well changes nothing. */
function* changesBehind({ view, stacks, now }: Planning, late: ReadonlyMap<string, RepositorySource>): Steps<ReadonlyMap<string, ObjectChange[]>> {
  const after = new Overlay(view);
  const needs = neededFrom(view, stacks);
  const needed = new Set(late.keys());
  for (const each of needed) for (const further of needs.get(each) ?? []) needed.add(further);
  const [first] = late.values();
  const rendered = new Map(stacks.map((stack) => [stack.Name, stack]));
  const changes = new Map<string, ObjectChange[]>();
  let count = 0;
  const context = { now, random: seededRandom(1), newId: () => `needed${(count += 1)}` };
  for (const name of makersFirst(view, stacks)) {
    const stack = rendered.get(name);
    if (!first || !needed.has(name) || !stack || !('spec' in stack)) continue;
    const source = late.get(name);
    if (source) changes.set(name, changesOf(after, now, source, stack) ?? []);
    try {
      after.lay(deployStack(stack.spec, deployOptions(stack, { ...first, Path: stack.Path, Commit: stack.Commit }))(after, context).actions);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    yield;
  }
  return changes;
}

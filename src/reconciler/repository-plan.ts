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
import { placedError, type RenderedStack } from './rendered.ts';

/** A stack each step, on a view that stays as it is meanwhile. */
export function* planCommit(view: View, repository: string, stacks: readonly RenderedStack[], options: PlanOptions): Steps<RepositoryPlan> {
  const steps = new Map<string, Step>();
  const one = inUnit(stacks);
  const all = yield* planRepository(view, repository, stacks, options);
  const { refused } = yield* oneAfterAnother(view, all, stacks, options.now);
  for (const step of all) if (!steps.has(step.name) && !(step.type === 'apply' && step.restores)) steps.set(step.name, step);
  const rendered = new Map(one.map((stack) => [stack.Name, stack]));
  const names = [...new Set([...rendered.keys(), ...steps.keys()])];
  const planning = { view, repository, now: options.now, stacks: one };
  const known = view.byName('repository', repository);
  const [waits] = known ? stillSentence(known, options.now) : [];
  const planned: PlannedStack[] = [];
  for (const name of names) {
    const error = refused.get(name);
    planned.push(
      error === undefined ? plannedStack(planning, name, steps.get(name), rendered.get(name)) : { name, step: 'refuse', reason: '', errors: [error] },
    );
    yield;
  }
  return {
    repository,
    commit: options.commit,
    ...(waits !== undefined && { waits }),
    stacks: planned,
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
export function planDeclared(view: View, id: string, commit: string, declared: Declared, now: number): Pick<RepositoryPlan, 'declared'> {
  const context = { now, random: seededRandom(1), newId: () => 'planned' };
  const { result } = applyDeclared(id, commit, declared)(view, context);
  const lines = [...result.changes, ...Object.values(result.held), ...Object.values(result.refused).flat()];
  return lines.length > 0 ? { declared: lines } : {};
}

interface Planning {
  view: View;
  repository: string;
  now: number;
  stacks: readonly RenderedStack[];
}

function plannedStack(planning: Planning, name: string, step: Step | undefined, rendered: RenderedStack | undefined): PlannedStack {
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
  if (step.type === 'remove') return { name, step: waits === undefined ? 'remove' : 'hold', reason: waits ?? step.reason };
  const foreign = step.type === 'hold' && step.foreign;
  const changes = foreign ? [] : changesOf(planning, step, rendered);
  const reason = waits ?? (step.type === 'apply' && step.changes.length > 0 ? '' : step.reason);
  // What waits for others is applied as well, after them.
  const what = waits !== undefined ? 'hold' : step.type === 'wait' ? (rendered ? 'apply' : 'remove') : step.type;
  return { name, step: what, reason, changes };
}

function changesOf({ view, stacks, now }: Planning, { source }: Exclude<Step, { type: 'remove' }>, rendered: RenderedStack | undefined): ObjectChange[] {
  if (!rendered || !('spec' in rendered)) return [];
  const { spec, Policy } = rendered;
  const changes = (seen: View): ObjectChange[] =>
    planDeploy(seen, spec, { prune: Policy?.KeepsServices !== true, source }, now).changes.filter(({ change }) => change !== 'none');
  try {
    return changes(view);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  try {
    // It comes behind others of the commit, which make what it lacks.
    return changes(behindOthers(view, rendered.Name, stacks, source, now));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Theirs is refused as well: their own steps say so.
    return [];
  }
}

/** The view with those of the commit that the stack needs something of. */
function behindOthers(view: View, name: string, stacks: readonly RenderedStack[], source: RepositorySource, now: number): View {
  const after = new Overlay(view);
  const needs = neededFrom(view, stacks);
  const needed = new Set(needs.get(name));
  for (const each of needed) for (const further of needs.get(each) ?? []) needed.add(further);
  const rendered = new Map(stacks.map((stack) => [stack.Name, stack]));
  for (const each of makersFirst(view, stacks)) {
    const stack = rendered.get(each);
    if (!needed.has(each) || !stack || !('spec' in stack)) continue;
    let count = 0;
    const context = { now, random: seededRandom(1), newId: () => `needed ${each} ${(count += 1)}` };
    const own = { ...source, Path: stack.Path, Commit: stack.Commit };
    after.lay(deployStack(stack.spec, deployOptions(stack, own))(after, context).actions);
  }
  return after;
}

/** The order of a repository's stacks: one that comes after others waits until they are healthy as the same commit has them. */
import { timeOf } from '#base/clock';
import { inventoryOf, isEmptyRecord } from '#control/stack/inventory';
import { newestRevision, revisionsOf } from '#control/stack/revisions';
import { waitsForRoom } from '#control/stack/stack-health';
import { standsInTheWay } from '#control/stack/stack-services';
import type { Stack } from '#model/object/stack';
import type { View } from '#store/view';
import { circlesOf, wayAround } from './circles.ts';
import { holdersOf, neededFrom, takesName } from './needs.ts';
import { isQuarantined, refusedBefore } from '../outcome.ts';
import type { RenderedStack } from '../rendered.ts';
import type { Step } from '../step.ts';
import { isFresh, isUnit } from '../unit.ts';

/** A longer circle is told by how many stacks it has. */
const longestWay = 10;
/** Mentions that are followed for the words of all circles of a commit. */
const mostLooks = 100_000;

/** Stack → why its order cannot be kept: a name that is no stack, or a circle. */
export function orderFaults(stacks: readonly RenderedStack[]): ReadonlyMap<string, string> {
  if (!stacks.some(({ Policy }) => Policy?.After)) return new Map();
  const byName = new Map(stacks.map((stack) => [stack.Name, stack]));
  const after = (name: string): readonly string[] => byName.get(name)?.Policy?.After ?? [];
  const circles = circlesOf(byName.keys(), after);
  const looks = { left: mostLooks };
  const faults = new Map<string, string>();
  for (const { Name } of stacks) {
    const unknown = after(Name).find((name) => !byName.has(name));
    const circle = circles.get(Name);
    if (unknown !== undefined) faults.set(Name, `it comes after ${unknown}, which is no stack of the commit`);
    else if (circle) {
      const way = wayAround(Name, circle, after, longestWay, looks);
      faults.set(Name, `it comes after itself: ${way ? way.join(' after ') : `it lies in a circle of ${circle.size} stacks`}`);
    }
  }
  return faults;
}

export function refusedFor({ Name, Path, Commit, Policy, Who }: RenderedStack, reason: string): RenderedStack {
  return { Name, Path, Commit, ...(Policy && { Policy }), ...(Who !== undefined && { Who }), errors: [`shoal.yml: stack ${Name}: ${reason}`] };
}

type Standing = 'good' | 'open' | 'failed';

/** A stack that waits for one that waits for one: further ones are told that they are refused until these are there. */
const longestChain = 10;

/** The steps, but that a new version waits for those before it, and one that is refused for those that give up, or that are `leaving` with, what stands in its way. Changes by hand are undone in no order. */
export function inOrder(view: View, stacks: readonly RenderedStack[], steps: readonly Step[], leaving: readonly Stack[] = []): Step[] {
  if (steps.length === 0) return [];
  const moving = new Set(steps.map(({ name }) => name));
  const asked = (): readonly RenderedStack[] => stacks.filter(({ Name }) => moving.has(Name));
  // What comes in one entry comes at once.
  let known: ReadonlyMap<string, readonly string[]> | undefined = isUnit(stacks) ? new Map() : undefined;
  let holders: ReturnType<typeof holdersOf> | undefined = isUnit(stacks) ? () => [] : undefined;
  const order: Order = {
    view,
    byName: new Map(stacks.map((stack) => [stack.Name, stack])),
    leaving: new Map(leaving.map((stack) => [stack.Spec.Name, stack])),
    needsOf: (name) => (known ??= neededFrom(view, stacks, asked())).get(name) ?? [],
    holdersOf: (stack) => (holders ??= holdersOf(view, stacks, leaving))(stack),
  };
  const isRefused = ({ type }: Step): boolean => type === 'refuse';
  let ordered = [...steps];
  for (let length = 0; length < longestChain; length += 1) {
    const standing = standingsOf(view, stacks, ordered);
    const before = ordered;
    ordered = before.map((step) => orderedStep(order, standing, step));
    if (ordered.filter(isRefused).length === before.filter(isRefused).length) break;
  }
  return withTheOthers(ordered, steps);
}

interface Order {
  view: View;
  byName: ReadonlyMap<string, RenderedStack>;
  leaving: ReadonlyMap<string, Stack>;
  needsOf: (name: string) => readonly string[];
  holdersOf: (refused: RenderedStack) => readonly string[];
}

function orderedStep({ view, byName, leaving, needsOf, holdersOf: holders }: Order, standing: (name: string) => Standing, step: Step): Step {
  const { name } = step;
  const rendered = byName.get(name);
  if (!rendered) return step;
  if (step.type === 'refuse' ? !('spec' in rendered) : step.type !== 'apply' || step.drift || step.restores === true) return step;
  const { source } = step as Extract<Step, { source: object }>;
  const isRefused = step.type === 'refuse';
  const stateOfOne = (each: string): Standing => (leaving.has(each) ? 'open' : standing(each));
  const states = (names: readonly string[]) => names.map((each) => ({ each, state: stateOfOne(each) }));
  // Of those that somebody stopped nothing comes by itself.
  const needed = isRefused ? [...needsOf(name), ...holders(rendered)] : needsOf(name);
  const made = states(needed.filter((each) => view.byName('stack', each)?.Suspended === undefined));
  const beside = step.type === 'apply' ? step.rendered.With : undefined;
  const said = isRefused ? [] : states((rendered.Policy?.After ?? []).filter((each) => !beside?.includes(each)));
  const isNew = !view.byName('stack', name) || view.byName('stack', name)?.Digest === '';
  // What runs already has what it needs: that its maker fails now is no reason to keep it from going on.
  const failed = [...said, ...(isNew && !isRefused ? made : [])].find(({ state }) => state === 'failed');
  const commit = rendered.Commit;
  if (failed) return { type: 'hold', name, source, commit, reason: `it comes after stack ${failed.each}, which is not as the commit wants it`, foreign: false };
  const open = [...new Set([...said, ...made].filter(({ state }) => state === 'open').map(({ each }) => each))];
  return open.length === 0
    ? step
    : {
        type: 'wait',
        name,
        source,
        commit,
        reason: `it comes after ${open.join(', ')}, which ${open.length === 1 ? 'is' : 'are'} on the way${wayOut(open, leaving)}`,
      };
}

function wayOut(open: readonly string[], leaving: ReadonlyMap<string, Stack>): string {
  const gone = open.flatMap((name) => leaving.get(name) ?? []);
  if (gone.length === 0) return '';
  const until = gone.flatMap(({ Leaving }) => Leaving?.Until ?? []).toSorted();
  return until.length === 0 ? ' out' : ` out, at ${until.at(-1)}`;
}

/** Of those that come in one entry none comes before the others. */
function withTheOthers(ordered: readonly Step[], planned: readonly Step[]): Step[] {
  const late = new Map<string, Step>();
  for (const [at, step] of planned.entries()) {
    const now = ordered[at];
    if (step.type !== 'apply' || !now || now.type === 'apply') continue;
    for (const name of step.rendered.With ?? []) late.set(name, now);
  }
  return ordered.map((step) => {
    const first = step.type === 'apply' && isFresh(step) ? late.get(step.name) : undefined;
    if (step.type !== 'apply' || !first || (first.type !== 'wait' && first.type !== 'hold')) return step;
    const { name, source, rendered } = step;
    return { ...first, name, source, commit: rendered.Commit, reason: `it comes with ${first.name}: ${first.reason}` };
  });
}

/** Removals of whole stacks wait for what comes: one may be the same under another name. What was well before and is ill now is none of them. What stands in the way of what comes, or has the room or a name for it, goes first. */
export function afterTheRest(view: View, stacks: readonly RenderedStack[], steps: readonly Step[], commit: string, now: number): (removal: Step) => Step {
  if (isUnit(stacks)) return (step) => step;
  const standing = standingsOf(view, stacks, steps);
  const isComing = (name: string): boolean => standing(name) === 'open' || (standing(name) === 'failed' && !wasGood(view, name));
  const open = stacks.filter(({ Name }) => view.byName('stack', Name)?.Suspended === undefined && isComing(Name));
  const coming = open.flatMap((stack) => ('spec' in stack ? stack.spec.Services : []));
  if (open.length === 0 || open.some(({ Name }) => lacksRoom(view, Name, now))) return (step) => step;
  return (step) => {
    const stack = view.byName('stack', step.name);
    if (step.type !== 'remove' || stack?.Source.Kind !== 'repository' || isEmptyRecord(stack)) return step;
    const services = inventoryOf(view, stack).flatMap(({ Kind, ID }) => (Kind === 'service' ? (view.get('service', ID) ?? []) : []));
    const first = open.find(({ Name }) => standing(Name) === 'open' || mayFollow(view, Name, stack));
    if (!first || services.length === 0 || takesName(view, stack, open) || services.some((service) => standsInTheWay(view, service, coming))) return step;
    return { type: 'wait', name: step.name, source: stack.Source, commit, reason: `it goes when what comes is well, and ${first.Name} is not yet` };
  };
}

/** What had its version, or was refused, before the other one began to go is not it under another name. */
function mayFollow(view: View, name: string, gone: Stack): boolean {
  const came = newestRevision(view, name) ?? view.byName('stack', name);
  return came === undefined || (gone.Condition.State === 'pending' && timeOf(came.CreatedAt) >= timeOf(gone.Condition.Since));
}

function wasGood(view: View, name: string): boolean {
  return revisionsOf(view, name).some(({ Outcome }) => Outcome.State === 'good');
}

function lacksRoom(view: View, name: string, now: number): boolean {
  const [stack, revision] = [view.byName('stack', name), newestRevision(view, name)];
  return stack !== undefined && revision !== undefined && (waitsForRoom(view, stack, revision, now) ?? -1) >= 0;
}

/** Of a stack by its name: each is looked at once. */
function standingsOf(view: View, stacks: readonly RenderedStack[], steps: readonly Step[]): (name: string) => Standing {
  const byName = new Map(stacks.map((stack) => [stack.Name, stack]));
  const stepsOf = new Map<string, Step[]>();
  for (const step of steps) {
    const own = stepsOf.get(step.name);
    if (own) own.push(step);
    else stepsOf.set(step.name, [step]);
  }
  const known = new Map<string, Standing>();
  return (name) => {
    const standing = known.get(name) ?? stateOf(view, byName.get(name), stepsOf.get(name) ?? []);
    known.set(name, standing);
    return standing;
  };
}

/** `own`: the stack's steps. */
function stateOf(view: View, rendered: RenderedStack | undefined, own: readonly Step[]): Standing {
  const stack = rendered && view.byName('stack', rendered.Name);
  if (!rendered || 'errors' in rendered || own.some(({ type }) => type === 'refuse' || type === 'hold')) return 'failed';
  if (stack && isQuarantined(stack, rendered)) return 'failed';
  const comes = own.some((step) => step.type === 'wait' || (step.type === 'apply' && !step.drift));
  // What was refused with this commit is said once, and refused still.
  if (!comes && stack?.Source.Kind === 'repository' && refusedBefore(view, stack.Source.Repository, rendered)) return 'failed';
  if (!stack || stack.Digest !== rendered.digest || comes) return 'open';
  const outcome = newestRevision(view, rendered.Name)?.Outcome.State;
  return outcome === 'failed' ? 'failed' : outcome === 'pending' ? 'open' : 'good';
}

/** The order of a repository's stacks: one that comes after others waits until they are healthy as the same commit has them. */
import { newestRevision } from '#control/stack/revisions';
import type { View } from '#store/view';
import { isQuarantined } from './outcome.ts';
import type { RenderedStack } from './rendered.ts';
import type { Step } from './step.ts';

/** Stack → why its order cannot be kept: a name that is no stack, or a circle. */
export function orderFaults(stacks: readonly RenderedStack[]): ReadonlyMap<string, string> {
  const byName = new Map(stacks.map((stack) => [stack.Name, stack]));
  const faults = new Map<string, string>();
  for (const { Name, Policy } of stacks) {
    const unknown = (Policy?.After ?? []).find((name) => !byName.has(name));
    const circle = unknown === undefined ? circleOf(Name, byName) : undefined;
    if (unknown !== undefined) faults.set(Name, `it comes after ${unknown}, which is no stack of the commit`);
    else if (circle) faults.set(Name, `it comes after itself: ${circle.join(' after ')}`);
  }
  return faults;
}

/** The way from a stack back to itself; each stack is looked at once. */
function circleOf(start: string, byName: ReadonlyMap<string, RenderedStack>): string[] | undefined {
  const from = new Map<string, string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const next of byName.get(name)?.Policy?.After ?? []) {
      if (next === start) return [...wayTo(name, start, from), start];
      if (from.has(next)) continue;
      from.set(next, name);
      open.push(next);
    }
  }
  return undefined;
}

function wayTo(end: string, start: string, from: ReadonlyMap<string, string>): string[] {
  const way = [end];
  for (let at = end; at !== start;) {
    at = from.get(at) ?? start;
    way.unshift(at);
  }
  return way;
}

export function refusedFor({ Name, Path, Commit, Policy, Who }: RenderedStack, reason: string): RenderedStack {
  return { Name, Path, Commit, ...(Policy && { Policy }), ...(Who !== undefined && { Who }), errors: [`shoal.yml: stack ${Name}: ${reason}`] };
}

/** The steps, but that a new version waits for those before it. Changes by hand are undone in no order. */
export function inOrder(view: View, stacks: readonly RenderedStack[], steps: readonly Step[]): Step[] {
  const byName = new Map(stacks.map((stack) => [stack.Name, stack]));
  return steps.map((step) => {
    if (step.type !== 'apply' || step.drift || step.restores) return step;
    const { name, source, rendered } = step;
    const before = (rendered.Policy?.After ?? []).map((each) => ({ each, state: stateOf(view, byName.get(each), steps) }));
    const failed = before.find(({ state }) => state === 'failed');
    const commit = rendered.Commit;
    if (failed)
      return { type: 'hold', name, source, commit, reason: `it comes after stack ${failed.each}, which is not as the commit wants it`, foreign: false };
    const open = before.filter(({ state }) => state === 'open').map(({ each }) => each);
    return open.length === 0
      ? step
      : { type: 'wait', name, source, commit, reason: `it comes after ${open.join(', ')}, which ${open.length === 1 ? 'is' : 'are'} on the way` };
  });
}

function stateOf(view: View, rendered: RenderedStack | undefined, steps: readonly Step[]): 'good' | 'open' | 'failed' {
  const stack = rendered && view.byName('stack', rendered.Name);
  const own = steps.filter(({ name }) => name === rendered?.Name);
  if (!rendered || 'errors' in rendered || own.some(({ type }) => type === 'refuse' || type === 'hold')) return 'failed';
  if (stack && isQuarantined(stack, rendered)) return 'failed';
  if (!stack || stack.Digest !== rendered.digest || own.some((step) => step.type === 'wait' || (step.type === 'apply' && !step.drift))) return 'open';
  const outcome = newestRevision(view, rendered.Name)?.Outcome.State;
  return outcome === 'failed' ? 'failed' : outcome === 'pending' ? 'open' : 'good';
}

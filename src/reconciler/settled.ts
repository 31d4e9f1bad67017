/** Stacks that were found to be as their commit wants them: as long as nothing that this was decided from changes, they are not compared again. It is only a scope: comparing all of them gives the same steps. */
import { equal } from '#base/equal';
import { conditionOf } from '#model/object/stack';
import type { View } from '#store/view';
import { WatchedView } from '#store/watched-view';
import type { RenderedStack } from './rendered.ts';
import type { Step } from './step.ts';

interface Settled {
  rendered: RenderedStack;
  rules: string;
  stillSo: (view: View) => boolean;
}

export class SettledStacks {
  readonly #stacks = new Map<string, Settled>();

  /** The steps of one stack, by `plan` where they are not known to be none. `rules`: all that repositories have to do with it, whose records change with each look (`policyText`). */
  steps(view: View, rendered: RenderedStack, rules: string, plan: (view: View) => Step[]): Step[] {
    const known = this.#stacks.get(rendered.Name);
    if (known?.rules === rules && isAsked(known.rendered, rendered) && known.stillSo(view)) return [];
    const watched = new WatchedView(view, 'repository');
    const steps = plan(watched);
    const { stillSo } = watched;
    const stack = view.byName('stack', rendered.Name);
    // What is quarantined, or is refused as was said, has no steps either, and is not as its commit wants it.
    const inForce = 'spec' in rendered && stack?.Digest === rendered.digest && conditionOf(stack).State === 'applied' && !stack.Quarantine;
    if (steps.length === 0 && inForce && stillSo) this.#stacks.set(rendered.Name, { rendered, rules, stillSo });
    else this.#stacks.delete(rendered.Name);
    return steps;
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#stacks.keys()) if (!names.has(name)) this.#stacks.delete(name);
  }
}

/** The commit alone changes nothing of a stack. */
function isAsked(before: RenderedStack, now: RenderedStack): boolean {
  if (!('spec' in before) || !('spec' in now)) return false;
  return before.digest === now.digest && before.Path === now.Path && before.Unit === now.Unit && equal(before.Policy, now.Policy);
}

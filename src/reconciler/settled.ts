/** Stacks that were found to be as their commit wants them: as long as nothing that this was decided from changes, they are not compared again. It is only a scope: comparing all of them gives the same steps. */
import { equal } from '#base/equal';
import type { Kind } from '#model/object/object';
import { conditionOf } from '#model/object/stack';
import type { StoreEvent } from '#store/action';
import type { View } from '#store/view';
import { readsTouched, WatchedView } from '#store/watched-view';
import type { RenderedStack } from './rendered.ts';
import type { Step } from './step.ts';

interface Settled {
  rendered: RenderedStack;
  rules: string;
  stillSo: (view: View) => boolean;
  /** What it was decided from (`readsTouched`). */
  words: ReadonlySet<string>;
  /** What was read of it is all among what is told. */
  isTold: boolean;
}

/** Of these nothing is told: they change by the thousand, and hardly ever decide. */
const untold: ReadonlySet<Kind> = new Set(['task', 'repository', 'pack', 'deed']);

export class SettledStacks {
  readonly #stacks = new Map<string, Settled>();
  /** What was read → the stacks that it decided. */
  readonly #readers = new Map<string, Set<string>>();
  /** Stacks of which something changed since they were looked at. */
  readonly #doubted = new Set<string>();
  readonly #told: boolean;
  #changes = 0;
  /** Of the changes, those that were told when the view was taken. */
  #seen = 0;

  /** `told`: whoever holds it tells it of all changes; else what was read is looked up each time. */
  constructor(told = false) {
    this.#told = told;
  }

  /** What changed. It need not be in the views that come next, and may be in them before it is told. */
  heard(events: readonly StoreEvent[]): void {
    const told = events.filter(({ kind }) => !untold.has(kind));
    this.#changes += told.length;
    if (this.#readers.size === 0 || told.length === 0) return;
    for (const word of wordsOf(events, told)) for (const name of this.#readers.get(word) ?? []) this.#doubted.add(name);
  }

  /** A view is taken now: what is told from here on need not be in it. */
  taken(): void {
    this.#seen = this.#changes;
  }

  /** Whether it has no steps, without a look at anything: all that it was decided from would have been heard of. */
  isSure(rendered: RenderedStack, rules: string): boolean {
    const known = this.#stacks.get(rendered.Name);
    return known !== undefined && this.#isSure(known) && known.rules === rules && isAsked(known.rendered, rendered);
  }

  /** The steps of one stack, by `plan` where they are not known to be none. `rules`: all that repositories have to do with it, whose records change with each look (`policyText`). */
  steps(view: View, rendered: RenderedStack, rules: string, plan: (view: View) => Step[]): Step[] {
    const { Name } = rendered;
    const known = this.#stacks.get(Name);
    if (this.isSure(rendered, rules)) return [];
    if (known?.rules === rules && isAsked(known.rendered, rendered) && known.stillSo(view)) {
      this.#trust(Name);
      return [];
    }
    const watched = new WatchedView(view, 'repository');
    const steps = plan(watched);
    const { stillSo, words, kinds } = watched;
    const stack = view.byName('stack', Name);
    // What is quarantined, or is refused as was said, has no steps either, and is not as its commit wants it.
    const inForce = 'spec' in rendered && stack?.Digest === rendered.digest && conditionOf(stack).State === 'applied' && !stack.Quarantine;
    this.#forget(Name);
    if (steps.length === 0 && inForce && stillSo) this.#keep({ rendered, rules, stillSo, words, isTold: [...kinds].every((kind) => !untold.has(kind)) });
    return steps;
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#stacks.keys()) if (!names.has(name)) this.#forget(name);
  }

  #isSure({ isTold, rendered }: Settled): boolean {
    return this.#told && isTold && !this.#doubted.has(rendered.Name);
  }

  /** It was found to be so in the view at hand. */
  #trust(name: string): void {
    if (this.#seen === this.#changes) this.#doubted.delete(name);
    else this.#doubted.add(name);
  }

  #keep(settled: Settled): void {
    const { Name } = settled.rendered;
    this.#stacks.set(Name, settled);
    this.#trust(Name);
    if (!this.#told) return;
    for (const word of settled.words) {
      const readers = this.#readers.get(word);
      if (readers) readers.add(Name);
      else this.#readers.set(word, new Set([Name]));
    }
  }

  #forget(name: string): void {
    const known = this.#stacks.get(name);
    if (!known) return;
    this.#stacks.delete(name);
    this.#doubted.delete(name);
    if (!this.#told) return;
    for (const word of known.words) {
      const readers = this.#readers.get(word);
      readers?.delete(name);
      if (readers?.size === 0) this.#readers.delete(word);
    }
  }
}

/** All who follow a repository hear the same. */
const words = new WeakMap<readonly StoreEvent[], ReadonlySet<string>>();

function wordsOf(events: readonly StoreEvent[], told: readonly StoreEvent[]): ReadonlySet<string> {
  const known = words.get(events) ?? new Set(told.flatMap(readsTouched));
  words.set(events, known);
  return known;
}

/** The commit alone changes nothing of a stack. */
function isAsked(before: RenderedStack, now: RenderedStack): boolean {
  if (!('spec' in before) || !('spec' in now)) return false;
  return before.digest === now.digest && before.Path === now.Path && before.Unit === now.Unit && equal(before.Policy, now.Policy);
}

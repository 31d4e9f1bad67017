/** A commit whose stacks are one unit: all of them come in one entry, or none does. */
import { createHash } from 'node:crypto';
import { newestRevision } from '#control/stack/revisions';
import type { View } from '#store/view';
import { makersFirst } from './order/needs.ts';
import { isQuarantined, refusedBefore } from './outcome.ts';
import type { RenderedStack } from './rendered.ts';
import type { Step } from './step.ts';

/** The stacks with the digest of all of them, where their repository says that they are one. */
export function inUnit(stacks: readonly RenderedStack[]): readonly RenderedStack[] {
  if (!isUnit(stacks)) return stacks;
  const Unit = unitOf(stacks);
  return stacks.map((stack) => ({ ...stack, Unit }));
}

/** The digest of all of them. */
export function unitOf(stacks: readonly RenderedStack[]): string {
  const hash = createHash('sha256');
  for (const stack of stacks) hash.update(`${JSON.stringify([stack.Name, 'spec' in stack ? stack.digest : stack.errors])}\n`);
  return `sha256:${hash.digest('hex')}`;
}

export function isUnit(stacks: readonly RenderedStack[]): boolean {
  return stacks.some(({ Policy }) => Policy?.Atomic === true);
}

/** A new version, which is not a change by hand that is undone. */
export function isFresh(step: Step): step is Step & { type: 'apply' } {
  return step.type === 'apply' && !step.drift && step.restores !== true;
}

/** Several new versions that come at once, or not at all. */
export interface Entry {
  /** Why. */
  why: string;
  /** Each behind those that it needs something of. */
  steps: readonly (Step & { type: 'apply' })[];
}

/** Those of the new versions that come in one entry with others. */
export function entriesOf(view: View, stacks: readonly RenderedStack[], fresh: readonly (Step & { type: 'apply' })[]): readonly Entry[] {
  const steps = new Map(fresh.map((step) => [step.name, step]));
  const entry = (why: string, names: readonly string[]): Entry => {
    const own = new Set(names);
    const coming = stacks.filter(({ Name }) => own.has(Name));
    return { why, steps: makersFirst(view, coming).flatMap((name) => steps.get(name) ?? []) };
  };
  const all = stacks.map(({ Name }) => Name);
  if (isUnit(stacks)) return fresh.length === 0 ? [] : [entry('the commit is one unit', all)];
  const groups = new Map(fresh.flatMap(({ rendered: { With } }) => (With ? [[With.join(', '), With] as const] : [])));
  return [...groups].map(([names, group]) => entry(`${names} exchange ports`, group));
}

export interface Version {
  stack: RenderedStack;
  steps: readonly Step[];
}

interface Removal {
  name: string;
  steps: readonly Step[];
}

/** As it is, or, where one of the stacks keeps the others from coming, with all new versions held; what goes goes when the others are well. */
export function asOne(
  view: View,
  repository: string,
  commit: string,
  versions: readonly Version[],
  removals: readonly Removal[],
): { versions: readonly Version[]; removals: readonly Removal[] } {
  if (!isUnit(versions.map(({ stack }) => stack))) return { versions, removals };
  const blocker = blockerOf(view, repository, versions, removals);
  const held = (step: Step): Step => {
    if (blocker === undefined || !isFresh(step) || step.name === blocker.name) return step;
    const { name, source, rendered } = step;
    return { type: 'hold', name, source, commit: rendered.Commit, reason: reasonOf(blocker), foreign: false };
  };
  const isOpen = ({ stack, steps }: Version): boolean => steps.some(isFresh) || (newestRevision(view, stack.Name)?.Outcome.State ?? 'good') !== 'good';
  const open = versions.find(isOpen)?.stack.Name;
  const why = blocker ? reasonOf(blocker) : open === undefined ? undefined : `it goes when all of the commit is well, and ${open} is not yet`;
  const waits = (step: Step): Step => {
    const source = view.byName('stack', step.name)?.Source;
    if (step.type !== 'remove' || why === undefined || source?.Kind !== 'repository') return step;
    return { type: 'wait', name: step.name, source, commit, reason: why };
  };
  return {
    versions: versions.map(({ stack, steps }) => ({ stack, steps: steps.map(held) })),
    removals: removals.map(({ name, steps }) => ({ name, steps: steps.map(waits) })),
  };
}

interface Blocker {
  name: string;
  why: string;
}

function reasonOf({ name, why }: Blocker): string {
  return `the commit is one unit, and stack ${name} ${why}`;
}

function blockerOf(view: View, repository: string, versions: readonly Version[], removals: readonly Removal[]): Blocker | undefined {
  for (const { stack, steps } of versions) {
    const { Name: name } = stack;
    const record = view.byName('stack', name);
    if ('errors' in stack || steps.some(({ type }) => type === 'refuse')) return { name, why: 'is refused' };
    if (record && isQuarantined(record, stack)) return { name, why: 'was given up' };
    // What is said already is no step.
    if (steps.length === 0 && refusedBefore(view, repository, stack)) return { name, why: 'is refused' };
    if (steps.some(({ type }) => type === 'hold')) return { name, why: 'is held' };
    if (record?.Suspended && steps.some(isFresh)) return { name, why: 'is suspended' };
  }
  const removal = removals.find(({ steps }) => steps.some(({ type }) => type === 'hold'));
  return removal && { name: removal.name, why: 'is held' };
}

/** Stacks that a commit does not have any more run on for as long as their repository's grace, and then go. */
import { timeOf, timeText } from '#base/clock';
import { nanosecondsPerMillisecond } from '#base/text/duration';
import { isEmptyRecord } from '#control/stack/inventory';
import { isOwned } from '#control/stack/ownership';
import { graceLevel } from '#model/feature-level';
import type { Stack, StackLeaving } from '#model/object/stack';
import { writableLevel } from '#store/feature-level';
import type { View } from '#store/view';
import type { RenderedStack } from './rendered.ts';
import type { RepositorySource, Step } from './step.ts';

export interface GraceQuestion {
  view: View;
  repository: string;
  now: number;
  commit: string;
  /** Who made it. */
  who?: string | undefined;
  /** Nanoseconds, as the commit says; what the operator says wins. */
  grace?: number | undefined;
  /** The repository cannot be read: a folder may be there again, and nobody would know. */
  away?: boolean | undefined;
}

/** undefined: the stack goes now. None: it is on its way out, and its time is not over yet. */
export function graceSteps({ view, repository, now, commit, who, grace, away }: GraceQuestion, stack: Stack): Step[] | undefined {
  const graceMs = (view.byName('repository', repository)?.Spec.PruneGrace ?? grace ?? 0) / nanosecondsPerMillisecond;
  if (isEmptyRecord(stack) || graceMs <= 0) return undefined;
  const { Name: name } = stack.Spec;
  const source = stack.Source as RepositorySource;
  if (writableLevel(view) < graceLevel)
    return [
      { type: 'hold', name, source, commit, reason: 'its grace needs all nodes of the cluster to run this version; nothing was removed', foreign: false },
    ];
  const known = stack.Leaving;
  const since = known ? timeOf(known.Since) : now;
  const leaving: StackLeaving = {
    ...(known ?? { Commit: commit, ...(who !== undefined && { Who: who }), Since: timeText(now) }),
    Until: timeText(since + graceMs),
  };
  if (known && since + graceMs <= now) return away ? [] : undefined;
  if (known?.Until === leaving.Until) return [];
  return [{ type: 'leave', name, leaving, reason: `${source.Path} is no longer in repository ${repository}: it goes at ${leaving.Until}` }];
}

/** Of stacks that were to go, and are there again or stay. */
export function returnSteps(view: View, repository: string, present: ReadonlySet<string>, keeps: boolean): Step[] {
  const back = [...view.list('stack')].filter((stack) => stack.Leaving && isOwned(stack, repository) && (keeps || present.has(stack.Spec.Name)));
  return back.map(({ Spec: { Name: name } }) => ({ type: 'return', name, reason: 'the repository has it again: it stays as it is' }));
}

/** In how many milliseconds the next of them goes; undefined: none of those that are there is on its way. */
export function nextGraceMs(view: View, repository: string, stacks: readonly RenderedStack[], now: number): number | undefined {
  const leaving = [...view.list('stack')].filter((stack) => stack.Leaving && isOwned(stack, repository));
  if (leaving.length === 0) return undefined;
  const present = new Set(stacks.map(({ Name }) => Name));
  const ends = leaving.flatMap(({ Leaving, Spec }) => (Leaving && !present.has(Spec.Name) ? [timeOf(Leaving.Until)] : []));
  const left = ends.filter((end) => end > now).map((end) => end - now);
  return left.length > 0 ? Math.min(...left) : undefined;
}

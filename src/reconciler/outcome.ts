/** A repository's status after a reconcile, from what became of its stacks. */
import { timeText } from '#base/clock';
import { stackCondition } from '#control/stack/stack-health';
import { belongsToAnother } from '#control/stack/stacks';
import type { RepositoryStatus } from '#model/repository';
import type { View } from '#store/view';
import { isOwned } from './plan.ts';
import type { RenderedStack } from './rendered.ts';

const mostNames = 5;

export interface Outcome {
  commit: string;
  /** Set when the commit does not have the folder of stacks. */
  missing?: string;
  /** All stacks of the commit. */
  stacks: readonly string[];
  /** Those refused, with why. */
  refused: Readonly<Record<string, readonly string[]>>;
  /** Those that were applied and did not hold, with why. */
  failed: Readonly<Record<string, readonly string[]>>;
}

/** Stacks of a repository whose updates were rolled back or stopped: stack → one text a service. */
export function failedStacks(view: View, repository: string): Record<string, readonly string[]> {
  const failed: Record<string, readonly string[]> = {};
  for (const stack of view.list('stack')) {
    if (!isOwned(stack, repository)) continue;
    const services = stack.Services.flatMap((name) => view.byName('service', name) ?? []);
    const condition = stackCondition(view, stack, services);
    if (condition.State !== 'applied' && condition.State !== 'refused') failed[stack.Spec.Name] = condition.Errors ?? [condition.Message];
  }
  return failed;
}

export function syncedStatus({ commit, missing, stacks, refused, failed }: Outcome, now: number): RepositoryStatus {
  const Message = [
    ...(missing === undefined ? [] : [`commit ${commit.slice(0, 12)} has no folder ${missing}`]),
    ...summary(refused, stacks.length, 'refused'),
    ...summary(failed, stacks.length, 'did not hold'),
  ].join('; ');
  const State = Message === '' ? 'synced' : 'degraded';
  return {
    State,
    Commit: commit,
    Message,
    Since: timeText(now),
    ...(Object.keys(refused).length > 0 && { Refused: refused }),
    ...(Object.keys(failed).length > 0 && { Failed: failed }),
  };
}

/** `2 of 7 stacks refused: a, b: a's first reason`; long lists of names are cut. */
function summary(reasons: Readonly<Record<string, readonly string[]>>, total: number, what: string): string[] {
  const names = Object.keys(reasons);
  if (names.length === 0) return [];
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : '';
  return [`${names.length} of ${total} stacks ${what}: ${names.slice(0, mostNames).join(', ')}${more}: ${Object.values(reasons)[0]?.[0] ?? ''}`];
}

/** The repository cannot be read: the last commit stays in force, nothing is removed. */
export function unavailableStatus(before: RepositoryStatus, reason: string, now: number): RepositoryStatus {
  return { ...before, State: 'unavailable', Message: reason, Since: timeText(now) };
}

/** Why a stack that is as this commit left it is refused; undefined when it is in order. */
export function refusedBefore(view: View, repository: string, { Name, Commit }: RenderedStack): readonly string[] | undefined {
  const stack = view.byName('stack', Name);
  if (belongsToAnother(stack, repository)) return view.byName('repository', repository)?.Status.Refused?.[Name];
  const condition = stack?.Condition;
  return condition?.State === 'refused' && condition.Commit === Commit ? (condition.Errors ?? [condition.Message]) : undefined;
}

/** A repository's status after a reconcile, from what became of its stacks. */
import { timeText } from '#base/clock';
import type { DeclaredOutcome } from '#control/repository/declared';
import type { RepositoryStatus } from '#model/object/repository';
import type { Stack } from '#model/object/stack';
import { isOwned } from '#control/stack/ownership';
import type { View } from '#store/view';
import type { RenderedStack } from './rendered.ts';

const mostNames = 5;
const nothing = { refused: {}, held: {} };

export interface Outcome {
  commit: string;
  /** Set when the commit does not have the folder of stacks. */
  missing?: string;
  /** All stacks of the commit. */
  stacks: readonly string[];
  /** Those refused, with why. */
  refused: Readonly<Record<string, readonly string[]>>;
  /** Those whose change or removal waits for a word of the operator's, with why. */
  held: Readonly<Record<string, string>>;
  /** What is worth knowing of a stack. */
  notes?: Readonly<Record<string, readonly string[]>>;
  /** What became of what the commit says beside its stacks. */
  declared?: Pick<DeclaredOutcome, 'refused' | 'held'>;
}

export function syncedStatus({ commit, missing, stacks, refused, held, notes = {}, declared = nothing }: Outcome, now: number): RepositoryStatus {
  const [Refused, Held] = [
    { ...refused, ...declared.refused },
    { ...held, ...declared.held },
  ];
  const holding = Object.keys(Held).length > 0;
  const Message = [
    ...summary(Object.fromEntries(Object.entries(held).map(([name, reason]) => [name, [reason]])), stacks.length, 'held'),
    ...(missing === undefined || holding ? [] : [`commit ${commit.slice(0, 12)} has no folder ${missing}`]),
    ...summary(refused, stacks.length, 'refused'),
    ...Object.values(declared.held),
    ...Object.values(declared.refused).flat(),
  ].join('; ');
  return {
    State: holding ? 'held' : Message === '' ? 'synced' : 'degraded',
    Commit: commit,
    Message,
    Since: timeText(now),
    ...(Object.keys(Refused).length > 0 && { Refused }),
    ...(holding && { Held }),
    ...(Object.keys(notes).length > 0 && { Notes: notes }),
  };
}

/** `2 of 7 stacks refused: a, b: a's first reason`; long lists of names are cut. A stack whose folder is gone counts as well. */
function summary(reasons: Readonly<Record<string, readonly string[]>>, total: number, what: string): string[] {
  const names = Object.keys(reasons);
  if (names.length === 0) return [];
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : '';
  return [
    `${names.length} of ${Math.max(total, names.length)} stacks ${what}: ${names.slice(0, mostNames).join(', ')}${more}: ${Object.values(reasons)[0]?.[0] ?? ''}`,
  ];
}

/** The repository cannot be read: the last commit stays in force, nothing is removed. */
export function unavailableStatus(before: RepositoryStatus, reason: string, now: number): RepositoryStatus {
  return { ...before, State: 'unavailable', Message: reason, Since: timeText(now) };
}

/** The branch leads somewhere else than before: the last commit stays in force until somebody has seen it. */
export function rewrittenStatus(before: RepositoryStatus, commit: string, reason: string, now: number): RepositoryStatus {
  return { ...before, State: 'held', Message: reason, Since: timeText(now), Rewritten: commit };
}

/** Why a stack that is as this commit left it is refused; undefined when it is in order. */
export function refusedBefore(view: View, repository: string, rendered: RenderedStack): readonly string[] | undefined {
  const { Name, Commit } = rendered;
  const stack = view.byName('stack', Name);
  if (!stack || !isOwned(stack, repository)) return undefined;
  if (isQuarantined(stack, rendered)) return [stack.Quarantine?.Message ?? ''];
  const condition = stack.Condition;
  return condition.State === 'refused' && condition.Commit === Commit ? (condition.Errors ?? [condition.Message]) : undefined;
}

/** Those of the stacks that are refused as this commit left them, with why: mostly none, which is seen from the records alone. */
export function allRefusedBefore(view: View, repository: string, stacks: readonly RenderedStack[]): ReadonlyMap<string, readonly string[]> {
  const refused = new Map<string, readonly string[]>();
  const ill = new Set<string>();
  for (const { Spec, Quarantine, Condition } of view.list('stack')) if (Quarantine || Condition.State === 'refused') ill.add(Spec.Name);
  if (ill.size === 0) return refused;
  for (const stack of stacks) {
    const errors = ill.has(stack.Name) ? refusedBefore(view, repository, stack) : undefined;
    if (errors) refused.set(stack.Name, errors);
  }
  return refused;
}

/** Whether the version was given up for an earlier one: it is not tried again, whatever commit brings it. */
export function isQuarantined(stack: Stack, rendered: RenderedStack): boolean {
  const given = stack.Quarantine;
  if (given === undefined || !('spec' in rendered)) return false;
  // Of one unit another one may have been to blame: what is not tried again is the whole.
  return given.Unit !== undefined && rendered.Unit !== undefined ? given.Unit === rendered.Unit : rendered.digest === given.Digest;
}

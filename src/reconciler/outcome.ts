/** A repository's status after a reconcile, from what became of its stacks. */
import { timeText } from '#base/clock';
import type { RepositoryStatus } from '#model/repository';

export interface Outcome {
  commit: string;
  /** All stacks of the commit. */
  stacks: readonly string[];
  /** Those refused, with why. */
  refused: Readonly<Record<string, readonly string[]>>;
}

export function syncedStatus({ commit, stacks, refused }: Outcome, now: number): RepositoryStatus {
  const names = Object.keys(refused);
  if (names.length === 0) return { State: 'synced', Commit: commit, Message: '', Since: timeText(now) };
  const first = Object.values(refused)[0]?.[0] ?? '';
  const Message = `${names.length} of ${stacks.length} stacks refused: ${names.join(', ')}: ${first}`;
  return { State: 'degraded', Commit: commit, Message, Since: timeText(now), Refused: refused };
}

/** The repository cannot be read: the last commit stays in force, nothing is removed. */
export function unavailableStatus(before: RepositoryStatus, reason: string, now: number): RepositoryStatus {
  return { ...before, State: 'unavailable', Message: reason, Since: timeText(now) };
}

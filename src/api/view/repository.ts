/** A repository as its users see it: its status with how its stacks fare. */
import { stillness } from '#control/repository/stillness';
import type { Repository } from '#model/object/repository';
import type { RepositoryState } from '#model/object/states';
import { shown } from './redact.ts';
import type { StackSummary } from './stack-summary.ts';

interface ShownStatus {
  State: RepositoryState;
  Message: string;
  /** Stacks that are degraded or failing: stack → why. */
  Failed?: Readonly<Record<string, readonly string[]>>;
}

export function repositoryBody(repository: Repository, summaries: readonly StackSummary[], now: number): object {
  const Stacks = stacksOf(repository, summaries);
  return { ...shown('repository', repository), Status: { ...repository.Status, ...shownStatus(repository, Stacks, now) }, Stacks };
}

function stacksOf(repository: Repository, summaries: readonly StackSummary[]): StackSummary[] {
  return summaries.filter(({ Source }) => Source.Kind === 'repository' && Source.Repository === repository.Spec.Name);
}

export function repositoryState(repository: Repository, summaries: readonly StackSummary[], now: number): RepositoryState {
  return shownStatus(repository, stacksOf(repository, summaries), now).State;
}

/** What the last look left, unless the repository is suspended or frozen; on top of it the health of its stacks. */
function shownStatus(repository: Repository, stacks: readonly StackSummary[], now: number): ShownStatus {
  const { Status } = repository;
  const still = stillness(repository, now);
  const bad = stacks.filter(({ Health }) => Health?.State === 'failing' || Health?.State === 'degraded');
  const Failed = Object.fromEntries(bad.map(({ Name, Health }) => [Name, Health?.Reasons ?? []]));
  const failed = bad.length > 0 ? { Failed } : {};
  const why = still?.state === 'frozen' ? `frozen (${still.window}): nothing is written` : 'suspended: nothing is written';
  if (still) return { State: still.state, Message: messageOf([why, Status.Message]), ...failed };
  if (bad.length > 0) {
    const what = bad.map(({ Name, Health }) => `${Name} is ${Health?.State ?? ''}: ${Health?.Message ?? ''}`).join('; ');
    const State = Status.State === 'synced' || Status.State === 'pending' ? 'degraded' : Status.State;
    return { State, Message: messageOf([Status.Message, what]), ...failed };
  }
  const under = stacks.filter(({ Health }) => Health?.State === 'progressing');
  if (Status.State !== 'synced' || under.length === 0) return { State: Status.State, Message: Status.Message };
  return { State: 'pending', Message: under.map(({ Name, Health }) => `${Name} is on its way: ${Health?.Message ?? ''}`).join('; ') };
}

function messageOf(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('; ');
}

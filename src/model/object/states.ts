/** The one table of what stacks and repositories can be, in the words that every list, event and metric uses. */

/** @internal */
export const stackStates = {
  pending: 'seen in a commit, and not applied yet',
  held: 'its change would remove what somebody should see first, or take over a stack that is not its repository’s; the version before stays in force',
  refused: 'in error; the version before stays in force',
  applied: 'the cluster holds the version that was asked for last',
} as const;

/** @internal */
export const healthStates = {
  progressing: 'on its way, and nothing speaks against it',
  healthy: 'all that is wanted runs, and has shown that it stays',
  degraded: 'less runs than is wanted, or the version before, or tasks that ended lately',
  failing: 'it will not get there without help; the task’s reason is said',
} as const;

/** @internal */
export const stackFlags = {
  drifted: 'differs from its commit by a change by hand, which is reverted; the paths are said',
  suspended: 'nothing is written for it; what would be written is still said',
  leaving: 'its repository does not have it any more, and it goes at the time that is said',
  quarantined: 'its last version was rolled back and is not tried again; the next commit is',
} as const;

export type StackFlag = keyof typeof stackFlags;

/** Those that hold of the stack. */
export function flagsOf(stack: { Drifted?: unknown; Suspended?: unknown; Leaving?: unknown; Quarantined?: unknown }): StackFlag[] {
  const holds: Record<StackFlag, boolean> = {
    drifted: Boolean(stack.Drifted),
    suspended: Boolean(stack.Suspended),
    leaving: Boolean(stack.Leaving),
    quarantined: Boolean(stack.Quarantined),
  };
  return (Object.keys(holds) as StackFlag[]).filter((flag) => holds[flag]);
}

/** @internal */
export const repositoryStates = {
  pending: 'not looked at yet, or a stack of it is on its way',
  synced: 'all its stacks are applied and healthy',
  held: 'a stack, a removal, or a rewritten history waits for `repo confirm` or `stack adopt`',
  degraded: 'a stack is refused, degraded or failing',
  unavailable: 'it cannot be read; what was read last stays in force',
  suspended: 'nothing is written for it; what would be written is still said',
  frozen: 'a freeze window holds: nothing is written for it; what would be written is still said',
} as const;

export type StackState = keyof typeof stackStates;
/** One of them, and none of those in which earlier programs noted how a stack fared. */
export function isStackState(state: string): state is StackState {
  return Object.hasOwn(stackStates, state);
}

export type HealthState = keyof typeof healthStates;
export type RepositoryState = keyof typeof repositoryStates;

const worstFirst: readonly HealthState[] = ['failing', 'degraded', 'progressing', 'healthy'];

/** The worst of several; healthy when there are none. */
export function worstHealth(states: Iterable<HealthState>): HealthState {
  const present = new Set(states);
  return worstFirst.find((state) => present.has(state)) ?? 'healthy';
}

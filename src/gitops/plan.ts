/** Plans for whoever asks the daemon: what would change, and how the rollout would go. */
import type { Clock } from '#base/clock';
import { OneByOne } from '#base/pace/one-by-one';
import { Places } from '#base/pace/places';
import { gathered, inTurns, type Steps } from '#base/pace/steps';
import type { Cluster } from '#control/cluster';
import { Refusal } from '#base/refusal';
import { unforeseen, type Foresight } from '#model/difference/foresight';
import type { StackSpec } from '#model/object/stack';
import type { StackPlan } from '#model/difference/stack-plan';
import { deployActions, planDeploy } from '#reconciler/deploy-plan';
import { stillView } from '#reconciler/still-view';

type View = Awaited<ReturnType<Cluster['read']>>;
type Actions = ReturnType<typeof deployActions>;

/** Plays forward what follows from actions, on a view that stays as it is meanwhile. */
export type Foresee = (view: View, actions: Actions, now: number) => Steps<Foresight>;

export interface PlayParts {
  cluster: Pick<Cluster, 'read' | 'watch'>;
  clock: Pick<Clock, 'now' | 'monotonicNow' | 'soon'>;
  foresee: Foresee;
}

/** A cluster that moves is tried again, for so long; one that never stands still is not played forward. */
const mostTries = 5;
const longestMs = 2_000;
/** Whoever leads has other things to do. */
const plays = new Places(1);
/** A copy holds a place for each object of the cluster: there is one at a time, whoever else asks. */
const copies = new OneByOne();

/** What is decided in turns on a view that stays as it is: where the cluster moves meanwhile it is decided anew, on a copy of how it was at that moment. */
export async function decided<T>({ cluster, clock }: Pick<PlayParts, 'cluster' | 'clock'>, stepsOf: (view: View) => Steps<T>): Promise<T> {
  const found = await inTurnsWhile(cluster, clock, stepsOf(await cluster.read()), Infinity);
  if (found !== undefined) return found;
  return copies.alone(async () => inTurns(stepsOf(await inTurns(stillView(await cluster.read()), clock)), clock));
}

/** Undefined: the cluster moved, or it was not done by `end`. */
async function inTurnsWhile<T>(cluster: PlayParts['cluster'], clock: PlayParts['clock'], steps: Steps<T>, end: number): Promise<T | undefined> {
  let moved = false;
  const unwatch = cluster.watch(() => (moved = true));
  try {
    return await inTurns(steps, clock, { goOn: () => !moved && clock.monotonicNow() < end });
  } finally {
    unwatch();
  }
}

/** The rollout that `actionsOf` would begin; undefined: it begins none. It costs nobody the plan that it stands in. */
export async function played(parts: PlayParts, actionsOf: (view: View) => Steps<Actions>): Promise<Foresight | undefined> {
  const leave = plays.take();
  if (!leave) return unforeseen('another plan is played forward now');
  try {
    return await tried(parts, actionsOf);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return unforeseen(error.message);
  } finally {
    leave();
  }
}

async function tried({ cluster, clock, foresee }: PlayParts, actionsOf: (view: View) => Steps<Actions>): Promise<Foresight | undefined> {
  const end = clock.monotonicNow() + longestMs;
  for (let tries = 0; tries < mostTries; tries++) {
    const view = await cluster.read();
    const rollout = function* (): Steps<{ foresight?: Foresight }> {
      const actions = yield* actionsOf(view);
      if (!actions.some(({ kind }) => kind === 'service')) return {};
      return { foresight: yield* foresee(view, actions, clock.now()) };
    };
    const found = await inTurnsWhile(cluster, clock, rollout(), end);
    if (found) return found.foresight;
    if (clock.monotonicNow() >= end) break;
  }
  return unforeseen('the cluster changes meanwhile');
}

/** `foresee`: absent where tasks are somebody else's. */
export function deployPlanner(
  cluster: PlayParts['cluster'],
  clock: PlayParts['clock'],
  foresee?: Foresee,
): (spec: StackSpec, options: { prune: boolean }) => Promise<StackPlan> {
  return async (spec, options) => {
    const plan = planDeploy(await cluster.read(), spec, options, clock.now());
    const rollout = foresee && (await played({ cluster, clock, foresee }, (view) => gathered(deployActions(view, spec, options, clock.now()))));
    return { ...plan, ...(rollout && { rollout }) };
  };
}

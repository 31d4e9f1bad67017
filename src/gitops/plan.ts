/** Plans for whoever asks the daemon: what would change, and how the rollout would go. */
import type { Clock } from '#base/clock';
import { inTurns, type Steps } from '#base/pace/steps';
import type { Cluster } from '#control/cluster';
import type { Foresight } from '#model/difference/foresight';
import type { StackSpec } from '#model/object/stack';
import type { StackPlan } from '#model/difference/stack-plan';
import { deployActions, planDeploy } from '#reconciler/deploy-plan';

type View = Awaited<ReturnType<Cluster['read']>>;
type Actions = ReturnType<typeof deployActions>;

/** Plays forward what follows from actions, on a view that stays as it is meanwhile. */
export type Foresee = (view: View, actions: Actions, now: number) => Steps<Foresight>;

export interface PlayParts {
  cluster: Pick<Cluster, 'read' | 'watch'>;
  clock: Pick<Clock, 'now' | 'monotonicNow' | 'soon'>;
  foresee: Foresee;
}

/** A cluster that moves is tried again; one that never stands still is not played forward. */
const mostTries = 3;
/** Of this process's time: a plan is worth so much, and no more. */
const longestMs = 2_000;

/** The rollout that `actionsOf` would begin; undefined: it begins none, or it cannot be played now. */
export async function played({ cluster, clock, foresee }: PlayParts, actionsOf: (view: View) => Actions): Promise<Foresight | undefined> {
  const end = clock.monotonicNow() + longestMs;
  for (let tries = 0; tries < mostTries; tries++) {
    const view = await cluster.read();
    const actions = actionsOf(view);
    if (!actions.some(({ kind }) => kind === 'service')) return undefined;
    let moved = false;
    const unwatch = cluster.watch(() => (moved = true));
    try {
      const foresight = await inTurns(foresee(view, actions, clock.now()), clock, () => !moved && clock.monotonicNow() < end);
      if (foresight) return foresight;
    } finally {
      unwatch();
    }
    if (clock.monotonicNow() >= end) return undefined;
  }
  return undefined;
}

/** `foresee`: absent where tasks are somebody else's. */
export function deployPlanner(
  cluster: PlayParts['cluster'],
  clock: PlayParts['clock'],
  foresee?: Foresee,
): (spec: StackSpec, options: { prune: boolean }) => Promise<StackPlan> {
  return async (spec, options) => {
    const plan = planDeploy(await cluster.read(), spec, options, clock.now());
    const rollout = foresee && (await played({ cluster, clock, foresee }, (view) => deployActions(view, spec, options, clock.now())));
    return { ...plan, ...(rollout && { rollout }) };
  };
}

/** Plans for whoever asks the daemon: what would change, and how the rollout would go. */
import type { Clock } from '#base/clock';
import { Places } from '#base/pace/places';
import { inTurns, type Steps } from '#base/pace/steps';
import type { Cluster } from '#control/cluster';
import { Refusal } from '#base/refusal';
import { unforeseen, type Foresight } from '#model/difference/foresight';
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

/** A cluster that moves is tried again, for so long; one that never stands still is not played forward. */
const mostTries = 5;
const longestMs = 2_000;
/** Whoever leads has other things to do. */
const plays = new Places(1);

/** The rollout that `actionsOf` would begin; undefined: it begins none. It costs nobody the plan that it stands in. */
export async function played(parts: PlayParts, actionsOf: (view: View) => Actions): Promise<Foresight | undefined> {
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

async function tried({ cluster, clock, foresee }: PlayParts, actionsOf: (view: View) => Actions): Promise<Foresight | undefined> {
  const end = clock.monotonicNow() + longestMs;
  for (let tries = 0; tries < mostTries; tries++) {
    const view = await cluster.read();
    const actions = actionsOf(view);
    if (!actions.some(({ kind }) => kind === 'service')) return undefined;
    let moved = false;
    const unwatch = cluster.watch(() => (moved = true));
    try {
      const foresight = await inTurns(foresee(view, actions, clock.now()), clock, { goOn: () => !moved && clock.monotonicNow() < end });
      if (foresight) return foresight;
    } finally {
      unwatch();
    }
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
    const rollout = foresee && (await played({ cluster, clock, foresee }, (view) => deployActions(view, spec, options, clock.now())));
    return { ...plan, ...(rollout && { rollout }) };
  };
}

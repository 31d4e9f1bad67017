/** The reconciler's plan of a deploy, for whoever asks the daemon. */
import type { Clock } from '#base/clock';
import type { Cluster } from '#control/cluster';
import type { StackSpec } from '#model/object/stack';
import type { StackPlan } from '#model/difference/stack-plan';
import { planDeploy } from '#reconciler/deploy-plan';

export function deployPlanner(cluster: Cluster, clock: Pick<Clock, 'now'>): (spec: StackSpec, options: { prune: boolean }) => Promise<StackPlan> {
  return async (spec, options) => planDeploy(await cluster.read(), spec, options, clock.now());
}

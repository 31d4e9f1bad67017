/** The cluster's own key, for which secrets in repositories are encrypted. */
import type { Sealing } from '#model/object/cluster';
import { update } from '#store/action';
import { clusterOf, type View } from '#store/view';
import type { UseCase } from './cluster.ts';

export function sealingOf(view: View): Sealing | undefined {
  return clusterOf(view)?.Shoal?.Sealing;
}

/** Whether there is a cluster that could have a key and has none. */
export function lacksSealing(view: View): boolean {
  const cluster = clusterOf(view);
  return cluster !== undefined && cluster.Shoal?.Sealing === undefined;
}

/** Gives the cluster its key, unless it has one: what was encrypted for that must stay readable. */
export function setSealing(sealing: Sealing): UseCase<void> {
  return (view) => {
    const cluster = clusterOf(view);
    if (!cluster || cluster.Shoal?.Sealing) return { actions: [], result: undefined };
    return { actions: [update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, Sealing: sealing } })], result: undefined };
  };
}

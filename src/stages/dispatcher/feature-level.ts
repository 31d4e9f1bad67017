/** The cluster's feature level: what all of its nodes know, so that versions can be rolled node by node. */
import { Refusal } from '#base/refusal';
import type { NodeDescription } from '#model/object/node';
import { update, type Action } from '#store/action';
import { clusterLevel } from '#store/feature-level';
import { clusterOf, type View } from '#store/view';

const levelOf = (description: NodeDescription | undefined): number => description?.Shoal?.FeatureLevel ?? 1;

/** Refuses a node whose program is older than what the cluster already uses. */
export function refuseOlder(view: View, description: NodeDescription): void {
  const [own, needed] = [levelOf(description), clusterLevel(view)];
  if (own >= needed) return;
  throw new Refusal(
    'failedPrecondition',
    `the program on this node is too old for the cluster (feature level ${own}, the cluster uses ${needed}): install the version of the other nodes`,
  );
}

/** Raises the cluster's level once `nodeId`, which says `description` of itself, was the last one that knew less. */
export function raiseLevel(view: View, nodeId: string, description: NodeDescription): Action[] {
  const cluster = clusterOf(view);
  let level = levelOf(description);
  if (!cluster || level <= clusterLevel(view)) return [];
  for (const node of view.list('node')) if (node.ID !== nodeId) level = Math.min(level, levelOf(node.Description));
  return level > clusterLevel(view) ? [update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, FeatureLevel: level } })] : [];
}

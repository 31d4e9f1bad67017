/** The cluster's feature level: what all of its nodes know, so that versions can be rolled node by node. */
import { Refusal } from '#base/refusal';
import type { NodeDescription } from '#model/object/node';
import { clusterLevel, levelOf } from '#store/feature-level';
import type { View } from '#store/view';

/** Refuses a node whose program is older than what the cluster already uses. */
export function refuseOlder(view: View, description: NodeDescription): void {
  const [own, needed] = [levelOf(description), clusterLevel(view)];
  if (own >= needed) return;
  throw new Refusal(
    'failedPrecondition',
    `the program on this node is too old for the cluster (feature level ${own}, the cluster uses ${needed}): install the version of the other nodes`,
  );
}

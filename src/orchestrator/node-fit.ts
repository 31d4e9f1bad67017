/** Which nodes may hold tasks of a service. */
import { nodeMatches, parseConstraints } from '#model/constraint';
import type { Node } from '#model/node';
import type { Placement } from '#model/service-spec';

/** The node fulfils the placement's constraints; preferences and the limit per node are the scheduler's. */
export function fulfils(node: Node, placement: Placement | undefined): boolean {
  const expressions = placement?.Constraints;
  if (!expressions || expressions.length === 0) return true;
  return nodeMatches(parseConstraints(expressions), node, node.Spec.Role);
}

/** Tasks must leave: the node is gone, down or drained. Unknown, disconnected and paused nodes keep theirs. */
export function isLost(node: Node | undefined): boolean {
  return !node || node.Status.State === 'down' || node.Spec.Availability === 'drain';
}

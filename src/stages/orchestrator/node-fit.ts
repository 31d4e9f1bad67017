/** Which nodes can keep their tasks. */
import type { Node } from '#model/object/node';

/** Tasks must leave: the node is gone, down or drained. Unknown, disconnected and paused nodes keep theirs. */
export function isLost(node: Node | undefined): boolean {
  return !node || node.Status.State === 'down' || node.Spec.Availability === 'drain';
}

/** What a node says of itself, and that it is there. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { withoutLeaving } from '#model/manager-address';
import type { Node, NodeDescription } from '#model/object/node';
import { update, type Action } from '#store/action';
import { raised } from '#store/feature-level';
import type { View } from '#store/view';
import { arrived } from './heartbeat.ts';
import { refuseOlder } from './feature-level.ts';

/**
 * The actions that make a node ready when it opens a session from `address`: none when all is known.
 * Refuses `notFound` when the node is not a member.
 */
export function registerNode(view: View, nodeId: string, description: NodeDescription, address: string): Action[] {
  const node = memberOf(view, nodeId);
  const Status: Node['Status'] = { State: 'ready', Addr: address };
  refuseOlder(view, description);
  const level = raised(view, nodeId, description);
  const next = withRole(arrived(node), description);
  if (next === node && equal(node.Status, Status) && equal(node.Description, description)) return level;
  return [update('node', { ...next, Status, Description: description }), ...level];
}

/** The actions that write a changed description; refuses `notFound` when the node is not a member. */
export function describeNode(view: View, nodeId: string, description: NodeDescription): Action[] {
  const node = memberOf(view, nodeId);
  const next = withRole(node, description);
  return next === node && equal(node.Description, description)
    ? []
    : [update('node', { ...next, Description: description }), ...raised(view, nodeId, description)];
}

/** Who says that he is a worker knows that he was let go as a manager. */
function withRole(node: Node, { Shoal }: NodeDescription): Node {
  return Shoal?.Role === 'worker' ? withoutLeaving(node) : node;
}

function memberOf(view: View, nodeId: string): Node {
  const node = view.get('node', nodeId);
  if (!node) throw new Refusal('notFound', 'node not registered');
  return node;
}

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
export function registerNode(view: View, nodeId: string, said: NodeDescription, address: string): Action[] {
  const node = memberOf(view, nodeId);
  const description = withOwnKeys(view, node, said);
  const Status: Node['Status'] = { State: 'ready', Addr: address };
  refuseOlder(view, description);
  const level = raised(view, nodeId, description);
  const next = withRole(arrived(node), description);
  if (next === node && equal(node.Status, Status) && equal(node.Description, description)) return level;
  return [update('node', { ...next, Status, Description: description }), ...level];
}

/** The actions that write a changed description; refuses `notFound` when the node is not a member. */
export function describeNode(view: View, nodeId: string, said: NodeDescription): Action[] {
  const node = memberOf(view, nodeId);
  const description = withOwnKeys(view, node, said);
  const next = withRole(node, description);
  return next === node && equal(node.Description, description)
    ? []
    : [update('node', { ...next, Description: description }), ...raised(view, nodeId, description)];
}

/** Who says that he is a worker knows that he was let go as a manager. */
function withRole(node: Node, { Shoal }: NodeDescription): Node {
  return Shoal?.Role === 'worker' ? withoutLeaving(node) : node;
}

/** Public keys are seen by all: who says that another's is his would cut that one off. The first holder keeps it. */
function withOwnKeys(view: View, node: Node, description: NodeDescription): NodeDescription {
  const said = description.Shoal?.Encryption;
  if (said?.Key === undefined || equal(said, node.Description?.Shoal?.Encryption)) return description;
  const holder = [...view.list('node')].find(({ ID, Description }) => ID !== node.ID && keysOf(Description).some((key) => keysOf(description).includes(key)));
  if (!holder) return description;
  return { ...description, Shoal: { ...description.Shoal, Encryption: { Lacks: `a key of its own: node ${holder.ID} has that one` } } };
}

function keysOf(description: NodeDescription | undefined): string[] {
  const { Key, Next } = description?.Shoal?.Encryption ?? {};
  return [Key, Next].filter((key) => key !== undefined);
}

function memberOf(view: View, nodeId: string): Node {
  const node = view.get('node', nodeId);
  if (!node) throw new Refusal('notFound', 'node not registered');
  return node;
}

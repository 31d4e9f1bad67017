/** What a node says of itself, and that it is there. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { roleOf, withLeaving, withoutLeaving } from '#model/manager-address';
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
  const description = withOwnKeys(view, { ...node, Status: { ...node.Status, Addr: address } }, said);
  const Status: Node['Status'] = { State: 'ready', Addr: address };
  refuseOlder(view, description);
  const more = [...raised(view, nodeId, description), ...withoutAddressOf(view, { ...node, Status })];
  const next = withRole(arrived(node), description);
  if (next === node && equal(node.Status, Status) && equal(node.Description, description)) return more;
  return [update('node', { ...next, Status, Description: description }), ...more];
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

/**
 * Who says that he is a worker knows that he was let go as a manager. Who was let go and says that he is a manager does not: a certificate that was
 * made for him may never have come, and one who is wanted again by then would take the seat that he lost for the one that he is to get.
 */
function withRole(node: Node, { Shoal }: NodeDescription): Node {
  if (Shoal?.Role === 'worker') return withoutLeaving(node);
  return Shoal?.Role === 'manager' && roleOf(node) === 'worker' ? withLeaving(node) : node;
}

/**
 * Public keys and addresses are seen by all: who says that another's is his would cut that one off. A key belongs to its first holder, an address
 * to the node that speaks from it, else to the first who said that he is sent to there.
 */
function withOwnKeys(view: View, node: Node, description: NodeDescription): NodeDescription {
  const known = view.get('node', node.ID);
  const words = wordsOf(description, node.Status);
  if (!encrypts(description) || (known && equal(words, wordsOf(known.Description, known.Status)))) return description;
  const holder = [...view.list('node')].find(
    (each) => each.ID !== node.ID && each.Status.State !== 'down' && heldBy(each).some((held) => words.includes(held)),
  );
  return holder ? lacking(description, holder) : description;
}

/** Nodes whose word it was that they are sent to where `owner` speaks from now: nothing encrypted goes to them, and he is not cut off for their sake. */
function withoutAddressOf(view: View, owner: Node): Action[] {
  const { Addr } = owner.Status;
  const known = view.get('node', owner.ID);
  // Since it came from there nobody was let say so, while it was not down.
  if (Addr === '' || (known?.Description && known.Status.Addr === Addr && known.Status.State !== 'down')) return [];
  const actions: Action[] = [];
  for (const each of view.list('node')) {
    const { Description: said } = each;
    const isClaim = said?.Shoal?.DataPathAddr === Addr && each.ID !== owner.ID && each.Status.Addr !== Addr && encrypts(said);
    if (isClaim) actions.push(update('node', { ...each, Description: lacking(said, owner) }));
  }
  return actions;
}

function encrypts(description: NodeDescription | undefined): boolean {
  return description?.Shoal?.Encryption?.Key !== undefined;
}

function lacking(description: NodeDescription, holder: Node): NodeDescription {
  return { ...description, Shoal: { ...description.Shoal, Encryption: { Lacks: `a key and an address of its own: node ${holder.ID} has the same` } } };
}

function wordsOf(description: NodeDescription | undefined, { Addr }: Node['Status']): string[] {
  const { DataPathAddr = Addr } = description?.Shoal ?? {};
  return [...keysOf(description), ...(DataPathAddr === Addr ? [] : [DataPathAddr])];
}

function heldBy({ Description, Status }: Node): string[] {
  const { DataPathAddr = Status.Addr } = encrypts(Description) ? (Description?.Shoal ?? {}) : {};
  return [...keysOf(Description), Status.Addr, DataPathAddr];
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

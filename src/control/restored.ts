/** A cluster's nodes as a backup brings them back: one of them is the only manager, and the others are waited for. */
import { longestAwayMs, type Node, type NodeDescription } from '#model/object/node';
import { newMeta } from '#store/action';

export interface RestoredPlace {
  nodeId: string;
  /** Where other nodes reach it, without port. */
  address: string;
  /** The same as a manager, with port. */
  managerAddress: string;
  description: NodeDescription;
}

/**
 * All nodes, in the order of their making, with `place` as the only manager: one of them, or a new one. Those that were not down then
 * get a while to come: they may run their tasks still. @param now milliseconds
 */
export function restoredNodes(nodes: readonly Node[], place: RestoredPlace, now: number): Node[] {
  const known = nodes.some(({ ID }) => ID === place.nodeId);
  const all = nodes.map((node) => (node.ID === place.nodeId ? asManager(node, place) : waitedFor(node, now)));
  return known
    ? all
    : [
        ...all,
        asManager({ ...newMeta(place.nodeId), Spec: { Labels: {}, Role: 'manager', Availability: 'active' }, Status: { State: 'unknown', Addr: '' } }, place),
      ];
}

function asManager(node: Node, { address, managerAddress, description }: RestoredPlace): Node {
  const { AwayUntil: _away, DownSince: _down, Leaving: _left, ...rest } = node.Shoal ?? {};
  return {
    ...node,
    Spec: { ...node.Spec, Role: 'manager' },
    Description: description,
    Status: { State: 'ready', Addr: address },
    Shoal: { ...rest, Role: 'manager', ManagerAddr: managerAddress },
  };
}

function waitedFor(node: Node, now: number): Node {
  const { ManagerAddr: _gone, ...rest } = node.Shoal ?? {};
  const wasManager = node.Spec.Role === 'manager' || rest.Role === 'manager';
  const role = wasManager ? { Role: 'worker' as const, Leaving: true as const } : {};
  const Spec = wasManager ? { ...node.Spec, Role: 'worker' as const } : node.Spec;
  if (node.Status.State === 'down') return { ...node, Spec, Shoal: { ...rest, ...role } };
  const Status = { ...node.Status, State: 'disconnected' as const, Message: 'the cluster was restored from a backup: this node is waited for' };
  return { ...node, Spec, Status, Shoal: { ...rest, ...role, AwayUntil: now + longestAwayMs } };
}

/** Where nodes reach managers. */
import type { Node, NodeSpec } from './object/node.ts';

/** Docker's port between nodes. */
export const managerPort = 2377;

/** `10.0.0.1:2377`, `[fd00::1]:2377` */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The role that a node has; the one that is wanted may be another. */
export function roleOf({ Shoal, Spec }: Pick<Node, 'Shoal' | 'Spec'>): NodeSpec['Role'] {
  return Shoal?.Role ?? Spec.Role;
}

/** The role that a node's next certificate names. It is a manager as soon as that is wanted, and a worker when the managers have let it go. */
export function certifiedRole(node: Pick<Node, 'Shoal' | 'Spec'>): NodeSpec['Role'] {
  if (node.Shoal?.Leaving) return 'worker';
  return node.Spec.Role === 'manager' ? 'manager' : roleOf(node);
}

/** The node as one that knows that it was let go: from now on it may be a manager again. */
export function withoutLeaving(node: Node): Node {
  if (!node.Shoal?.Leaving) return node;
  const { Leaving: _over, ...rest } = node.Shoal;
  return { ...node, Shoal: rest };
}

/** HOST:PORT of a manager. */
export function managerAddress({ Shoal, Status }: Pick<Node, 'Shoal' | 'Status'>): string {
  return Shoal?.ManagerAddr ?? hostPort(Status.Addr, managerPort);
}

/** Address and id of each manager among the nodes, in one order whatever the nodes' is. */
export function managersByAddress(nodes: Iterable<Node>): [address: string, id: string][] {
  const pairs = [...nodes].filter((node) => roleOf(node) === 'manager').map((node): [string, string] => [managerAddress(node), node.ID]);
  return pairs.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
}

/** Of each manager among the nodes. */
export function managerAddresses(nodes: Iterable<Node>): string[] {
  return [...nodes].filter((node) => roleOf(node) === 'manager').map(managerAddress);
}

/** Where nodes reach managers. */
import { isAddress, isUnspecified } from './address.ts';
import type { Node, NodeSpec } from './object/node.ts';

/** Docker's port between nodes. */
export const managerPort = 2377;

/** `10.0.0.1:2377`, `[fd00::1]:2377` */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether `text` is HOST:PORT of one host that others can reach, by address or name. */
export function isPlace(text: string): boolean {
  const [, six, four, port = ''] = /^(?:\[([^\]]{2,45})\]|([a-zA-Z0-9._-]{1,253})):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  if (host === undefined || isUnspecified(host) || Number(port) < 1 || Number(port) > 0xffff) return false;
  return six === undefined ? isAddress(host) || !/^[\d.]+$/.test(host) : isAddress(six);
}

/** Of HOST:PORT; the host without brackets, as a connection names it. */
export function placeParts(place: string): { host: string; port: number } {
  const at = place.lastIndexOf(':');
  return { host: place.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(place.slice(at + 1)) };
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

/** The node as one that does not know that it was let go: it is told so before it can be a manager again. */
export function withLeaving(node: Node): Node {
  return node.Shoal?.Leaving ? node : { ...node, Shoal: { ...node.Shoal, Leaving: true } };
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

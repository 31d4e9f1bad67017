/** Published ports that nodes cannot serve because somebody else has them there. */
import type { Node } from '../object/node.ts';

/** A sentence for each, with the node: `node two: cannot publish port 80/tcp of service web: it is in use by nginx (process 812)`. */
export function clashesOf(service: string | undefined, nodes: Iterable<Node>): string[] {
  const found: string[] = [];
  for (const { Description, Status } of nodes) {
    if (Status.State !== 'ready') continue;
    for (const { Service, Text } of Description?.Shoal?.Clashes ?? []) if (Service === service) found.push(`node ${Description?.Hostname}: ${Text}`);
  }
  return found;
}

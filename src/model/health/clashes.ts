/** Published ports that nodes cannot serve because somebody else has them there. */
import { roleOf } from '../manager-address.ts';
import type { Node } from '../object/node.ts';
import { isPlaced, type Task } from '../object/task.ts';

/**
 * A sentence for each, with the node: `node two: cannot publish port 80/tcp of service web: it is in use by nginx (process 812)`.
 * Managers are believed. A worker is where a task of the service is placed on it: of other services it may say what it likes.
 */
export function clashesOf(service: string | undefined, tasks: Iterable<Task>, nodes: Iterable<Node>): string[] {
  const found: string[] = [];
  let hosts: ReadonlySet<string> | undefined;
  for (const node of nodes) {
    const { ID, Description, Status } = node;
    if (Status.State !== 'ready') continue;
    for (const { Service, Text } of Description?.Shoal?.Clashes ?? []) {
      if (Service !== service) continue;
      hosts ??= hostsOf(tasks);
      if (roleOf(node) === 'manager' || hosts.has(ID)) found.push(`node ${Description?.Hostname}: ${Text}`);
    }
  }
  return found;
}

function hostsOf(tasks: Iterable<Task>): ReadonlySet<string> {
  const hosts = new Set<string>();
  for (const task of tasks) if (isPlaced(task)) hosts.add(task.NodeID);
  return hosts;
}

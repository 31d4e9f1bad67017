/** Published ports that nodes cannot serve because somebody else has them there. */
import { roleOf } from '../manager-address.ts';
import type { Node } from '../object/node.ts';
import { isPlaced, type Task } from '../object/task.ts';

/** What nodes say, by the service that they name; those that are there, each looked at once, however many services are asked about. */
export type SaidClashes = ReadonlyMap<string, readonly Said[]>;

interface Said {
  node: Node;
  text: string;
}

export function saidClashes(nodes: Iterable<Node>): SaidClashes {
  const said = new Map<string, Said[]>();
  for (const node of nodes) {
    const { Description, Status } = node;
    if (Status.State !== 'ready') continue;
    for (const { Service, Text } of Description?.Shoal?.Clashes ?? []) {
      const one = { node, text: `node ${Description?.Hostname}: ${Text}` };
      const known = said.get(Service);
      if (known) known.push(one);
      else said.set(Service, [one]);
    }
  }
  return said;
}

export interface Clash {
  /** With the node: `node two: cannot publish port 80/tcp of service web: it is in use by nginx (process 812)`. */
  text: string;
  /** Managers are believed, and a worker where a task of the service is placed on it. Of other services it may say what it likes: that is shown, and nothing comes of it. */
  believed: boolean;
}

/** Of the service's, those that are believed first. */
export function clashesOf(service: string, tasks: Iterable<Task>, said: SaidClashes): Clash[] {
  const ofIt = said.get(service);
  if (!ofIt) return [];
  const hosts = hostsOf(tasks);
  const found = ofIt.map(({ node, text }): Clash => {
    const believed = hosts.has(node.ID) || roleOf(node) === 'manager';
    // By its name anybody may say that he is.
    return { text: believed ? text : `node ${node.ID}, which has no task of it, says as ${text}`, believed };
  });
  return found.toSorted((a, b) => Number(b.believed) - Number(a.believed));
}

function hostsOf(tasks: Iterable<Task>): ReadonlySet<string> {
  const hosts = new Set<string>();
  for (const task of tasks) if (isPlaced(task)) hosts.add(task.NodeID);
  return hosts;
}

/** By map of nodes, which nobody changes who has it judged by: a request asks about each of its services. */
const known = new WeakMap<ReadonlyMap<string, Node>, SaidClashes>();

export function saidAmong(nodes: ReadonlyMap<string, Node>): SaidClashes {
  let said = known.get(nodes);
  if (!said) known.set(nodes, (said = saidClashes(nodes.values())));
  return said;
}

/** Whose assignments a commit may have changed. */
import { equal } from '#base/equal';
import type { Service } from '#model/service';
import type { Task } from '#model/task';
import { isIngress } from '#model/port';
import { isPlaced } from '#model/task';
import type { EventOf, StoreEvent } from '#store/action';
import type { View } from '#store/view';
import { filesOf } from './assignments.ts';

/** What the events touch, before it is said which nodes that means. */
interface Touched {
  nodes: Set<string>;
  /** Ids of services whose endpoint changed: it is seen on every network that one of their tasks is on. */
  services: Set<string>;
  /** Ids of networks that changed, or on which endpoints did. */
  networks: Set<string>;
  /** Ids of secrets and configs. */
  files: Set<string>;
  all: boolean;
}

/**
 * The nodes whose assignments may differ after `events`, which `view` holds already; 'all' when the ports that
 * every node publishes are concerned. It may name too many, never too few.
 */
export function affectedNodes(view: View, events: readonly StoreEvent[]): ReadonlySet<string> | 'all' {
  const touched: Touched = { nodes: new Set(), services: new Set(), networks: new Set(), files: new Set(), all: false };
  for (const event of events) touch(touched, view, event);
  if (touched.all) return 'all';
  for (const id of touched.services) {
    for (const task of view.tasksOfService(id)) addNetworks(touched, task);
  }
  if (touched.networks.size > 0) addNodesOfNetworks(touched, view);
  if (touched.files.size > 0) addNodesOfFiles(touched, view);
  return touched.nodes;
}

function touch(touched: Touched, view: View, event: StoreEvent): void {
  switch (event.kind) {
    case 'task':
      return touchTask(touched, view, event);
    case 'service':
      return touchService(touched, event);
    case 'network':
      touched.networks.add(event.id);
      return;
    case 'node':
      if (!equal(event.object?.Shoal?.Gateways, event.previous?.Shoal?.Gateways)) touched.nodes.add(event.id);
      return;
    case 'secret':
    case 'config':
      // Nothing can use what has just been made.
      if (event.previous) touched.files.add(event.id);
      return;
    default:
      return;
  }
}

function touchTask(touched: Touched, view: View, { object, previous }: EventOf<'task'>): void {
  for (const task of [object, previous]) if (task?.NodeID) touched.nodes.add(task.NodeID);
  if (equal(endpointFacts(object), endpointFacts(previous))) return;
  const serviceId = (object ?? previous)?.ServiceID ?? '';
  const service = view.get('service', serviceId);
  if (service && publishes(service)) touched.all = true;
  touched.services.add(serviceId);
  addNetworks(touched, previous);
}

/** What of a task stands in its service's endpoint; undefined when it does not stand there. */
function endpointFacts(task: Task | undefined): unknown {
  if (!task || !isPlaced(task)) return undefined;
  const { NodeID, Slot, DesiredState, NetworksAttachments } = task;
  return { NodeID, Slot, DesiredState, NetworksAttachments, running: task.Status.State === 'running' };
}

function touchService(touched: Touched, { id, object, previous }: EventOf<'service'>): void {
  const same = object?.Spec.Name === previous?.Spec.Name && equal(object?.Endpoint?.Ports, previous?.Endpoint?.Ports);
  if (same) return;
  if ([object, previous].some((service) => service && publishes(service))) touched.all = true;
  touched.services.add(id);
}

function publishes(service: Service): boolean {
  return (service.Endpoint?.Ports ?? []).some(isIngress);
}

function addNetworks(touched: Touched, task: Task | undefined): void {
  for (const { Network } of task?.NetworksAttachments ?? []) touched.networks.add(Network.ID);
}

/** A node is on a network as long as it has a gateway there. */
function addNodesOfNetworks(touched: Touched, view: View): void {
  for (const node of view.list('node')) {
    if (Object.keys(node.Shoal?.Gateways ?? {}).some((id) => touched.networks.has(id))) touched.nodes.add(node.ID);
  }
}

function addNodesOfFiles(touched: Touched, view: View): void {
  for (const task of view.list('task')) {
    if (!isPlaced(task) || touched.nodes.has(task.NodeID)) continue;
    const { secrets, configs } = filesOf(task);
    if ([...secrets, ...configs].some((id) => touched.files.has(id))) touched.nodes.add(task.NodeID);
  }
}

/** The endpoint record of every service: where its tasks answer. One record is shared by all nodes. */
import { equal } from '#base/equal';
import { compareTexts } from '#base/text';
import type { EndpointTask, ServiceEndpoint } from '#model/assignment';
import { nodeLocalNetworks } from '#model/network';
import type { Service } from '#model/service';
import type { Task } from '#model/task';
import { compareStates } from '#model/task-state';
import { isIngress } from '#model/port';
import { isPlaced } from '#model/task';
import type { StoreEvent } from '#store/action';
import type { View } from '#store/view';

export interface EndpointRecord {
  endpoint: ServiceEndpoint;
  /** As it stands in a node's set; made once, so that comparing sets is cheap. */
  key: string;
  change: { action: 'update'; kind: 'endpoint'; item: ServiceEndpoint };
  /** Ids of the networks on which the service's tasks are to be reached. */
  networks: ReadonlySet<string>;
}

/** Records by service id. Treat them as immutable: `updateEndpoints` makes new ones. */
export type Endpoints = ReadonlyMap<string, EndpointRecord>;

/** All records; cost grows with services and tasks. */
export function endpointsOf(view: View): Endpoints {
  const endpoints = new Map<string, EndpointRecord>();
  for (const service of view.list('service')) endpoints.set(service.ID, recordOf(view, service));
  return endpoints;
}

/** The records after a commit; those that did not change are the same objects as before, and if none did, so is the map. */
export function updateEndpoints(before: Endpoints, view: View, events: readonly StoreEvent[]): Endpoints {
  const touched = new Set<string>();
  for (const event of events) {
    if (event.kind === 'service') touched.add(event.id);
    if (event.kind === 'task') touched.add((event.object ?? event.previous)?.ServiceID ?? '');
  }
  let after: Map<string, EndpointRecord> | undefined;
  for (const id of touched) {
    const service = view.get('service', id);
    const old = before.get(id);
    const record = service && recordOf(view, service);
    if (equal(old?.endpoint, record?.endpoint)) continue;
    after ??= new Map(before);
    if (record) after.set(id, record);
    else after.delete(id);
  }
  return after ?? before;
}

/** Tasks that the node's container traffic may go to or come from: on a node, and not ended. */

function recordOf(view: View, service: Service): EndpointRecord {
  const networks = new Set<string>();
  const tasks: EndpointTask[] = [];
  for (const task of view.tasksOfService(service.ID)) {
    if (!isPlaced(task)) continue;
    const endpointTask = endpointTaskOf(task);
    for (const { NetworkID } of endpointTask.Networks) networks.add(NetworkID);
    tasks.push(endpointTask);
  }
  // The index of a service's tasks is in no order to rely on.
  tasks.sort((a, b) => (a.Slot ?? 0) - (b.Slot ?? 0) || compareTexts(a.TaskID, b.TaskID));
  const Ports = (service.Endpoint?.Ports ?? []).filter(isIngress);
  const endpoint: ServiceEndpoint = { ServiceID: service.ID, Name: service.Spec.Name, Ports, Tasks: tasks };
  return { endpoint, key: `endpoint:${service.ID}`, change: { action: 'update', kind: 'endpoint', item: endpoint }, networks };
}

function endpointTaskOf(task: Task): EndpointTask {
  const Networks = (task.NetworksAttachments ?? []).flatMap(({ Network, Addresses, Aliases = [] }) => {
    const [Address] = Addresses[0]?.split('/') ?? [];
    return Address && !nodeLocalNetworks.includes(Network.Spec.Name) ? [{ NetworkID: Network.ID, Address, Aliases }] : [];
  });
  const Ready = task.Status.State === 'running' && compareStates(task.DesiredState, 'running') <= 0;
  return { TaskID: task.ID, NodeID: task.NodeID, ...(task.Slot !== undefined && { Slot: task.Slot }), Ready, Networks };
}

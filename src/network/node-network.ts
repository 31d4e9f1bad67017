/** Joins the facets to one node's network: what a task's end means for names and ports is said here, once. */
import type { ServiceEndpoint } from '#model/object/assignment';
import type { Bridges, Facet, Names, NodeNetwork, Overlay, Ports, Traffic } from './contract.ts';

export interface NetworkParts {
  bridges: Bridges;
  overlay: Facet<Overlay>;
  ports: Ports;
  names: Names;
}

/** A node's network of `parts`; starting and stopping them is their owner's. */
export function joinFacets(parts: NetworkParts): Omit<NodeNetwork, 'start' | 'stop'> {
  const detaching = new Set<string>();
  const introduced = introduceAddresses(parts.names, parts.ports);
  const names = withoutTasks(introduced.names, detaching);
  const ports = withoutTasks(introduced.ports, detaching);
  return {
    bridges: parts.bridges,
    overlay: parts.overlay,
    ports: { ...ports.facet, clashes: () => parts.ports.clashes(), connected: (taskId) => parts.ports.connected(taskId) },
    names: { ...names.facet, servers: () => parts.names.servers() },
    attaching: (attachment) => parts.names.attached(attachment),
    async attached(attachment) {
      // Before it is led there: what it asks until then is asked of those that it was made with.
      await parts.names.attached(attachment);
      await Promise.all([parts.bridges.attached(attachment), parts.ports.attached(attachment)]);
    },
    async detaching(taskId) {
      detaching.add(taskId);
      // One that fails keeps the other from nothing.
      const done = await Promise.allSettled([names.again(), ports.again()]);
      for (const each of done) if (each.status === 'rejected') throw each.reason;
    },
    detached(taskId) {
      detaching.delete(taskId);
      for (const part of [parts.names, parts.bridges, parts.ports]) part.detached(taskId);
    },
  };
}

/** Names and ports of which a service's name leads to an address that is new to it only when connections to that are led on: until then it leads to the tasks, as it did. */
function introduceAddresses(names: Facet<Traffic>, ports: Facet<Traffic>): { names: Facet<Traffic>; ports: Facet<Traffic> } {
  let led: ReadonlySet<string> = new Set();
  let told: ReadonlyMap<string, ServiceEndpoint> = new Map();
  let wantedNames: Traffic | undefined;
  let isAnyHeld = false;
  const held = (service: ServiceEndpoint): ServiceEndpoint => {
    const { VirtualIPs = [] } = service;
    const before = VirtualIPs.length > 0 ? told.get(service.ServiceID) : undefined;
    const known = VirtualIPs.filter(({ NetworkID, Address }) => led.has(Address) || !before || !servesByTasks(before, NetworkID));
    return known.length === VirtualIPs.length ? service : { ...service, VirtualIPs: known };
  };
  const tell = async (wanted: Traffic): Promise<void> => {
    const services = wanted.services.map(held);
    told = new Map(services.map((service) => [service.ServiceID, service]));
    isAnyHeld = services.some((service, at) => service !== wanted.services[at]);
    await names.apply(isAnyHeld ? { ...wanted, services } : wanted);
  };
  return {
    names: {
      ...restOf(names),
      apply(wanted) {
        wantedNames = wanted;
        return tell(wanted);
      },
    },
    ports: {
      ...restOf(ports),
      async apply(wanted) {
        await ports.apply(wanted);
        led = new Set(wanted.services.flatMap(({ VirtualIPs = [] }) => VirtualIPs.map(({ Address }) => Address)));
        if (isAnyHeld && wantedNames) await tell(wantedNames);
      },
    },
  };
}

/** Whether its name leads to tasks in the network, and not to an address of its own. */
function servesByTasks({ VirtualIPs = [], Tasks }: ServiceEndpoint, networkId: string): boolean {
  const isThere = ({ NetworkID }: { NetworkID: string }): boolean => NetworkID === networkId;
  return !VirtualIPs.some(isThere) && Tasks.some(({ Ready, Networks }) => Ready && Networks.some(isThere));
}

function restOf(facet: Facet<Traffic>): Omit<Facet<Traffic>, 'apply'> {
  return { audit: () => facet.audit(), problems: () => facet.problems(), counters: () => facet.counters() };
}

/** `facet`, for which tasks in `left` are never ready; `again` applies what was wanted last. */
function withoutTasks(facet: Facet<Traffic>, left: ReadonlySet<string>): { facet: Facet<Traffic>; again: () => Promise<void> } {
  let last: Traffic | undefined;
  const again = async (): Promise<void> => {
    if (last) await facet.apply({ ...last, services: last.services.map((service) => withoutReady(service, left)) });
  };
  return {
    again,
    facet: {
      apply(wanted) {
        last = wanted;
        return again();
      },
      ...restOf(facet),
    },
  };
}

/** The same object when nothing is to be left out, so that those who compare see no change. */
function withoutReady(service: Traffic['services'][number], left: ReadonlySet<string>): Traffic['services'][number] {
  const leaves = (task: (typeof service.Tasks)[number]): boolean => task.Ready && left.has(task.TaskID);
  if (!service.Tasks.some(leaves)) return service;
  return { ...service, Tasks: service.Tasks.map((task) => (leaves(task) ? { ...task, Ready: false } : task)) };
}

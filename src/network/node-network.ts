/** Joins the facets to one node's network: what a task's end means for names and ports is said here, once. */
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
  const names = withoutTasks(parts.names, detaching);
  const ports = withoutTasks(parts.ports, detaching);
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
      audit: () => facet.audit(),
      problems: () => facet.problems(),
      counters: () => facet.counters(),
    },
  };
}

/** The same object when nothing is to be left out, so that those who compare see no change. */
function withoutReady(service: Traffic['services'][number], left: ReadonlySet<string>): Traffic['services'][number] {
  const leaves = (task: (typeof service.Tasks)[number]): boolean => task.Ready && left.has(task.TaskID);
  if (!service.Tasks.some(leaves)) return service;
  return { ...service, Tasks: service.Tasks.map((task) => (leaves(task) ? { ...task, Ready: false } : task)) };
}

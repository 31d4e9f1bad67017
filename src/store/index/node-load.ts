/** What the tasks on a node take of it: kept with every change of a task, so that nobody has to count. */
import { hostAddressOf, hostPortsOf, publishedKey } from '#model/port/port';
import type { GenericResource, PortConfig } from '#model/object/service-spec';
import { isActive, isPlaced, type Task } from '#model/object/task';

export class NodeLoad {
  /** Tasks that are wanted and have not ended. */
  activeTasks = 0;
  /** Reserved by tasks that have not ended: also one that is only told to stop takes room until it does. */
  nanoCPUs = 0;
  memoryBytes = 0;
  /** Generic resources by the task that was given them. */
  readonly generic = new Map<string, readonly GenericResource[]>();
  /** Host addresses on which a port is taken, by `publishedKey`; '' is every address. */
  readonly hostPorts = new Map<string, readonly string[]>();
  /** Tasks that have not ended, by network id. */
  readonly networks = new Map<string, number>();

  copy(): NodeLoad {
    const copy = new NodeLoad();
    copy.activeTasks = this.activeTasks;
    copy.nanoCPUs = this.nanoCPUs;
    copy.memoryBytes = this.memoryBytes;
    for (const [id, given] of this.generic) copy.generic.set(id, given);
    for (const [key, addresses] of this.hostPorts) copy.hostPorts.set(key, addresses);
    for (const [id, count] of this.networks) copy.networks.set(id, count);
    return copy;
  }

  /** Counts a task that `isPlaced` here. */
  add(task: Task): void {
    this.#count(task, 1);
    if (task.GenericResources) this.generic.set(task.ID, task.GenericResources as readonly GenericResource[]);
    for (const port of fixedPortsOf(task)) {
      const key = publishedKey(port);
      this.hostPorts.set(key, [...(this.hostPorts.get(key) ?? []), hostAddressOf(port)]);
    }
  }

  remove(task: Task): void {
    this.#count(task, -1);
    this.generic.delete(task.ID);
    for (const port of fixedPortsOf(task)) {
      const key = publishedKey(port);
      const left = [...(this.hostPorts.get(key) ?? [])];
      left.splice(left.indexOf(hostAddressOf(port)), 1);
      if (left.length > 0) this.hostPorts.set(key, left);
      else this.hostPorts.delete(key);
    }
  }

  #count(task: Task, sign: 1 | -1): void {
    if (isActive(task)) this.activeTasks += sign;
    const reserved = task.Spec.Resources?.Reservations;
    this.nanoCPUs += sign * (reserved?.NanoCPUs ?? 0);
    this.memoryBytes += sign * (reserved?.MemoryBytes ?? 0);
    for (const { Network } of task.NetworksAttachments ?? []) {
      const count = (this.networks.get(Network.ID) ?? 0) + sign;
      if (count > 0) this.networks.set(Network.ID, count);
      else this.networks.delete(Network.ID);
    }
  }
}

/** The ports with a fixed number that the task's container takes on its node directly. */
export function fixedPortsOf(task: Task): readonly PortConfig[] {
  return hostPortsOf(task).filter((port) => port.PublishedPort);
}

/** The node on which the task counts; undefined when it does on none. */
export function loadedNode(task: Task | undefined): string | undefined {
  return task && isPlaced(task) ? task.NodeID : undefined;
}

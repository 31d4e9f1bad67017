/** A node as the scheduler sees it: with what its tasks take of it, those that it gives it in this run among them. */
import type { Node } from '#model/object/node';
import { hostAddressOf, publishedKey } from '#model/port/port';
import type { PortConfig } from '#model/object/service-spec';
import { isActive, type Task } from '#model/object/task';
import { NodeLoad } from '#store/index/node-load';
import { GenericStock } from './generic.ts';

export class Candidate {
  readonly node: Node;
  #load: NodeLoad;
  /** The load is our own to change. */
  #owned = false;
  #generic: GenericStock | undefined;
  /** Of the services that were looked at: mostly it is one, which stands for itself. */
  #service: string | undefined;
  #activeOfService = 0;
  #activeOfOthers: Map<string, number> | undefined;
  #failures: Map<string, number> | undefined;

  /** `load` is not changed. */
  constructor(node: Node, load = new NodeLoad()) {
    this.node = node;
    this.#load = load;
  }

  /** Active tasks, of all services. */
  get activeTasks(): number {
    return this.#load.activeTasks;
  }

  get freeCPUs(): number {
    return (this.node.Description?.Resources.NanoCPUs ?? 0) - this.#load.nanoCPUs;
  }

  get freeMemory(): number {
    return (this.node.Description?.Resources.MemoryBytes ?? 0) - this.#load.memoryBytes;
  }

  get generic(): GenericStock {
    if (!this.#generic) {
      this.#generic = new GenericStock(this.node.Description?.Resources.GenericResources);
      for (const given of this.#load.generic.values()) this.#generic.subtract(given);
    }
    return this.#generic;
  }

  /** Puts a task on the node. */
  add(task: Task): void {
    if (!this.#owned) {
      this.#load = this.#load.copy();
      this.#owned = true;
    }
    this.#load.add(task);
    this.#generic = undefined;
    if (isActive(task)) this.addActive(task.ServiceID);
  }

  /** Counts active tasks of a service that is looked at: they stand in the load already. */
  addActive(serviceId: string, count = 1): void {
    this.#service ??= serviceId;
    if (this.#service === serviceId) this.#activeOfService += count;
    else (this.#activeOfOthers ??= new Map()).set(serviceId, this.activeTasksOf(serviceId) + count);
  }

  /** Counts a task of `group` that failed here lately. */
  addFailure(group: string): void {
    this.#failures ??= new Map();
    this.#failures.set(group, this.failuresOf(group) + 1);
  }

  activeTasksOf(serviceId: string): number {
    return serviceId === this.#service ? this.#activeOfService : (this.#activeOfOthers?.get(serviceId) ?? 0);
  }

  failuresOf(group: string): number {
    return this.#failures?.get(group) ?? 0;
  }

  hasPortsFree(ports: readonly PortConfig[]): boolean {
    return ports.every((port) => {
      const wanted = hostAddressOf(port);
      return !this.#load.hostPorts.get(publishedKey(port))?.some((held) => held === '' || wanted === '' || held === wanted);
    });
  }
}

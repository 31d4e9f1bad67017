/** A node as the scheduler sees it: with what its tasks take of it. */
import type { Node } from '#model/node';
import type { GenericResource, PortConfig } from '#model/service-spec';
import { isActive, type Task } from '#model/task';
import { hostAddressOf, hostPortsOf, publishedKey } from '#model/port';
import { GenericStock } from './generic.ts';

export class Candidate {
  readonly node: Node;
  /** Active tasks, of all services. */
  activeTasks = 0;
  freeCPUs: number;
  freeMemory: number;
  readonly generic: GenericStock;
  readonly #activeByService = new Map<string, number>();
  /** Host addresses on which a port is taken, by `protocol/number`; '' is every address. */
  readonly #hostPorts = new Map<string, string[]>();
  readonly #failures = new Map<string, number>();

  constructor(node: Node) {
    this.node = node;
    this.freeCPUs = node.Description?.Resources.NanoCPUs ?? 0;
    this.freeMemory = node.Description?.Resources.MemoryBytes ?? 0;
    this.generic = new GenericStock(node.Description?.Resources.GenericResources);
  }

  /** Counts a task that is on the node and has not ended: also one that is only told to stop takes room until it does. */
  add(task: Task): void {
    const reserved = task.Spec.Resources?.Reservations;
    this.freeCPUs -= reserved?.NanoCPUs ?? 0;
    this.freeMemory -= reserved?.MemoryBytes ?? 0;
    if (task.GenericResources) this.generic.subtract(task.GenericResources as readonly GenericResource[]);
    for (const port of fixedPorts(task)) {
      const key = publishedKey(port);
      this.#hostPorts.set(key, [...(this.#hostPorts.get(key) ?? []), hostAddressOf(port)]);
    }
    if (!isActive(task)) return;
    this.activeTasks++;
    this.#activeByService.set(task.ServiceID, this.activeTasksOf(task.ServiceID) + 1);
  }

  /** Counts a task of `group` that failed here lately. */
  addFailure(group: string): void {
    this.#failures.set(group, this.failuresOf(group) + 1);
  }

  activeTasksOf(serviceId: string): number {
    return this.#activeByService.get(serviceId) ?? 0;
  }

  failuresOf(group: string): number {
    return this.#failures.get(group) ?? 0;
  }

  hasPortsFree(ports: readonly PortConfig[]): boolean {
    return ports.every((port) => {
      const wanted = hostAddressOf(port);
      return !this.#hostPorts.get(publishedKey(port))?.some((held) => held === '' || wanted === '' || held === wanted);
    });
  }
}

/** The fixed ports that the task's container takes on its node directly. */
export function fixedPorts(task: Task): readonly PortConfig[] {
  return hostPortsOf(task).filter((port) => port.PublishedPort);
}

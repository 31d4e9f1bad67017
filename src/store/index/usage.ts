/** Loads of nodes and addresses of networks, kept by what happens to tasks and nodes; optionally laid over another view's. */
import { equal } from '#base/equal';
import type { Kind, ObjectOf } from '#model/object/object';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import { isActive, type Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import { AddressUse, addressesOfEnded, addressesOfNode, addressesOfService, addressesOfTask, type HeldAddress } from './address-use.ts';
import { loadedNode, NodeLoad } from './node-load.ts';

interface UsageReader {
  taskStates(): ReadonlyMap<TaskState, number>;
  loadOf(nodeId: string): NodeLoad;
  addressesOf(networkId: string): AddressUse;
  activeTasks(serviceId: string): ReadonlyMap<string, number>;
}

const none: ReadonlyMap<string, number> = new Map();

export class Usage implements UsageReader {
  readonly #base: UsageReader | undefined;
  readonly #loads = new Map<string, NodeLoad>();
  readonly #addresses = new Map<string, AddressUse>();
  /** By service and node, how many more active tasks than in the base are there. */
  readonly #active = new Map<string, Map<string, number>>();
  /** How many more tasks than in the base are in each state. */
  readonly #states = new Map<TaskState, number>();

  constructor(base?: UsageReader) {
    this.#base = base;
  }

  loadOf(nodeId: string): NodeLoad {
    return this.#loads.get(nodeId) ?? this.#base?.loadOf(nodeId) ?? new NodeLoad();
  }

  addressesOf(networkId: string): AddressUse {
    return this.#addresses.get(networkId) ?? this.#base?.addressesOf(networkId) ?? new AddressUse();
  }

  activeTasks(serviceId: string): ReadonlyMap<string, number> {
    const base = this.#base?.activeTasks(serviceId) ?? none;
    const more = this.#active.get(serviceId);
    if (!more || !this.#base) return more ?? base;
    const counts = new Map(base);
    for (const [nodeId, count] of more) addCount(counts, nodeId, count);
    return counts;
  }

  taskStates(): ReadonlyMap<TaskState, number> {
    const states = new Map(this.#base?.taskStates());
    for (const [state, more] of this.#states) {
      const count = (states.get(state) ?? 0) + more;
      if (count > 0) states.set(state, count);
      else states.delete(state);
    }
    return states;
  }

  /** Takes in that `before` became `after`; either may be missing. */
  change<K extends Kind>(kind: K, before: ObjectOf[K] | undefined, after: ObjectOf[K] | undefined): void {
    if (kind === 'task') this.#changeTask(before as Task | undefined, after as Task | undefined);
    if (kind === 'node') this.#changeAddresses(addressesOfNode(before as Node | undefined), addressesOfNode(after as Node | undefined));
    if (kind === 'service') this.#changeAddresses(addressesOfService(before as Service | undefined), addressesOfService(after as Service | undefined));
  }

  #changeTask(before: Task | undefined, after: Task | undefined): void {
    this.#countState(before, -1);
    this.#countState(after, 1);
    const [from, to] = [loadedNode(before), loadedNode(after)];
    if (before && from !== undefined) this.#own(from).remove(before);
    if (after && to !== undefined) this.#own(to).add(after);
    this.#countActive(before, from, -1);
    this.#countActive(after, to, 1);
    if (!before?.NetworksAttachments && !after?.NetworksAttachments) return;
    this.#changeAddresses(addressesOfTask(before), addressesOfTask(after));
    const [had, has] = [addressesOfEnded(before), addressesOfEnded(after)];
    if (equal(had, has)) return;
    for (const { networkId, address } of had) this.#ownAddresses(networkId).changeEnded(address, -1);
    for (const { networkId, address } of has) this.#ownAddresses(networkId).changeEnded(address, 1);
  }

  #countActive(task: Task | undefined, nodeId: string | undefined, by: 1 | -1): void {
    if (!task || nodeId === undefined || !isActive(task)) return;
    let counts = this.#active.get(task.ServiceID);
    if (!counts) this.#active.set(task.ServiceID, (counts = new Map()));
    addCount(counts, nodeId, by);
    if (counts.size === 0) this.#active.delete(task.ServiceID);
  }

  #countState(task: Task | undefined, by: 1 | -1): void {
    if (task) this.#states.set(task.Status.State, (this.#states.get(task.Status.State) ?? 0) + by);
  }

  #changeAddresses(before: readonly HeldAddress[], after: readonly HeldAddress[]): void {
    if (equal(before, after)) return;
    for (const { networkId, address } of before) this.#ownAddresses(networkId).change(address, -1);
    for (const { networkId, address } of after) this.#ownAddresses(networkId).change(address, 1);
  }

  #own(nodeId: string): NodeLoad {
    let load = this.#loads.get(nodeId);
    if (!load) this.#loads.set(nodeId, (load = this.#base?.loadOf(nodeId).copy() ?? new NodeLoad()));
    return load;
  }

  #ownAddresses(networkId: string): AddressUse {
    let use = this.#addresses.get(networkId);
    if (!use) this.#addresses.set(networkId, (use = new AddressUse(this.#base?.addressesOf(networkId))));
    return use;
  }
}

/** In an overlay a count may be below zero. */
function addCount(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

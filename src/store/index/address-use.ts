/** Which addresses of a network somebody has, or had: kept with every change of a task, node or service. */
import { addressNumber } from '#model/ipv4';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';

export class AddressUse {
  readonly #base: AddressUse | undefined;
  /** How many have an address more than in the base; an address may be named twice while it changes hands. */
  readonly #counts = new Map<number, number>();
  /** The same of tasks that have ended. */
  readonly #ended = new Map<number, number>();

  constructor(base?: AddressUse) {
    this.#base = base;
  }

  has(address: number): boolean {
    return this.countOf(address) > 0;
  }

  countOf(address: number): number {
    return (this.#counts.get(address) ?? 0) + (this.#base?.countOf(address) ?? 0);
  }

  change(address: number, by: 1 | -1): void {
    addCount(this.#counts, address, by);
  }

  /** How many tasks that have ended, and are kept, had it. */
  endedOf(address: number): number {
    return (this.#ended.get(address) ?? 0) + (this.#base?.endedOf(address) ?? 0);
  }

  changeEnded(address: number, by: 1 | -1): void {
    addCount(this.#ended, address, by);
  }
}

function addCount(counts: Map<number, number>, address: number, by: 1 | -1): void {
  const count = (counts.get(address) ?? 0) + by;
  if (count === 0) counts.delete(address);
  else counts.set(address, count);
}

/** One address in one network. */
export interface HeldAddress {
  networkId: string;
  address: number;
}

/** What a task holds: an ended one nothing. */
export function addressesOfTask(task: Task | undefined): HeldAddress[] {
  return task && !isTerminal(task.Status.State) ? addressesIn(task) : [];
}

/** What a task had that has ended. */
export function addressesOfEnded(task: Task | undefined): HeldAddress[] {
  return task && isTerminal(task.Status.State) ? addressesIn(task) : [];
}

function addressesIn({ NetworksAttachments = [] }: Task): HeldAddress[] {
  return NetworksAttachments.flatMap(({ Network, Addresses }) => Addresses.flatMap((text) => held(Network.ID, text)));
}

/** A node's gateways. */
export function addressesOfNode(node: Node | undefined): HeldAddress[] {
  return Object.entries(node?.Shoal?.Gateways ?? {}).flatMap(([networkId, text]) => held(networkId, text));
}

/** A service's virtual addresses. */
export function addressesOfService(service: Service | undefined): HeldAddress[] {
  return (service?.Endpoint?.VirtualIPs ?? []).flatMap(({ NetworkID, Addr }) => held(NetworkID, Addr));
}

function held(networkId: string, text: string): HeldAddress[] {
  const address = addressNumber(text);
  return address === undefined ? [] : [{ networkId, address }];
}

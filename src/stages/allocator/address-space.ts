/** The addresses of one network: who has which, and the next to give. */
import type { Network } from '#model/network';
import type { View } from '#store/view';
import { isTerminal } from '#model/task-state';
import { addressNumber, addressText, hostsOf, parseSubnet, type Range } from '#model/ipv4';

interface Block {
  /** What tasks may have. */
  tasks: Range;
  /** All hosts' addresses of the subnet. */
  hosts: Range;
  prefix: number;
}

export class AddressSpace {
  readonly #blocks: Block[] = [];
  readonly #used = new Set<number>();
  /** Given last: the search starts after it, so that freed addresses come again late. */
  #cursor = 0;
  /** Nothing is free: many tasks may ask in vain in one run, and each must not search all of it. */
  #full = false;

  /** `nodes`: how many hosts the cluster has; each but the first needs a gateway address at the top. */
  constructor(network: Network, nodes: number) {
    for (const config of network.IPAMOptions?.Configs ?? []) {
      const subnet = parseSubnet(config.Subnet);
      if (!subnet) continue;
      const hosts = hostsOf(subnet);
      // At most a quarter is kept for gateways: on a small subnet tasks come first.
      const spare = Math.min(Math.max(nodes - 1, 0), Math.floor((hosts.last - hosts.first + 1) / 4));
      const range = parseSubnet(config.Range) ?? subnet;
      const tasks = { first: Math.max(hosts.first, range.first), last: Math.min(hosts.last - spare, range.last) };
      this.#blocks.push({ tasks, hosts, prefix: subnet.prefix });
      this.use(config.Gateway ?? addressText(hosts.first));
    }
    for (const { AuxiliaryAddresses } of network.Spec.IPAM?.Config ?? []) {
      for (const address of Object.values(AuxiliaryAddresses ?? {})) this.use(address);
    }
  }

  /** Addresses for tasks in all. */
  get size(): number {
    return this.#blocks.reduce((sum, { tasks }) => sum + Math.max(tasks.last - tasks.first + 1, 0), 0);
  }

  /** Marks a text's address as given. */
  use(address: string | undefined): void {
    const number = addressNumber(address);
    if (number !== undefined) this.#used.add(number);
  }

  /** Notes the address that was given most lately. */
  moveTo(address: string | undefined): void {
    this.#cursor = addressNumber(address) ?? this.#cursor;
  }

  /** The next free address for a task, in CIDR form; undefined when there is none. */
  take(): string | undefined {
    if (this.#full) return undefined;
    const blocks = this.#blocks;
    const start = Math.max(
      blocks.findIndex(({ hosts }) => hosts.first <= this.#cursor && this.#cursor <= hosts.last),
      0,
    );
    // The first block comes twice: from the cursor on, and at the end up to it.
    for (let i = 0; i <= blocks.length; i++) {
      const block = blocks[(start + i) % blocks.length];
      if (!block) return undefined;
      const first = i === 0 ? Math.max(block.tasks.first, this.#cursor + 1) : block.tasks.first;
      for (let number = first; number <= block.tasks.last; number++) {
        if (this.#used.has(number)) continue;
        this.#used.add(number);
        this.#cursor = number;
        return `${addressText(number)}/${block.prefix}`;
      }
    }
    this.#full = true;
    return undefined;
  }

  /** The highest free address, for a gateway, without prefix length. */
  takeTop(): string | undefined {
    const hosts = this.#blocks[0]?.hosts;
    if (!hosts) return undefined;
    for (let number = hosts.last; number >= hosts.first; number--) {
      if (this.#used.has(number)) continue;
      this.#used.add(number);
      return addressText(number);
    }
    return undefined;
  }

  /** Takes an address back that was given in this pass. */
  giveBack(address: string): void {
    const number = addressNumber(address);
    if (number === undefined) return;
    this.#used.delete(number);
    this.#full = false;
  }
}

/** The spaces of `networks` with everything that tasks and nodes hold; one scan over all tasks. */
export function addressSpaces(view: View, networks: Iterable<Network>): Map<string, AddressSpace> {
  const nodes = [...view.list('node')];
  const spaces = new Map<string, AddressSpace>();
  for (const network of networks) spaces.set(network.ID, new AddressSpace(network, nodes.length));
  for (const node of nodes) {
    for (const [id, gateway] of Object.entries(node.Shoal?.Gateways ?? {})) spaces.get(id)?.use(gateway);
  }
  for (const task of view.list('task')) {
    const ended = isTerminal(task.Status.State);
    for (const { Network, Addresses } of task.NetworksAttachments ?? []) {
      const space = spaces.get(Network.ID);
      for (const address of Addresses) {
        if (!ended) space?.use(address);
        space?.moveTo(address);
      }
    }
  }
  return spaces;
}

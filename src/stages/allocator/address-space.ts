/** The addresses of one network: who has which, and the next to give. */
import { chosenGateway, type Network } from '#model/object/network';
import { AddressUse } from '#store/index/address-use';
import type { Resting } from '#store/stage';
import type { View } from '#store/view';
import { addressNumber, addressText, hostsOf, parseSubnet, type Range } from '#model/ipv4';

/** Those with most. */
const nodesNamed = 3;

interface Block {
  /** What tasks may have. */
  tasks: Range;
  /** All hosts' addresses of the subnet. */
  hosts: Range;
  prefix: number;
}

export class AddressSpace {
  readonly #blocks: Block[] = [];
  /** What the network itself needs. */
  readonly #reserved = new Set<number>();
  /** What tasks and nodes hold. */
  readonly #held: AddressUse;
  readonly #rests: (address: number) => boolean;
  /** Given (1) or taken back (-1) in this run. */
  readonly #changes = new Map<number, number>();
  /** Given last: the search starts after it, so that freed addresses come again late. */
  #cursor = 0;
  #gateway: string | undefined;
  /** No address above it is free for a gateway. */
  #top = Number.POSITIVE_INFINITY;
  /** Whatever is free rests. */
  #onlyResting = false;
  /** Nothing is free: many tasks may ask in vain in one run, and each must not search all of it. */
  #full = false;

  /** `nodes`: how many hosts the cluster has; each but the first, and that too where the gateway is chosen, needs an address at the top. */
  constructor(network: Network, nodes: number, held = new AddressUse(), resting: Resting = () => false) {
    this.#held = held;
    // What a task had that has ended rests as long as that task is kept, too.
    this.#rests = (address) => held.endedOf(address) > 0 || resting(network.ID, address);
    const chosen = chosenGateway(network) !== undefined;
    for (const config of network.IPAMOptions?.Configs ?? []) {
      const subnet = parseSubnet(config.Subnet);
      if (!subnet) continue;
      const hosts = hostsOf(subnet);
      // At most a quarter is kept for gateways: on a small subnet tasks come first.
      const spare = Math.min(Math.max(chosen ? nodes : nodes - 1, 0), Math.floor((hosts.last - hosts.first + 1) / 4));
      const range = parseSubnet(config.Range) ?? subnet;
      const tasks = { first: Math.max(hosts.first, range.first), last: Math.min(hosts.last - spare, range.last) };
      this.#blocks.push({ tasks, hosts, prefix: subnet.prefix });
      const gateway = config.Gateway || addressText(hosts.first);
      this.#gateway ??= gateway;
      this.#reserve(gateway);
    }
    for (const { AuxiliaryAddresses } of network.Spec.IPAM?.Config ?? []) {
      for (const address of Object.values(AuxiliaryAddresses ?? {})) this.#reserve(address);
    }
  }

  /** The address that the network itself answers at, without prefix length; undefined without a subnet. */
  get gateway(): string | undefined {
    return this.#gateway;
  }

  /** Addresses for tasks in all. */
  get size(): number {
    return this.#blocks.reduce((sum, { tasks }) => sum + Math.max(tasks.last - tasks.first + 1, 0), 0);
  }

  /** Marks a text's address as given. */
  use(address: string | undefined): void {
    const number = addressNumber(address);
    if (number !== undefined) this.#change(number, 1);
  }

  /** Notes the address that was given most lately. */
  moveTo(address: string | undefined): void {
    this.#cursor = addressNumber(address) ?? this.#cursor;
  }

  /**
   * The next free address for a task, in CIDR form; undefined when there is none.
   * One that rests comes when no other is free, all others come in turn: nobody is refused the one address that there is.
   */
  take(): string | undefined {
    if (this.#full) return undefined;
    const taken = (this.#onlyResting ? undefined : this.#next((number) => !this.#rests(number))) ?? this.#next(() => true);
    this.#full = taken === undefined;
    return taken;
  }

  #next(isWanted: (number: number) => boolean): string | undefined {
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
        if (this.#isUsed(number) || !isWanted(number)) continue;
        this.#change(number, 1);
        this.#cursor = number;
        return `${addressText(number)}/${block.prefix}`;
      }
    }
    this.#onlyResting = true;
    return undefined;
  }

  /** The address that was asked for, in CIDR form; undefined when it is none of the network's, or somebody has it. */
  takeExactly(address: string): string | undefined {
    const number = addressNumber(address);
    const block = this.#blocks.find(({ hosts }) => number !== undefined && hosts.first <= number && number <= hosts.last);
    if (number === undefined || !block || this.#isUsed(number)) return undefined;
    this.#change(number, 1);
    return `${addressText(number)}/${block.prefix}`;
  }

  /** The highest free address, for a gateway, without prefix length. */
  takeTop(): string | undefined {
    const hosts = this.#blocks[0]?.hosts;
    if (!hosts) return undefined;
    for (let number = Math.min(hosts.last, this.#top); number >= hosts.first; number--) {
      if (this.#isUsed(number)) continue;
      this.#change(number, 1);
      this.#top = number - 1;
      return addressText(number);
    }
    return undefined;
  }

  /** Takes an address back from who holds it. */
  giveBack(address: string): void {
    const number = addressNumber(address);
    if (number === undefined) return;
    this.#change(number, -1);
    this.#top = Number.POSITIVE_INFINITY;
    this.#full = this.#onlyResting = false;
  }

  #isUsed(number: number): boolean {
    return this.#reserved.has(number) || this.#held.countOf(number) + (this.#changes.get(number) ?? 0) > 0;
  }

  #change(number: number, by: 1 | -1): void {
    this.#changes.set(number, (this.#changes.get(number) ?? 0) + by);
  }

  #reserve(address: string): void {
    const number = addressNumber(address);
    if (number !== undefined) this.#reserved.add(number);
  }
}

/** The space of `network` with everything that tasks and nodes hold. */
function addressSpace(view: View, network: Network, resting: Resting | undefined): AddressSpace {
  const space = new AddressSpace(network, view.count('node'), view.addressesOf(network.ID), resting);
  // The task that was made last was given its address last.
  for (const { Network, Addresses } of view.newest('task', 'network', network.ID)?.NetworksAttachments ?? []) {
    if (Network.ID === network.ID) for (const address of Addresses) space.moveTo(address);
  }
  return space;
}

/** Spaces by network id, made when they are asked for. */
export class AddressSpaces {
  readonly #view: View;
  readonly #resting: Resting | undefined;
  readonly #spaces = new Map<string, AddressSpace>();
  readonly #idle = new Map<string, string>();

  constructor(view: View, resting?: Resting) {
    this.#view = view;
    this.#resting = resting;
  }

  of(network: Network): AddressSpace {
    let space = this.#spaces.get(network.ID);
    if (!space) this.#spaces.set(network.ID, (space = addressSpace(this.#view, network, this.#resting)));
    return space;
  }
  /** Who holds addresses of a full network and has no use for them, for people: containers that somebody made and that do not run; empty where there are none. */
  idle(network: Network): string {
    const known = this.#idle.get(network.ID) ?? idleHolders(this.#view, network);
    this.#idle.set(network.ID, known);
    return known;
  }
}

function idleHolders(view: View, network: Network): string {
  const byNode = new Map<string, number>();
  for (const { Shoal, NodeID = '' } of view.find('task', 'network', network.ID)) {
    if (!Shoal.Attachment || Shoal.Attachment.Running) continue;
    const node = view.get('node', NodeID)?.Description?.Hostname || NodeID;
    byNode.set(node, (byNode.get(node) ?? 0) + 1);
  }
  if (byNode.size === 0) return '';
  const most = [...byNode].toSorted(([, a], [, b]) => b - a).slice(0, nodesNamed);
  const total = [...byNode.values()].reduce((sum, count) => sum + count, 0);
  const places = most.map(([node, count]) => `${count} on ${node}`).join(', ');
  return `; ${total} of them by containers that do not run (${places}): their nodes cannot be asked for those (docker container prune there makes them free)`;
}

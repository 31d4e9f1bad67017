/** Gives every cluster network its subnets, and the number that its packets between hosts carry. */
import { networkNumberOption, networkNumber, serialOption, type IPAMConfig, type Network } from '#model/object/network';
import { networkNumbers as numbers } from '#model/options/network-options';
import { addressesOf } from '#model/object/node';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { update, type Action } from '#store/action';
import { clusterOf, type View } from '#store/view';
import { addressText, hostsOf, overlaps, parseSubnet, subnetText, type Range, type Subnet } from '#model/ipv4';

const defaultPools: readonly string[] = ['10.0.0.0/8'];
const defaultSubnetSize = 20;
/** A route that is wider leads to what lies somewhere in it; a narrower one is the line of a host. */
const widePrefix = 12;
/** About the address of a node its router and its neighbours are to be expected. */
const nearPrefix = 24;

export interface NetworkAllocation {
  actions: readonly Action[];
  /** Networks that lacked something, as they are after the actions, by id. */
  networks: ReadonlyMap<string, Network>;
  /** Why a network has no subnet, by its id. */
  problems: ReadonlyMap<string, string>;
}

interface Held extends Range {
  owner: string;
}

/**
 * Allocates the networks that have no IPAMOptions or no number yet: ingress first, then oldest first.
 * Explicit subnets are kept, unless another network has them; the others come from the cluster's pools.
 */
export function allocateNetworks(view: View): NetworkAllocation {
  const networks = new Map<string, Network>();
  const waiting: Network[] = [];
  for (const network of view.find('network', 'unallocated', 'yes')) {
    networks.set(network.ID, network);
    waiting.push(network);
  }
  const actions: Action[] = [];
  const problems = new Map<string, string>();
  if (waiting.length === 0) return { actions, networks, problems };
  waiting.sort((a, b) => Number(b.Spec.Ingress ?? false) - Number(a.Spec.Ingress ?? false));
  const pool = new SubnetPool(view, waiting);
  const taken = new Set([...view.list('network')].map(networkNumber));
  for (const network of waiting) {
    const result = network.IPAMOptions ? network : allocateNetwork(network, pool);
    if (typeof result === 'string') problems.set(network.ID, result);
    else {
      const numbered = withNumber(result, taken);
      networks.set(network.ID, numbered);
      actions.push(update('network', numbered));
    }
  }
  return { actions, networks, problems };
}

/** Made of the id, so that clusters that share a wire do not begin with the same ones. */
function withNumber(network: Network, taken: Set<number | undefined>): Network {
  if (networkNumber(network) !== undefined) return network;
  const count = numbers.last - numbers.first + 1;
  const asked = Number(network.Spec.Options?.[networkNumberOption] ?? 0);
  let number = asked || numbers.first + ((Number.parseInt(network.ID.slice(0, 10), 36) || 0) % count);
  while (taken.has(number)) number = number === numbers.last ? numbers.first : number + 1;
  taken.add(number);
  const Options = { ...(network.DriverState?.Options ?? network.Spec.Options), [networkNumberOption]: String(number) };
  return { ...network, DriverState: { Name: network.DriverState?.Name ?? (network.Spec.Driver || 'overlay'), Options } };
}

/** The network with its subnets, or the reason why it cannot have them. */
function allocateNetwork(network: Network, pool: SubnetPool): Network | string {
  const configs: IPAMConfig[] = [];
  for (const { Subnet: text, IPRange, Gateway } of network.Spec.IPAM?.Config ?? []) {
    if (!text) continue;
    const subnet = parseSubnet(text);
    // Subnets of IP version 6 pass through: addresses are given in version 4 only.
    const other = subnet && pool.holder(subnet);
    if (other) return `network ${network.Spec.Name}: subnet ${text} overlaps with one of network ${other}`;
    const gateway = Gateway || (subnet && addressText(hostsOf(subnet).first));
    configs.push({ Subnet: text, ...(IPRange && { Range: IPRange }), ...(gateway && { Gateway: gateway }) });
  }
  if (!configs.some((config) => parseSubnet(config.Subnet))) {
    const subnet = pool.take();
    if (!subnet) return `network ${network.Spec.Name}: no /${pool.size} subnet of ${pool.pools.join(', ')} is free of networks`;
    configs.unshift({ Subnet: subnetText(subnet), Gateway: addressText(hostsOf(subnet).first) });
  }
  for (const config of configs) pool.hold(config, network.Spec.Name);
  const { Driver: Name, Options = {} } = network.Spec.IPAM ?? {};
  // As Swarm has it, that one is said of a network that has any.
  const Driver = { Name: Name || 'default', ...(Object.keys(Options).length > 0 && { Options: { [serialOption]: 'true', ...Options } }) };
  return { ...network, IPAMOptions: { Driver, Configs: configs } };
}

/** The subnets of the cluster's address pools, and who has what. */
class SubnetPool {
  readonly pools: readonly string[];
  readonly size: number;
  /** Other networks' subnets. */
  readonly #networks: Held[] = [];
  /** The same in order and apart: given out one after the other they are few ranges. */
  readonly #taken: Range[] = [];
  /** What was asked for in specs: not given out, but free for who asks by name. In order and apart. */
  readonly #avoided: readonly Range[];
  /**
   * What hosts use for other things, in order and apart: the first of these, and the next when nothing else is left, for one
   * host's wide route must not keep the cluster from having networks. Where the nodes themselves are is never given out.
   */
  #ofHosts: readonly (readonly Range[])[];
  /** Nothing is freed while a pass runs, so the search goes on where it ended. */
  #pool = 0;
  #next = 0;

  constructor(view: View, waiting: readonly Network[]) {
    const cluster = clusterOf(view);
    this.pools = cluster?.DefaultAddrPool.length ? cluster.DefaultAddrPool : defaultPools;
    this.size = cluster?.SubnetSize || defaultSubnetSize;
    for (const network of view.list('network')) this.#holdAll(network);
    for (const held of goneNetworks(view)) this.#hold(held);
    const living = [...view.list('node')].filter(({ Status }) => Status.State !== 'down');
    const used = rangesOf(living.flatMap(({ Description }) => Description?.Shoal?.UsedSubnets ?? []));
    const near = living.flatMap(addressesOf).flatMap((address) => parseSubnet(`${address}/${nearPrefix}`) ?? []);
    const narrow = used.filter(({ first, last }) => last - first < 2 ** (32 - widePrefix));
    this.#ofHosts = [used, narrow, []].map((ranges) => joined([...ranges, ...near]));
    this.#avoided = joined(waiting.flatMap((network) => rangesOf((network.Spec.IPAM?.Config ?? []).map((config) => config.Subnet))));
  }

  /** Name of the network whose subnet overlaps with `range`. */
  holder(range: Range): string | undefined {
    return overlapping(this.#taken, range) && this.#networks.find((held) => overlaps(held, range))?.owner;
  }

  hold(config: IPAMConfig, owner: string): void {
    const subnet = parseSubnet(config.Subnet);
    if (subnet) this.#hold({ ...subnet, owner });
  }

  #hold(held: Held): void {
    this.#networks.push(held);
    insert(this.#taken, held);
  }

  /** The next free subnet; undefined when all pools are used up. */
  take(): Subnet | undefined {
    const subnet = this.#takeNext();
    if (subnet || this.#ofHosts.length === 1) return subnet;
    this.#ofHosts = this.#ofHosts.slice(1);
    this.#pool = this.#next = 0;
    return this.take();
  }

  #takeNext(): Subnet | undefined {
    for (; this.#pool < this.pools.length; this.#pool++, this.#next = 0) {
      const pool = parseSubnet(this.pools[this.#pool]);
      if (!pool) continue;
      const prefix = Math.max(this.size, pool.prefix);
      const step = 2 ** (32 - prefix);
      let first = Math.max(this.#next, pool.first);
      while (first + step - 1 <= pool.last) {
        const subnet = { first, last: first + step - 1, prefix };
        const taken = this.#takenBy(subnet);
        first = taken === undefined ? first + step : Math.ceil((taken.last + 1) / step) * step;
        if (taken === undefined) {
          this.#next = first;
          return subnet;
        }
      }
    }
    return undefined;
  }

  #takenBy(range: Range): Range | undefined {
    return overlapping(this.#taken, range) ?? overlapping(this.#avoided, range) ?? overlapping(this.#ofHosts[0] ?? [], range);
  }

  #holdAll(network: Network): void {
    for (const config of network.IPAMOptions?.Configs ?? []) this.hold(config, network.Spec.Name);
  }
}

function rangesOf(subnets: readonly (string | undefined)[]): Range[] {
  // A default route says nothing about what is used.
  return subnets.map((text) => parseSubnet(text)).filter((subnet) => subnet !== undefined && subnet.prefix > 0) as Subnet[];
}

/** Those that overlap or follow one another as one, in order. */
function joined(ranges: readonly Range[]): Range[] {
  const apart: Range[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = apart.at(-1);
    if (before && first <= before.last + 1) apart[apart.length - 1] = { first: before.first, last: Math.max(before.last, last) };
    else apart.push({ first, last });
  }
  return apart;
}

/** The first of `ranges`, which are in order and apart, that overlaps with `range`. */
function overlapping(ranges: readonly Range[], range: Range): Range | undefined {
  const found = ranges[endingFrom(ranges, range.first)];
  return found && overlaps(found, range) ? found : undefined;
}

/** Place of the first of `ranges` that ends at `number` or behind it. */
function endingFrom(ranges: readonly Range[], number: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle] as Range).last < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Adds `range` to `ranges`, which stay in order and apart: what it overlaps or follows becomes one with it. */
function insert(ranges: Range[], { first, last }: Range): void {
  const at = endingFrom(ranges, first - 1);
  let [from, to, end] = [first, last, at];
  for (let each = ranges[end]; each && each.first <= last + 1; each = ranges[end]) {
    from = Math.min(from, each.first);
    to = Math.max(to, each.last);
    end += 1;
  }
  ranges.splice(at, end - at, { first: from, last: to });
}

/** Removed networks that tasks are still on: they keep their subnets until the last of these has ended. */
function* goneNetworks(view: View): Iterable<Held> {
  for (const id of view.keys('task', 'network')) {
    if (view.get('network', id)) continue;
    const subnets = new Map<number, Held>();
    for (const task of view.find('task', 'network', id)) {
      if (isTerminal(task.Status.State)) continue;
      for (const held of subnetsOf(task, id)) subnets.set(held.first, held);
    }
    yield* subnets.values();
  }
}

/** The subnets of a task's addresses in the network, which say how long their prefix is. */
function* subnetsOf(task: Task, networkId: string): Iterable<Held> {
  for (const { Network, Addresses } of task.NetworksAttachments ?? []) {
    if (Network.ID !== networkId) continue;
    for (const address of Addresses) {
      const subnet = parseSubnet(address);
      if (subnet) yield { ...subnet, owner: Network.Spec.Name };
    }
  }
}

/** Names of services and tasks, as one asker sees them: only addresses on networks that he is on. Changes cost what the changed service costs. */
import type { EndpointTask, ServiceEndpoint } from '#model/object/assignment';
import { taskNameOf } from '#model/object/task';

/** What names need of a service. */
export type NamedService = Pick<ServiceEndpoint, 'ServiceID' | 'Name' | 'Tasks' | 'VirtualIPs'>;

type Addresses = ReadonlyMap<string, readonly string[]>;

interface Holder {
  name: string;
  networks: readonly string[];
  /** The one that this address is of; a silent one is none. */
  network: string;
  ready: boolean;
}

export class NameTable {
  /** name in lower case → service → network → the service's own address, or those of ready tasks; an empty list means that the name exists. */
  readonly #names = new Map<string, Map<string, Addresses>>();
  /** address → task → who he is; an address just given on has two holders for a while. */
  readonly #holders = new Map<string, Map<string, Holder>>();
  readonly #services = new Map<string, NamedService>();
  /** Networks that carry published ports only: nothing is found on them. */
  readonly #silent: ReadonlySet<string>;

  constructor(services: Iterable<NamedService> = [], silent: Iterable<string> = []) {
    this.#silent = new Set(silent);
    for (const service of services) this.set(service);
  }

  /** The services as they were given, to be handed on. */
  services(): readonly NamedService[] {
    return [...this.#services.values()];
  }

  set(service: NamedService): void {
    this.remove(service.ServiceID);
    this.#services.set(service.ServiceID, service);
    for (const [name, addresses] of namesOf(service, this.#silent)) entry(this.#names, name).set(service.ServiceID, addresses);
    for (const task of service.Tasks) {
      const networks = task.Networks.map(({ NetworkID }) => NetworkID).filter((id) => !this.#silent.has(id));
      const name = taskNameOf(service.Name, task, task.TaskID);
      for (const { Address, NetworkID: network } of task.Networks)
        entry(this.#holders, Address).set(task.TaskID, { name, networks, network, ready: task.Ready });
    }
  }

  remove(serviceId: string): void {
    const service = this.#services.get(serviceId);
    if (!service) return;
    this.#services.delete(serviceId);
    for (const name of namesOf(service, this.#silent).keys()) drop(this.#names, name, serviceId);
    for (const task of service.Tasks) for (const { Address } of task.Networks) drop(this.#holders, Address, task.TaskID);
  }

  /**
   * Addresses of `name` for `asker` (an address), who asked the name server of `networkId`.
   * Undefined when no such name exists on his networks; empty when it exists and no task is ready.
   */
  lookUp(name: string, asker: string, networkId: string): readonly string[] | undefined {
    const found = this.#names.get(name.toLowerCase());
    if (!found) return undefined;
    const networks = this.#networksOf(asker, networkId);
    const lists = [...found.values()].flatMap((addresses) => networks.map((id) => addresses.get(id)).filter((list) => list !== undefined));
    return lists.length === 0 ? undefined : [...new Set(lists.flat())];
  }

  /** Names of the services that `name` may lead to. */
  servicesOf(name: string): string[] {
    return [...(this.#names.get(name.toLowerCase())?.keys() ?? [])].flatMap((id) => this.#services.get(id)?.Name ?? []);
  }

  /** Name for a reverse query such as `2.0.0.10.in-addr.arpa` of `asker`; undefined for addresses that are no task's on a network of his. */
  reverseLookUp(name: string, asker: string, networkId: string): string | undefined {
    const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/i.exec(name);
    const holder = match && this.#holder([match[4], match[3], match[2], match[1]].join('.'));
    return holder && this.#networksOf(asker, networkId).includes(holder.network) ? holder.name : undefined;
  }

  /** Whether the asker is a task that is on another network than those in `here`, too: what is named there is not known. */
  isElsewhereToo(asker: string, here: ReadonlySet<string>): boolean {
    return this.#holder(asker)?.networks.some((id) => !here.has(id)) ?? false;
  }

  /** Where the asker is; whoever is no task is on the network that he asked by. */
  #networksOf(asker: string, networkId: string): readonly string[] {
    return this.#holder(asker)?.networks ?? [networkId].filter((id) => !this.#silent.has(id));
  }

  /** Of two holders the living one. */
  #holder(address: string): Holder | undefined {
    const holders = [...(this.#holders.get(address)?.values() ?? [])];
    return holders.findLast(({ ready }) => ready) ?? holders.at(-1);
  }
}

function entry<K, V>(map: Map<string, Map<K, V>>, key: string): Map<K, V> {
  const known = map.get(key);
  if (known) return known;
  const made = new Map<K, V>();
  map.set(key, made);
  return made;
}

function drop<K, V>(map: Map<string, Map<K, V>>, key: string, inner: K): void {
  const known = map.get(key);
  known?.delete(inner);
  if (known?.size === 0) map.delete(key);
}

/** Name → network → addresses. */
type Found = Map<string, Map<string, Set<string>>>;

function namesOf(service: NamedService, silent: ReadonlySet<string>): Map<string, Map<string, string[]>> {
  const names: Found = new Map();
  for (const task of service.Tasks) {
    for (const attachment of task.Networks) if (!silent.has(attachment.NetworkID)) addNames(names, service, task, attachment);
  }
  for (const { NetworkID, Address } of service.VirtualIPs ?? []) if (!silent.has(NetworkID)) addVirtual(names, service, NetworkID, Address);
  return new Map([...names].map(([name, byNetwork]) => [name, new Map([...byNetwork].map(([id, addresses]) => [id, [...addresses]]))]));
}

/** The service's own names lead to its one address whether or not a task is ready: who asks then is refused there, at once. */
function addVirtual(names: Found, service: NamedService, networkId: string, address: string): void {
  const here = service.Tasks.flatMap(({ Networks }) => Networks.filter(({ NetworkID }) => NetworkID === networkId));
  const aliases = new Set(here.flatMap(({ Aliases }) => Aliases));
  const own = new Set([address]);
  for (const name of inStacks(service.Name, [service.Name, ...aliases])) entry(names, name.toLowerCase()).set(networkId, own);
  for (const stack of possibleStacks(service.Name)) entry(names, `${service.Name.slice(stack.length + 1)}.${stack}`.toLowerCase()).set(networkId, own);
}

/** Each name also with each stack that the service may be of. */
function inStacks(serviceName: string, names: readonly string[]): string[] {
  return names.flatMap((name) => [name, ...possibleStacks(serviceName).map((stack) => `${name}.${stack}`)]);
}

function addNames(names: Found, service: NamedService, task: EndpointTask, { NetworkID, Address, Aliases }: EndpointTask['Networks'][number]): void {
  const common = [service.Name, ...Aliases].flatMap((name) => [name, `tasks.${name}`]);
  const all = new Set(inStacks(service.Name, [...common, taskNameOf(service.Name, task, task.TaskID)]));
  // A stack's service is also `short.stack`, whether or not the stack gave the short name as an alias.
  for (const stack of possibleStacks(service.Name)) {
    const short = service.Name.slice(stack.length + 1);
    all.add(`${short}.${stack}`).add(`tasks.${short}.${stack}`);
  }
  for (const name of all) {
    const byNetwork = entry(names, name.toLowerCase());
    const addresses = byNetwork.get(NetworkID) ?? new Set();
    if (task.Ready) addresses.add(Address);
    byNetwork.set(NetworkID, addresses);
  }
}

/** Underscores in the name of a stack that are looked at. */
const mostUnderscores = 8;

/** `a_b_c` may be service `b_c` of stack `a`, or `c` of `a_b`. */
function possibleStacks(serviceName: string): string[] {
  const parts = serviceName.split('_');
  return parts.slice(1, mostUnderscores + 1).map((_, index) => parts.slice(0, index + 1).join('_'));
}

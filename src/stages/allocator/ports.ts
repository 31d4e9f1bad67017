/** Gives services their published ports and writes their endpoints. */
import { equal } from '#base/equal';
import type { Endpoint, Service } from '#model/object/service';
import type { EndpointSpec, PortConfig } from '#model/object/service-spec';
import { dynamicPorts, isIngress, type Protocol, protocolOf, publishedKey, publishModeOf } from '#model/port/port';
import { update, type Action } from '#store/action';
import type { View } from '#store/view';

/** A service's endpoint, or why it has none. */
export type EndpointResult = { endpoint: Endpoint } | { problem: string };

export interface PortAllocation {
  actions: readonly Action[];
  endpoints: ReadonlyMap<string, EndpointResult>;
}

/** Who has which published number; another service's host-mode ports are only kept out of the dynamic choice. */
class Ports {
  readonly #view: View;
  /** Services whose endpoint is to be made anew: what they had is free but for what this run gives them. */
  readonly #waiting: ReadonlySet<string>;
  readonly #given = new Map<string, Service>();
  /** Dynamic numbers that are left, by protocol. */
  readonly #free = new Map<Protocol, number[]>();

  constructor(view: View, waiting: readonly Service[]) {
    this.#view = view;
    this.#waiting = new Set(waiting.map(({ ID }) => ID));
  }

  holderOf(key: string): Service | undefined {
    const given = this.#given.get(key);
    if (given) return given;
    for (const service of this.#view.find('service', 'port', key)) if (!this.#waiting.has(service.ID)) return service;
    return undefined;
  }

  isOnHosts(key: string): boolean {
    for (const _service of this.#view.find('service', 'hostPort', key)) return true;
    return false;
  }

  give(key: string, service: Service): void {
    this.#given.set(key, service);
  }

  hasFree(protocol: Protocol, count: number): boolean {
    return this.#freeOf(protocol).length >= count;
  }

  /** `count` numbers that nobody has, the lowest first. */
  take(protocol: Protocol, count: number): number[] {
    return this.#freeOf(protocol).splice(0, count);
  }

  /** Looked for once in a run, when all that is asked for by number has been given. */
  #freeOf(protocol: Protocol): number[] {
    const known = this.#free.get(protocol);
    if (known) return known;
    const free: number[] = [];
    for (let number = dynamicPorts.first; number <= dynamicPorts.last; number++) {
      const key = publishedKey({ Protocol: protocol }, number);
      if (!this.holderOf(key) && !this.isOnHosts(key)) free.push(number);
    }
    this.#free.set(protocol, free);
    return free;
  }
}

/**
 * All or nothing per service: endpoints that fit their spec stay as they are, then asked-for numbers are given,
 * oldest service first, then dynamic ones from 30000–32767, each protocol by itself.
 */
export function allocatePorts(view: View): PortAllocation {
  const endpoints = new Map<string, EndpointResult>();
  const waiting = [...view.find('service', 'unallocated', 'yes')];
  const ports = new Ports(view, waiting);
  const dynamic: Service[] = [];
  const refused: Service[] = [];
  for (const service of waiting) {
    const problem = holdFixed(ports, service);
    if (problem) endpoints.set(service.ID, { problem });
    (problem ? refused : dynamic).push(service);
  }
  const actions: Action[] = refused.flatMap((service) => keepFree(ports, service));
  for (const service of dynamic) {
    const result = resolve(ports, service);
    endpoints.set(service.ID, result);
    if ('endpoint' in result) actions.push(update('service', { ...service, Endpoint: result.endpoint }));
  }
  return { actions, endpoints };
}

function specOf(service: Service): EndpointSpec {
  return service.Spec.EndpointSpec ?? {};
}

function hold(ports: Ports, service: Service, port: PortConfig): void {
  if (isIngress(port) && port.PublishedPort) ports.give(publishedKey(port), service);
}

/** Holds the numbers that the spec names and those that it keeps; the reason when another service has one of them. */
function holdFixed(ports: Ports, service: Service): string | undefined {
  const fixed = withKept(service).filter((port) => isIngress(port) && port.PublishedPort);
  for (const port of fixed) {
    const owner = ports.holderOf(publishedKey(port));
    if (owner && owner.ID !== service.ID) {
      return `port '${port.PublishedPort}' is already in use by service '${owner.Spec.Name}' (${owner.ID}) as an ingress port`;
    }
  }
  for (const port of fixed) hold(ports, service, port);
  return undefined;
}

/** A refused service goes on with its old ports, but for those that others have by now. */
function keepFree(ports: Ports, service: Service): Action[] {
  const before = service.Endpoint?.Ports ?? [];
  const kept = before.filter((port) => !isIngress(port) || !ports.holderOf(publishedKey(port)));
  for (const port of kept) hold(ports, service, port);
  return kept.length === before.length ? [] : [update('service', { ...service, Endpoint: { ...service.Endpoint, Ports: kept } })];
}

/** The spec's ports; where it leaves the number open and had the same port before, with that number. */
function withKept(service: Service): PortConfig[] {
  const before = (service.Endpoint?.Ports ?? []).filter(isIngress);
  const named = new Set(specOf(service).Ports?.map((port) => publishedKey(port)));
  return (specOf(service).Ports ?? []).map((port) => {
    if (!isIngress(port) || port.PublishedPort) return port;
    const at = before.findIndex((old) => isSamePort(old, port) && !named.has(publishedKey(old)));
    const kept = at < 0 ? undefined : before.splice(at, 1)[0];
    return { ...port, PublishedPort: kept?.PublishedPort ?? 0 };
  });
}

/** The same but for the published number. */
function isSamePort(a: PortConfig, b: PortConfig): boolean {
  return (a.Name ?? '') === (b.Name ?? '') && protocolOf(a) === protocolOf(b) && a.TargetPort === b.TargetPort && equal(a.Shoal, b.Shoal);
}

function resolve(ports: Ports, service: Service): EndpointResult {
  const wanted = withKept(service);
  const open = [...openPorts(wanted)];
  const lacking = open.find(([protocol, count]) => !ports.hasFree(protocol, count));
  if (lacking) {
    const { first, last } = dynamicPorts;
    return { problem: `no free ${lacking[0]} port is left in ${first}-${last} for service '${service.Spec.Name}'` };
  }
  const numbers = new Map(open.map(([protocol, count]) => [protocol, ports.take(protocol, count)]));
  const resolved = wanted.map((port): PortConfig => {
    const Protocol = protocolOf(port);
    const PublishedPort = isOpen(port) ? numbers.get(Protocol)?.shift() : port.PublishedPort;
    return { ...port, Protocol, PublishedPort: PublishedPort ?? 0, PublishMode: publishModeOf(port) };
  });
  for (const port of resolved) hold(ports, service, port);
  return { endpoint: { Spec: specOf(service), Ports: resolved, VirtualIPs: service.Endpoint?.VirtualIPs ?? [] } };
}

/** It gets a number, whichever. */
function isOpen(port: PortConfig): boolean {
  return isIngress(port) && !port.PublishedPort;
}

/** How many of them there are, by protocol. */
function openPorts(ports: readonly PortConfig[]): Map<Protocol, number> {
  const counts = new Map<Protocol, number>();
  for (const port of ports) if (isOpen(port)) counts.set(protocolOf(port), (counts.get(protocolOf(port)) ?? 0) + 1);
  return counts;
}

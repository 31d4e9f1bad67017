/** Gives services their published ports and writes their endpoints. */
import { equal } from '#base/equal';
import type { Endpoint, Service } from '#model/object/service';
import type { EndpointSpec, PortConfig } from '#model/object/service-spec';
import { isIngress, protocolOf, publishedKey, publishModeOf } from '#model/port/port';
import { update, type Action } from '#store/action';
import type { View } from '#store/view';

const dynamicPorts = { first: 30_000, last: 32_767 };

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

  takeBack(key: string, service: Service): void {
    if (this.#given.get(key) === service) this.#given.delete(key);
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
  const resolved: PortConfig[] = [];
  for (const port of withKept(service)) {
    const open = isIngress(port) && !port.PublishedPort;
    const number = open ? freePort(ports, port) : (port.PublishedPort ?? 0);
    if (number === undefined) {
      for (const given of resolved) release(ports, service, given);
      const { first, last } = dynamicPorts;
      return { problem: `no free ${protocolOf(port)} port is left in ${first}-${last} for service '${service.Spec.Name}'` };
    }
    const given: PortConfig = {
      ...port,
      Protocol: protocolOf(port),
      PublishedPort: number,
      PublishMode: publishModeOf(port),
    };
    hold(ports, service, given);
    resolved.push(given);
  }
  return { endpoint: { Spec: specOf(service), Ports: resolved, VirtualIPs: service.Endpoint?.VirtualIPs ?? [] } };
}

function release(ports: Ports, service: Service, port: PortConfig): void {
  const key = publishedKey(port);
  if (isIngress(port)) ports.takeBack(key, service);
}

function freePort(ports: Ports, port: PortConfig): number | undefined {
  for (let number = dynamicPorts.first; number <= dynamicPorts.last; number++) {
    const key = publishedKey(port, number);
    if (!ports.holderOf(key) && !ports.isOnHosts(key)) return number;
  }
  return undefined;
}

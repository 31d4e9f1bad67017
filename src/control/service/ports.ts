/** Published ports of different services must not clash, nor with the cluster's own. */
import { Refusal } from '#base/refusal';
import { managerAddresses, managerPort, placeParts } from '#model/manager-address';
import type { Service } from '#model/object/service';
import type { PortConfig, ServiceSpec } from '#model/object/service-spec';
import { isIngress, protocolOf, publishedKey, targetKey } from '#model/port/port';
import { clusterOf, type View } from '#store/view';
import { ingressNetwork } from '../networks.ts';

type Way = 'ingress' | 'host';
/** By number and way of publishing the first two of different services: one of them is not the one that asks. */
type Holders = ReadonlyMap<string, readonly Service[]>;

/** Which services hold which published numbers: gathered once, when one is asked for, however many that are. */
export class HeldPorts {
  readonly #view: View;
  #holders: Holders | undefined;

  constructor(view: View) {
    this.#view = view;
  }

  /**
   * Refuses ports that another service holds (swarmkit checkPortConflicts): where one of the two is in ingress mode,
   * for then every node answers on it. Host against host is left to the scheduler, which puts the tasks apart.
   */
  check(spec: ServiceSpec, serviceId: string): void {
    const ports = spec.EndpointSpec?.Ports ?? [];
    if (ports.some(isIngress) && !ingressNetwork(this.#view)) {
      throw new Refusal('failedPrecondition', 'service needs ingress network, but no ingress network is present');
    }
    for (const port of ports) {
      if (!port.PublishedPort) continue;
      this.#refuse(port, 'ingress', serviceId);
      if (isIngress(port)) this.#refuse(port, 'host', serviceId);
    }
  }

  #refuse(port: PortConfig, way: Way, serviceId: string): void {
    this.#holders ??= gather(this.#view);
    const other = this.#holders.get(`${publishedKey(port)} ${way}`)?.find(({ ID }) => ID !== serviceId);
    if (!other) return;
    const how = way === 'ingress' ? 'as an ingress port' : 'as a host-published port';
    throw new Refusal('invalidArgument', `port '${port.PublishedPort}' is already in use by service '${other.Spec.Name}' (${other.ID}) ${how}`);
  }
}

/**
 * Refuses the numbers by which nodes reach one another, however they are published: whoever has one on a worker keeps it from ever being a manager,
 * and is met in a manager's stead. What `stored` specs of the service have already is not refused any more.
 */
export function checkOwnPorts(view: View, spec: ServiceSpec, stored: readonly ServiceSpec[] = []): void {
  const cluster = clusterOf(view);
  const ports = (spec.EndpointSpec?.Ports ?? []).filter(({ PublishedPort }) => PublishedPort);
  // A Docker Swarm looks after its own.
  if (!cluster || ports.length === 0) return;
  const managers = managerAddresses(view.list('node')).map((address) => placeParts(address).port);
  const own = new Map([
    ...[managerPort, ...managers].map((number) => [`tcp/${number}`, 'managers are reached by it'] as const),
    [`udp/${cluster.DataPathPort}`, 'the networks between nodes go by it'],
  ]);
  const kept = new Set(stored.flatMap(({ EndpointSpec }) => (EndpointSpec?.Ports ?? []).map((port) => publishedKey(port))));
  for (const port of ports) {
    const why = kept.has(publishedKey(port)) ? undefined : own.get(publishedKey(port));
    if (why !== undefined) throw new Refusal('invalidArgument', `port '${port.PublishedPort}/${protocolOf(port)}' is the cluster's own: ${why}`);
  }
}

function gather(view: View): Holders {
  const holders = new Map<string, Service[]>();
  for (const service of view.list('service')) {
    for (const port of heldBy(service)) {
      const key = `${publishedKey(port)} ${wayOf(port)}`;
      const known = holders.get(key) ?? [];
      if (known.length < 2 && !known.includes(service)) holders.set(key, [...known, service]);
    }
  }
  return holders;
}

function wayOf(port: PortConfig): Way {
  return isIngress(port) ? 'ingress' : 'host';
}

/** What the spec says, and the numbers that the cluster chose where it says none; others in the endpoint may be on their way out. */
function heldBy(service: Service): PortConfig[] {
  const said = service.Spec.EndpointSpec?.Ports ?? [];
  const open = new Set(said.filter((port) => !port.PublishedPort).map(targetKey));
  const chosen = (service.Endpoint?.Ports ?? []).filter((port) => open.has(targetKey(port)));
  return [...said, ...chosen].filter((port) => port.PublishedPort);
}

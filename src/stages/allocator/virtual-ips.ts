/** Gives services one address for all their tasks in each of their networks. */
import { addressedNetworksOf, virtualNetworksOf, type Endpoint, type Service } from '#model/object/service';
import { update, type Action } from '#store/action';
import type { View } from '#store/view';
import type { AddressSpaces } from './address-space.ts';
import type { EndpointResult } from './ports.ts';
import type { NetworkAllocation } from './subnets.ts';

interface Given extends Pick<NetworkAllocation, 'networks' | 'problems'> {
  /** What this run made of services' endpoints. */
  endpoints: ReadonlyMap<string, EndpointResult>;
  spaces: AddressSpaces;
}

type ServiceUpdate = Extract<Action, { type: 'update'; kind: 'service' }>;

/**
 * An address stays as long as the service is on the network; a service that came from before there were such gets them, and its containers run on.
 * Where a network has none to give the service goes without: its name leads to the tasks.
 */
export function allocateVirtualIps(view: View, given: Given): ServiceUpdate[] {
  const updates: ServiceUpdate[] = [];
  for (const service of view.find('service', 'unaddressed', 'yes')) {
    const endpoint = endpointOf(service, given);
    if (!endpoint) continue;
    const VirtualIPs = addressesFor({ ...service, Endpoint: endpoint }, view, given);
    const before = service.Endpoint?.VirtualIPs ?? [];
    if (VirtualIPs.length === before.length && VirtualIPs.every(({ Addr }, at) => Addr === before[at]?.Addr)) continue;
    updates.push(update('service', { ...service, Endpoint: { ...endpoint, VirtualIPs } }) as ServiceUpdate);
  }
  return updates;
}

/** Without ports there is no endpoint yet. */
function endpointOf(service: Service, { endpoints }: Given): Endpoint | undefined {
  const result = endpoints.get(service.ID);
  return result && 'endpoint' in result ? result.endpoint : service.Endpoint;
}

function addressesFor(service: Service, view: View, { networks, problems, spaces }: Given): NonNullable<Endpoint['VirtualIPs']> {
  const wanted = virtualNetworksOf(service);
  const kept = (service.Endpoint?.VirtualIPs ?? []).filter(({ NetworkID }) => wanted.includes(NetworkID));
  const has = new Set(addressedNetworksOf(service));
  const fresh = wanted.flatMap((id) => {
    const network = networks.get(id) ?? view.get('network', id);
    if (has.has(id) || !network || problems.has(id)) return [];
    const Addr = spaces.of(network).take();
    return Addr === undefined ? [] : [{ NetworkID: id, Addr }];
  });
  return [...kept, ...fresh];
}

/** Services with an address of their own, and which tasks stand behind it. */
import { oncePer } from '#base/pace/once-per';
import { compareTexts } from '#base/text/text';
import type { ServiceEndpoint } from '#model/object/assignment';
import { bridgeName } from '#model/object/network';
import type { LocalNetwork } from './contract.ts';

/** A service's address in one network. */
export interface VirtualService {
  networkId: string;
  serviceName: string;
  bridge: string;
  address: string;
  /** Addresses of ready tasks; empty while there is none. */
  targets: readonly string[];
}

/** On this node's networks, in a settled order so that equal input gives equal rules. */
export function virtualServices(endpoints: readonly ServiceEndpoint[], networks: readonly LocalNetwork[]): VirtualService[] {
  const local = new Set(networks.map(({ network }) => network.ID));
  const found = new Map<string, VirtualService>();
  for (const endpoint of endpoints) for (const service of servicesOf(endpoint)) if (local.has(service.networkId)) found.set(service.address, service);
  return [...found.values()].toSorted((a, b) => compareTexts(a.address, b.address));
}

const servicesOf = oncePer(({ Name, VirtualIPs = [], Tasks }: ServiceEndpoint): readonly VirtualService[] =>
  VirtualIPs.map(({ NetworkID, Address }) => {
    const targets = Tasks.filter(({ Ready }) => Ready).flatMap(({ Networks }) => Networks.find((each) => each.NetworkID === NetworkID)?.Address ?? []);
    return {
      networkId: NetworkID,
      serviceName: Name,
      bridge: bridgeName(NetworkID),
      address: Address,
      targets: [...new Set(targets)].toSorted(),
    };
  }),
);

/** Addresses that a service led to and does not any more. */
export function leftTargets(before: readonly VirtualService[], after: readonly VirtualService[]): string[] {
  const same = new Set(after);
  const changed = before.filter((service) => !same.has(service));
  if (changed.length === 0) return [];
  const staying = new Set(after.flatMap(({ targets }) => targets));
  return [...new Set(changed.flatMap(({ targets }) => targets))].filter((address) => !staying.has(address));
}

export function virtualChain({ address }: VirtualService): string {
  return `v_${address.replaceAll('.', '_')}`;
}

/** Whatever the protocol and port: a ping is answered too. */
export function virtualTarget({ targets }: VirtualService): string {
  if (targets.length === 1) return `dnat to ${targets[0]}`;
  return `dnat to numgen inc mod ${targets.length} map { ${targets.map((address, index) => `${index} : ${address}`).join(', ')} }`;
}

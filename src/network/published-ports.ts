/** Which ports a node publishes, and which task addresses stand behind each. */
import { compareTexts } from '#base/text/text';
import type { EndpointTask, ServiceEndpoint } from '#model/object/assignment';
import { hostAddressOf, isIngress, protocolOf, type Protocol } from '#model/port';
import { bracketed } from '#model/address';
import type { LocalNetwork } from './contract.ts';

export interface PublishedPort {
  serviceName: string;
  protocol: Protocol;
  port: number;
  /** The one address of the host it is published for; absent: all. */
  hostAddress?: string;
  /** Where connections go, in turn; empty while no task is ready. */
  targets: readonly { address: string; port: number }[];
}

/** All ingress-mode ports of `endpoints`, in a settled order so that equal input gives equal rule sets. */
export function publishedPorts(endpoints: readonly ServiceEndpoint[], networks: readonly LocalNetwork[]): PublishedPort[] {
  const ports: PublishedPort[] = [];
  for (const endpoint of endpoints) {
    const addresses = endpoint.Tasks.filter((task) => task.Ready)
      .map((task) => publishedAddress(task, networks))
      .filter((address) => address !== undefined)
      .toSorted();
    for (const config of endpoint.Ports) {
      const { PublishedPort: port, TargetPort: target } = config;
      // A port without a number has not been allocated yet; host mode is the engine's own work.
      if (!port || !target || !isIngress(config)) continue;
      const hostAddress = hostAddressOf(config);
      ports.push({
        serviceName: endpoint.Name,
        protocol: protocolOf(config),
        port,
        ...(hostAddress && { hostAddress }),
        targets: addresses.map((address) => ({ address, port: target })),
      });
    }
  }
  return ports.toSorted((a, b) => compareTexts(holderKey(a), holderKey(b)));
}

/** What makes a published port one of a kind on a host, as people write it: `8080/tcp`, `127.0.0.1:8080/tcp`. */
export function holderKey({ protocol, port, hostAddress }: PublishedPort): string {
  const number = `${port}/${protocol}`;
  if (hostAddress === undefined) return number;
  return `${bracketed(hostAddress)}:${number}`;
}

/** The address that published traffic goes to: on the ingress network, else the first network that may be reached from outside. */
function publishedAddress(task: EndpointTask, networks: readonly LocalNetwork[]): string | undefined {
  const specs = new Map(networks.map(({ network }) => [network.ID, network.Spec]));
  const ingress = task.Networks.find(({ NetworkID }) => specs.get(NetworkID)?.Ingress);
  return (ingress ?? task.Networks.find(({ NetworkID }) => !specs.get(NetworkID)?.Internal))?.Address;
}

/** Which ports a node publishes, and which task addresses stand behind each. */
import { oncePerWith } from '#base/pace/once-per';
import { hashText } from '#base/random';
import { compareTexts } from '#base/text/text';
import type { EndpointAddress, EndpointTask, PortOptions, ServiceEndpoint } from '#model/object/assignment';
import { hostAddressOf, isIngress, protocolOf, type Protocol } from '#model/port/port';
import { bracketed, isAddress } from '#model/address';
import type { Traffic } from './contract.ts';

export interface PublishedPort {
  serviceName: string;
  protocol: Protocol;
  port: number;
  /** The one address of the host it is published for; absent: all. */
  hostAddress?: string;
  /** Where connections go, in turn; empty while no task is ready. */
  targets: readonly Target[];
  /** How a task gets to know who calls; absent: it sees the client. */
  source?: PortOptions['Source'];
  /** Nobody is led in yet, though tasks are ready: clients knock again in a moment. */
  closed?: true;
  /** One client meets one task. */
  sticky?: true;
}

export interface Target {
  address: string;
  port: number;
  /** Its node cannot answer by the node that a client came to: it is shown the node as the caller. */
  hidden?: true;
}

/** All ingress-mode ports of the services, on the node `nodeId`, in a settled order so that equal input gives equal rule sets. */
export function publishedPorts(traffic: Traffic, nodeId: string): PublishedPort[] {
  const { services, networks, peers = [], entry } = traffic;
  const older = [...new Set(peers.filter(({ showsClients }) => !showsClients).map((peer) => peer.nodeId))].toSorted(compareTexts);
  const place: Place = { nodeId, traffic, older: new Set(older) };
  const reached = networks.map(({ network: { ID, Spec } }) => `${ID} ${Spec.Ingress ?? false} ${Spec.Internal ?? false}`).toSorted(compareTexts);
  const text = JSON.stringify([nodeId, entry, older, reached]);
  const keyed = services.flatMap((endpoint) => portsOf(endpoint, place, text)).map((port): [string, PublishedPort] => [holderKey(port), port]);
  return keyed.toSorted(([a], [b]) => compareTexts(a, b)).map(([, port]) => port);
}

/** From where a service is seen. */
interface Place {
  nodeId: string;
  traffic: Traffic;
  /** Nodes whose tasks cannot answer by the node that a client came to. */
  older: ReadonlySet<string>;
}

const portsOf = oncePerWith((endpoint: ServiceEndpoint, { nodeId, traffic, older }: Place): readonly PublishedPort[] => {
  const { entry } = traffic;
  const attachmentOf = publishedAttachments(traffic);
  const isClosed = entry?.open === false;
  const ports: PublishedPort[] = [];
  const ready = endpoint.Tasks.flatMap((task) => {
    const attachment = task.Ready ? attachmentOf(task) : undefined;
    const isOutside = isClosed && attachment?.NetworkID === entry.networkId;
    return attachment === undefined || isOutside ? [] : [{ address: attachment.Address, nodeId: task.NodeID }];
  }).toSorted((a, b) => compareTexts(a.address, b.address));
  for (const config of endpoint.Ports) {
    const { PublishedPort: port, TargetPort: target } = config;
    // A port without a number has not been allocated yet; host mode is the engine's own work.
    if (!port || !target || !isIngress(config)) continue;
    const hostAddress = hostAddressOf(config);
    // Of a specification that was not looked at: it is to be served nowhere rather than everywhere.
    if (hostAddress !== '' && !isAddress(hostAddress)) continue;
    const { Source: source, Sticky: sticky } = config.Options ?? {};
    const meant = source === 'local' ? ready.filter((task) => task.nodeId === nodeId) : ready;
    ports.push({
      serviceName: endpoint.Name,
      protocol: protocolOf(config),
      port,
      ...(hostAddress && { hostAddress }),
      ...(source && { source }),
      ...(sticky && { sticky }),
      ...(isClosed && ready.length === 0 && { closed: true as const }),
      targets: meant.map((task): Target => ({ address: task.address, port: target, ...(older.has(task.nodeId) && { hidden: true }) })),
    });
  }
  return ports;
});

/** What makes a published port one of a kind on a host, as people write it: `8080/tcp`, `127.0.0.1:8080/tcp`. */
export function holderKey({ protocol, port, hostAddress }: PublishedPort): string {
  const number = `${port}/${protocol}`;
  if (hostAddress === undefined) return number;
  return `${bracketed(hostAddress)}:${number}`;
}

/**
 * Where the rules find a port that is published for one address. IPv6 comes by a forwarder of this host: it knocks at a loopback address that is that
 * IPv6 address' own, for at 127.0.0.1 the host may have a program of its own under the same number.
 */
export function ruleAddressOf(hostAddress: string): string {
  if (!hostAddress.includes(':')) return hostAddress;
  const hash = hashText(hostAddress);
  return `127.${64 + ((hash >>> 16) & 63)}.${(hash >>> 8) & 255}.${hash & 255}`;
}

/** Where published traffic goes to: on the network that the managers name for it, be that ready here or not, else the first network that may be reached from outside. */
export function publishedAttachments({ networks, entry }: Traffic): (task: EndpointTask) => EndpointAddress | undefined {
  const specs = new Map(networks.map(({ network }) => [network.ID, network.Spec]));
  const isEntry = (id: string): boolean => id === entry?.networkId || specs.get(id)?.Ingress === true;
  return ({ Networks }) => Networks.find(({ NetworkID }) => isEntry(NetworkID)) ?? Networks.find(({ NetworkID }) => !specs.get(NetworkID)?.Internal);
}

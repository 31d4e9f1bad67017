/** How a task answers clients by the node that these came to: the frame that such a node sends carries the hardware address of its bridge, and tells where to return to. */
import { oncePerWith } from '#base/pace/once-per';
import { compareTexts } from '#base/text/text';
import { addressNumber, parseSubnet, subnetText } from '#model/ipv4';
import type { ServiceEndpoint } from '#model/object/assignment';
import { macAddress } from '#model/mac-address';
import { protocolOf } from '#model/port/port';
import type { LocalNetwork, Traffic } from '../contract.ts';
import { publishedAttachments } from '../published-ports.ts';
import { elements, hooked, type RulePart } from './rule-parts.ts';
import type { PortRange } from './rule-set.ts';

/** Of one task that is published. */
export interface WayBack {
  subnet: string;
  /** This node's own address in the network. */
  gateway: string;
  /** Addresses of all nodes in it by which clients may come, with the mark of each, which is the number of its routing table too. */
  entries: readonly { gateway: string; mark: number }[];
  /** UDP ports that the task serves: its answers begin at the network over which clients come. */
  udpPorts: readonly number[];
}

/** Marks and tables are `firstMark` plus the node's place in the network: far from those that people use. */
const firstMark = 0x5d000000;
const mask = 0xff000000;
/** Order among the routing rules of a container, which has none of its own but the kernel's three. */
const preference = 20_480;
/** The table of answers by UDP; no node has the address of the network itself. */
const udpTable = firstMark;

/** By task id, of the node's own tasks that are published on its networks. */
export function waysBack(traffic: Traffic, nodeId: string): ReadonlyMap<string, WayBack> {
  const { services, networks, peers = [] } = traffic;
  const found = new Map<string, WayBack>();
  const attachmentOf = publishedAttachments(traffic);
  const byId = new Map(networks.map((local) => [local.network.ID, local]));
  const ways = new Map<string, Omit<WayBack, 'udpPorts'> | undefined>();
  const wayIn = (networkId: string): Omit<WayBack, 'udpPorts'> | undefined => {
    if (!ways.has(networkId)) ways.set(networkId, wayOf(byId.get(networkId), peers));
    return ways.get(networkId);
  };
  for (const service of services) {
    const { own, udpPorts } = publishedOn(service, nodeId, nodeId);
    for (const task of own) {
      const way = wayIn(attachmentOf(task)?.NetworkID ?? '');
      if (way) found.set(task.TaskID, { ...way, udpPorts });
    }
  }
  return found;
}

const publishedOn = oncePerWith(({ Ports, Tasks }: ServiceEndpoint, nodeId: string) => {
  const udpPorts = Ports.flatMap((port) => (protocolOf(port) === 'udp' && port.TargetPort ? [port.TargetPort] : []));
  return {
    own: Ports.length > 0 ? Tasks.filter((task) => task.NodeID === nodeId) : [],
    udpPorts: [...new Set(udpPorts)].toSorted((a, b) => a - b),
  };
});

/** The same for all tasks on a network. */
function wayOf(local: LocalNetwork | undefined, peers: NonNullable<Traffic['peers']>): Omit<WayBack, 'udpPorts'> | undefined {
  const subnet = parseSubnet(local?.network.IPAMOptions?.Configs?.[0]?.Subnet);
  return local && subnet && { subnet: subnetText(subnet), gateway: local.gateway, entries: entriesOf(local, subnet.first, peers) };
}

function entriesOf({ network, gateway }: LocalNetwork, base: number, peers: NonNullable<Traffic['peers']>): WayBack['entries'] {
  const others = peers.filter(({ networkId }) => networkId === network.ID).map((peer) => peer.gateway);
  const gateways = [...new Set([gateway, ...others])].toSorted(compareTexts);
  return gateways.flatMap((each) => {
    const place = (addressNumber(each) ?? 0) - base;
    return place > 0 && place < 2 ** 24 ? [{ gateway: each, mark: firstMark + place }] : [];
  });
}

/** Hosts that need ports apart from one another; beyond, some share them. */
const sharesLimit = 8;
/** Below are the ports of services. */
const firstPort = 1024;
const lastPort = 65_535;

/**
 * The ports under which this node leads clients to tasks. Undefined: their own, as no other node leads any.
 * One client may use one port of his towards two nodes at once, and both may lead him to one task, which would take the two connections for one:
 * so each node has ports of its own for them.
 */
export function portsApart({ networks, peers = [] }: Traffic): PortRange | undefined {
  const ingress = networks.find(({ network }) => network.Spec.Ingress) ?? networks[0];
  const others = peers.filter(({ networkId }) => networkId === ingress?.network.ID).map(({ gateway }) => gateway);
  if (!ingress || others.length === 0) return undefined;
  const gateways = [...new Set([ingress.gateway, ...others])].toSorted((a, b) => (addressNumber(a) ?? 0) - (addressNumber(b) ?? 0));
  const shares = Math.min(gateways.length, sharesLimit);
  const size = Math.floor((lastPort - firstPort + 1) / shares);
  const first = firstPort + (gateways.indexOf(ingress.gateway) % shares) * size;
  return { first, last: first + size - 1 };
}

/**
 * Lines of the container's table that mark the answers. A packet is marked as long as its connection has none, not only the first: that one may have
 * come before this table knew its node and was answered elsewhere, and the next try is the same connection.
 * A packet that gets its mark on the way out is led anew, which costs more than all else here. So what begins a connection is marked itself, and by
 * TCP the socket that accepts it keeps the mark (`acceptsMarks`): its answers have theirs from the start.
 */
export function wayBackRules({ subnet, entries }: WayBack): RulePart[] {
  const marks = entries.map(({ gateway, mark }) => `${macAddress(gateway)} : ${hex(mark)}`);
  return [
    elements('map', 'entries', 'ether_addr : mark', marks),
    // What a container passes on to others of its own is none of this.
    hooked('came', 'filter', 'input', -140, [
      `ct mark & ${hex(mask)} == ${hex(firstMark)} accept;`,
      `ct direction original ip saddr != ${subnet} ct mark set ether saddr map @entries meta mark set ct mark;`,
    ]),
    hooked('answer', 'route', 'output', -140, [
      `meta mark & ${hex(mask)} == ${hex(firstMark)} accept;`,
      `ct direction reply ct mark & ${hex(mask)} == ${hex(firstMark)} meta mark set ct mark;`,
    ]),
  ];
}

/** The setting of a container, below /proc/sys, by which an accepted socket keeps the mark of what began its connection. */
export const acceptsMarks = 'net/ipv4/tcp_fwmark_accept';

/** Lines for `ip -force -batch` inside the container; those that are there already fail, which is fine. */
export function wayBackRoutes({ gateway, entries, udpPorts }: WayBack): string[] {
  const ways = entries.flatMap((entry) => [
    `route replace default via ${entry.gateway} table ${entry.mark}`,
    `rule add pref ${preference} fwmark ${hex(entry.mark)} lookup ${entry.mark}`,
  ]);
  // A socket that is bound to no address takes the one of the way that it answers by, before any mark is set.
  const udp = udpPorts.flatMap((port) => [
    `rule add pref ${preference + 1} ipproto udp sport ${port} lookup main suppress_prefixlength 0`,
    `rule add pref ${preference + 2} ipproto udp sport ${port} lookup ${udpTable}`,
  ]);
  return [...ways, ...(udp.length > 0 ? [`route replace default via ${gateway} table ${udpTable}`, ...udp] : [])];
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}

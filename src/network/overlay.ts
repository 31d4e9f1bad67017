/** A node's part of the networks over several hosts: which it needs, and behind which host every address of others is. */
import { oncePer } from '#base/pace/once-per';
import { compareTexts } from '#base/text/text';
import { isHostAddress } from '#model/ipv4';
import { macAddress } from '#model/mac-address';
import { bridgeName, chosenGateway, isEncrypted, networkNumber, tunnelName } from '#model/object/network';
import type { LocalNetwork, Overlay, Peer } from './contract.ts';

/** Where frames to an address go. */
export interface Way {
  mac: string;
  /** Address of the host. */
  underlay: string;
}

/** Another host's end of what is encrypted. */
export interface EncryptedPeer {
  /** Public key. */
  key: string;
  /** The one that it will have next. */
  next?: string;
  port: number;
}

/** One network between this host and others. */
export interface Tunnel {
  name: string;
  number: number;
  bridge: string;
  /** Hardware address that the bridge must have, since the others know it by that. */
  mac: string;
  device: string;
  /** Its packets leave by the device that encrypts, or not at all. */
  encrypted: boolean;
  ways: ReadonlyMap<string, Way>;
}

/** What a host answers in a network beside its own address. */
export interface Answers {
  bridge: string;
  addresses: readonly string[];
}

export interface OverlayPlan {
  /** Bridges of all networks that this node is on; others of the host are not ours. */
  bridges: readonly string[];
  tunnels: readonly Tunnel[];
  /** Of every network that has such. */
  answers: readonly Answers[];
  /** UDP port of all nodes. */
  port: number;
  /** Addresses of the hosts that may send to this one. */
  members: readonly string[];
  /** Of the hosts on this one's encrypted networks, by address; undefined: there is no such network here. */
  encryption?: ReadonlyMap<string, EncryptedPeer>;
  /** A sentence for each network or peer that cannot be reached. */
  problems: readonly string[];
}

const usualPort = 4789;

/** A network without another node has no tunnel: a node that is alone pays for nothing. */
export function planOverlay({ networks, peers, services, port = usualPort }: Overlay): OverlayPlan {
  const problems: string[] = [];
  const reachable = peers.filter(({ address }) => isHostAddress(address));
  for (const { nodeId, address } of peers) {
    if (!isHostAddress(address)) problems.push(`node ${nodeId} is known by the address '${address}': networks over several hosts need one of IP version 4`);
  }
  const addresses = taskAddresses(services);
  const virtual = virtualAddresses(services);
  const tunnels: Tunnel[] = [];
  const answers: Answers[] = [];
  for (const local of networks.toSorted((a, b) => compareTexts(a.network.ID, b.network.ID))) {
    const others = reachable.filter(({ networkId }) => networkId === local.network.ID);
    const gateway = answeredGateway(local, others);
    const answered = [...(gateway === undefined ? [] : [gateway]), ...(virtual.get(local.network.ID) ?? [])];
    if (answered.length > 0) answers.push({ bridge: bridgeName(local.network.ID), addresses: answered });
    if (others.length === 0) continue;
    // Who is down has no key here: nothing is sent to it, which is no fault of this host.
    const reached = isEncrypted(local.network) ? others.filter(({ encryption }) => encryption) : others;
    const tunnel = tunnelOf(local, reached, addresses.get(local.network.ID) ?? []);
    if (tunnel) tunnels.push(tunnel);
    else
      problems.push(`network ${local.network.Spec.Name} has no number for its packets yet, its tasks on other hosts are not reached: the managers give it one`);
  }
  const encryption = encryptedPeers(networks, reachable, problems);
  const bridges = networks.map(({ network }) => bridgeName(network.ID));
  return {
    bridges,
    tunnels,
    answers,
    port,
    members: [...new Set(reachable.map(({ address }) => address))].toSorted(compareTexts),
    ...(encryption && { encryption }),
    problems: [...new Set(problems)],
  };
}

/** An address stands for one host and a key for one address: what several nodes claim is given to none of them, for one of them is not who it says. */
function encryptedPeers(networks: Overlay['networks'], peers: readonly Peer[], problems: string[]): OverlayPlan['encryption'] {
  const encrypted = new Set(networks.filter(({ network }) => isEncrypted(network)).map(({ network }) => network.ID));
  const others = peers.filter(({ networkId }) => encrypted.has(networkId));
  if (others.length === 0) return undefined;
  const claims = new Map<string, Set<string>>();
  const claim = (what: string, nodeId: string): void => void claims.set(what, (claims.get(what) ?? new Set()).add(nodeId));
  for (const { nodeId, address, encryption } of others) {
    if (!encryption) continue;
    for (const what of [address, encryption.Key, encryption.Next]) if (what !== undefined) claim(what, nodeId);
  }
  const found = new Map<string, EncryptedPeer>();
  for (const { nodeId, address, encryption } of others) {
    if (!encryption) continue;
    const { Key: key, Next: next, Port: port } = encryption;
    const shared = [address, key, next].find((what) => what !== undefined && (claims.get(what)?.size ?? 0) > 1);
    if (shared === undefined) found.set(address, { key, port, ...(next !== undefined && { next }) });
    else problems.push(`several nodes, ${nodeId} among them, say that ${shared} is theirs: nothing encrypted is sent to them until one of them leaves`);
  }
  return found;
}

/** By network. */
function virtualAddresses(services: Overlay['services']): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { VirtualIPs = [] } of services) {
    for (const { NetworkID, Address } of VirtualIPs) {
      const list = found.get(NetworkID) ?? [];
      if (list.length === 0) found.set(NetworkID, list);
      list.push(Address);
    }
  }
  return found;
}

interface TaskAddress {
  networkId: string;
  nodeId: string;
  address: string;
  mac: string;
  ready: boolean;
}

function taskAddresses(services: Overlay['services']): Map<string, TaskAddress[]> {
  const found = new Map<string, TaskAddress[]>();
  for (const each of services.flatMap(addressesOf)) {
    const list = found.get(each.networkId) ?? [];
    if (list.length === 0) found.set(each.networkId, list);
    list.push(each);
  }
  return found;
}

const addressesOf = oncePer(({ Tasks }: Overlay['services'][number]): readonly TaskAddress[] =>
  Tasks.flatMap(({ NodeID, Ready, Networks }) =>
    Networks.map(({ NetworkID, Address, MacAddress }) => ({
      networkId: NetworkID,
      nodeId: NodeID,
      address: Address,
      mac: (MacAddress ?? macAddress(Address)).toLowerCase(),
      ready: Ready,
    })),
  ),
);

function tunnelOf({ network, gateway }: LocalNetwork, peers: readonly Peer[], tasks: readonly TaskAddress[]): Tunnel | undefined {
  const number = networkNumber(network);
  if (number === undefined) return undefined;
  const hosts = new Map(peers.map(({ nodeId, address }) => [nodeId, address]));
  const ways = new Map<string, Way>();
  for (const peer of peers) if (peer.gateway !== gateway) ways.set(peer.gateway, { mac: macAddress(peer.gateway), underlay: peer.address });
  // An address that changes hands has two holders for a while: the ready one counts, and who is here is reached without us.
  for (const { nodeId, address, mac } of tasks.toSorted((a, b) => Number(a.ready) - Number(b.ready))) {
    const underlay = hosts.get(nodeId);
    if (underlay === undefined) ways.delete(address);
    else ways.set(address, { mac, underlay });
  }
  return {
    name: network.Spec.Name,
    number,
    mac: macAddress(gateway),
    bridge: bridgeName(network.ID),
    device: tunnelName(network.ID),
    encrypted: isEncrypted(network),
    ways,
  };
}

/** The gateway that the specification names; in networks of before a node may have it for its own address. */
function answeredGateway({ network, gateway }: LocalNetwork, peers: readonly Peer[]): string | undefined {
  const chosen = chosenGateway(network);
  return chosen && chosen !== gateway && !peers.some((peer) => peer.gateway === chosen) ? chosen : undefined;
}

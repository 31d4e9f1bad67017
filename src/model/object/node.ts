/** A node as stored and shown. */
import type { TlsInfo } from './authority.ts';
import type { Labels, Meta } from './meta.ts';
import type { NotedRelease, RunRelease } from '../release/release.ts';
import type { Resources } from './service-spec.ts';

export interface Node extends Meta {
  Spec: NodeSpec;
  Description?: NodeDescription;
  Status: NodeStatus;
  /** Filled from Raft's member list when read; never stored. */
  ManagerStatus?: { Leader?: boolean; Reachability: string; Addr: string };
  Shoal?: {
    /** The gateway of each network on this node: network id → address. */
    Gateways?: Readonly<Record<string, string>>;
    /** Leader's time (ms) since when it is down; absent while it is not. */
    DownSince?: number;
    /** Leader's time (ms) until when a node is waited for whose daemon said that it comes back; absent: nothing was said. */
    AwayUntil?: number;
    /** The role that the node has, as its certificate says; absent: the one that is wanted. */
    Role?: NodeSpec['Role'];
    /** Digest of the key that its newest certificate is for: by that it is known where no root vouches for it. */
    Key?: string;
    /** Leader's time (ms) until when that certificate is good; absent: an earlier program noted the key alone. */
    KeyUntil?: number;
    /** The key that it showed when it asked for that certificate, and until when the one of it is good: the newest may not have come to it. */
    Shown?: { Key: string; Until: number };
    /** Leader's time (ms) until when it may have a certificate that names it a manager; absent: it has had none, or an earlier program gave it. */
    ManagerUntil?: number;
    /** Leader's time (ms) until when it may have its certificate renewed though that has expired: somebody said so. */
    ReadmitUntil?: number;
    /** It was let go as a manager and has not said yet that it knows: it is told so before it can be one again. */
    Leaving?: true;
    /** Where other managers and nodes reach this one as a manager, with port; absent: its address, on the usual port. */
    ManagerAddr?: string;
    /** Which program it was told to run. */
    Release?: NotedRelease;
  };
}

export interface NodeSpec {
  Name?: string;
  Labels?: Labels;
  /** The role that is wanted; one node is always a manager. */
  Role: 'worker' | 'manager';
  Availability: 'active' | 'pause' | 'drain';
  Shoal?: {
    /** How long (ns) a drained task runs on beside a successor that is not up yet; 0: successors start when it has stopped. */
    DrainTimeout?: number;
  };
}

/** Nodes of a restored cluster are waited for so long, ms, and none longer: they have to find it. */
export const longestAwayMs = 60_000;

export interface NodeStatus {
  State: 'unknown' | 'down' | 'ready' | 'disconnected';
  Message?: string;
  Addr: string;
}

export interface NodeDescription {
  Hostname: string;
  Platform: { Architecture: string; OS: string };
  Resources: Resources;
  Engine: {
    EngineVersion: string;
    Labels?: Labels;
    Plugins?: readonly { Type: string; Name: string }[];
  };
  /** Whom the node trusts, and who signed its certificate. */
  TLSInfo?: TlsInfo;
  Shoal?: {
    /** Subnets (CIDR) that the host uses for other things: the allocator keeps off them. */
    UsedSubnets?: readonly string[];
    /** Those among them that networks of its engine have, which are none of the cluster's: the engine gives them to no other; absent: of an earlier program. */
    EngineSubnets?: readonly string[];
    /** The role that the node's certificate names, as the node knows it. */
    Role?: NodeSpec['Role'];
    /** Where other nodes send what containers send to one another; absent: where the node is reached. */
    DataPathAddr?: string;
    /** HOST:PORT where the node is reached as a manager, by its own word; absent: it is none, of an earlier program, or has an address that is not its host's. */
    ManagerAddr?: string;
    /** Of the program that runs there; absent: 1. */
    FeatureLevel?: number;
    /** How it encrypts what goes between nodes, or what it lacks for that; absent: of an earlier program, which does not. */
    Encryption?: NodeEncryption;
    /** Published ports that the node cannot serve: somebody else has them. */
    Clashes?: readonly PortClash[];
    /** The program that runs there; absent: of an earlier program. */
    Release?: RunRelease;
  };
}

/** Where others reach the node and what runs there: addresses without ports. */
export function addressesOf({ Status, Shoal, Description }: Pick<Node, 'Status' | 'Shoal' | 'Description'>): readonly string[] {
  const manager = Shoal?.ManagerAddr?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const all = [Status.Addr, manager, Description?.Shoal?.DataPathAddr];
  return [...new Set(all.filter((address): address is string => address !== undefined && address !== ''))];
}

/** Whether a node can have part in encrypted networks. */
export function canEncrypt({ Description }: Pick<Node, 'Description'>): boolean {
  return Description?.Shoal?.Encryption?.Key !== undefined;
}

/** Whether a node has just come and is still to say whether it can: what it has for that is looked for after it has joined. */
export function isStillToSay({ Description }: Pick<Node, 'Description'>): boolean {
  return !Description || (Description.Shoal?.Encryption === undefined && Description.Shoal?.Release !== undefined);
}

/** What people are told of one that cannot. */
export function lackOf(node: Pick<Node, 'Description'>): string {
  if (isStillToSay(node)) return 'it has just come and is still to say whether it can';
  return node.Description?.Shoal?.Encryption?.Lacks ?? 'its program is of an earlier version';
}

export interface NodeEncryption {
  /** Its public key: 32 bytes in base64. */
  Key?: string;
  /** The one that it will have next: others take packets by either. */
  Next?: string;
  /** UDP port that it listens on for encrypted packets. */
  Port?: number;
  /** What this host has not got, for people; a node with that has no key. */
  Lacks?: string;
}

export interface PortClash {
  /** The service's name. */
  Service: string;
  /** A sentence that names port, service and who has it. */
  Text: string;
}

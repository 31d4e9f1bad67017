/** What the dispatcher sends to a node and the node reports back. */
import type { Network } from './network.ts';
import type { NodeDescription, NodeSpec } from './node.ts';
import type { Config, Secret } from './secret.ts';
import type { ToldRelease } from '../release/release.ts';
import type { PortConfig } from './service-spec.ts';
import type { Task, TaskStatus } from './task.ts';

/** A service with its tasks, as a node puts it together from its items: input of DNS and of published ports. */
export interface ServiceEndpoint {
  ServiceID: string;
  Name: string;
  /** Ingress-mode ports with their published numbers. */
  Ports: readonly EndpointPort[];
  /** One address for all ready tasks, in each network that has such; absent: its name leads to the tasks themselves. */
  VirtualIPs?: readonly VirtualAddress[];
  Tasks: readonly EndpointTask[];
}

/** Whom a task sees as the caller: `client` by any node, the node (`masquerade`), the client because only the entry node's own tasks serve (`local`), the client in a PROXY header. */
export type PortSource = 'client' | 'masquerade' | 'local' | 'proxy';

export interface PortOptions {
  /** Absent: the client. */
  Source?: Exclude<PortSource, 'client'>;
  /** One client's connections go to one task, as long as that is there. */
  Sticky?: true;
}

/** A published port, with what its service's labels say of it. */
export type EndpointPort = PortConfig & { Options?: PortOptions };

export interface VirtualAddress {
  NetworkID: string;
  /** Without prefix length. */
  Address: string;
}

export interface EndpointTask {
  TaskID: string;
  NodeID: string;
  Slot?: number;
  /** Running and healthy, and not told to stop: it may get traffic. */
  Ready: boolean;
  /** It was ready, and is to end for no other reason than that the managers do not hear its node: it may well run. */
  Lost?: true;
  Networks: readonly EndpointAddress[];
}

/** Where a task is in one network. */
export interface EndpointAddress {
  NetworkID: string;
  /** Without prefix length. */
  Address: string;
  /** Absent: the one that is made of the address. */
  MacAddress?: string;
  Aliases: readonly string[];
}

/** A cluster network that tasks of the node use, and the node's own address in it. */
export interface NetworkAssignment {
  Network: Network;
  /** Without prefix length: the address of this node's bridge. */
  Gateway: string;
}

/** A service as every node that may have to do with it knows it. */
export interface ServiceItem {
  ID: string;
  Name: string;
  /** Ingress-mode ports with their published numbers. */
  Ports: readonly EndpointPort[];
  VirtualIPs?: readonly VirtualAddress[];
}

/** One task as others reach it: small, because it goes to many nodes. */
export interface Backend extends Omit<EndpointTask, 'TaskID'> {
  /** The task's. */
  ID: string;
  ServiceID: string;
}

/** What a node is to know of itself. */
export interface NodeItem {
  ID: string;
  /** Its address in each network, without prefix length. Without one nothing can be built of a network yet. */
  Gateways: Readonly<Record<string, string>>;
  /** The role that its certificate is to name; absent: of a manager that does not say. */
  Role?: NodeSpec['Role'];
  /** UDP port that networks over several nodes use; absent: the usual one. */
  DataPathPort?: number;
  /** Which program it is to run; absent: nobody says. */
  Release?: ToldRelease;
}

/** A node on a network, as the others on it reach it. */
export interface PeerItem {
  /** Of network and node, as `peerId` joins them. */
  ID: string;
  NodeID: string;
  NetworkID: string;
  /** Its own address in the network, without prefix length. */
  Gateway: string;
  /** Where its host is reached. */
  Address: string;
  /** Its tasks answer clients by the node that these came to: no other need hide them. */
  ShowsClients?: true;
  /** Nobody hears it; said of networks that have names alone. */
  Down?: true;
  /** On an encrypted network: by which key its packets are known. */
  Encryption?: PeerEncryption;
}

export interface PeerEncryption {
  Key: string;
  Next?: string;
  Port: number;
}

export function peerId(networkId: string, nodeId: string): string {
  return `${networkId}/${nodeId}`;
}

export interface Trust {
  /** PEM. */
  Roots: string;
  /** DER of the issuer's key, base64. */
  IssuerKey: string;
}

/** Where all managers are: one item, for every node. */
export interface ManagersItem {
  ID: typeof managersItemId;
  /** HOST:PORT. */
  Addresses: readonly string[];
  /** Each at the place of its address; absent: of a manager that does not say. */
  NodeIDs?: readonly string[];
  /** Whom nodes trust, and whose signature their certificates are to have; absent: of a manager that does not say. */
  Trust?: Trust;
}

export const managersItemId = 'all';

/** Small, each with a key of its own (kind and `ID`), immutable: an item is encoded once for all nodes that hold it. */
export interface AssignmentItems {
  task: Task;
  secret: Secret;
  config: Config;
  network: Network;
  service: ServiceItem;
  backend: Backend;
  peer: PeerItem;
  node: NodeItem;
  managers: ManagersItem;
}

export type AssignmentKind = keyof AssignmentItems;

export type AssignmentChange = AssignmentUpdate | { action: 'remove'; kind: AssignmentKind; id: string };

export type AssignmentUpdate = { [K in AssignmentKind]: { action: 'update'; kind: K; item: AssignmentItems[K] } }[AssignmentKind];

/** A message of the assignments stream. `complete` holds the whole set; `incremental` what changed since `appliesTo`. */
export interface AssignmentMessage {
  type: 'complete' | 'incremental';
  appliesTo: number;
  resultsIn: number;
  changes: readonly AssignmentChange[];
  /** The node is to say when everything up to `resultsIn` is in force. */
  acknowledge?: true;
}

/** What a node says of itself, bytes of JSON, at most: labels, plugins and subnets of an engine have room. */
export const longestDescription = 1024 * 1024;
/** Reports of one call, at most. */
export const reportsPerCall = 1000;
/** The `reason` of a refusal that leaves the session as it is: the same is to be said again later. */
export const busyReason = 'busy';

export interface TaskStatusUpdate {
  taskId: string;
  status: TaskStatus;
}

/** What a node says of a container that is no task's and that it puts on attachable networks. */
export type AttachmentChange =
  /** It is to have an address in `network` (id or name), this one if one is named. */
  | { type: 'attach'; containerId: string; name: string; network: string; aliases: readonly string[]; address?: string }
  | { type: 'tell'; taskId: string; containerId: string; name: string; running: boolean }
  /** It does not run, and its engine starts it no more with the address that it has on the network: that is anybody's. */
  | { type: 'park'; taskId: string; networkId: string }
  /** It is about to start: where it has given its address up it is to have one again, and nobody asks it for the others. */
  | { type: 'wake'; taskId: string }
  /** Off the network (id or name), or off all. */
  | { type: 'detach'; taskId: string; networkId?: string };

/** A node's line to its dispatcher. The same calls go over the wire when they are on different hosts. */
export interface DispatcherSession {
  /** Messages from the full set on; ends when the session does. */
  assignments(): AsyncIterable<AssignmentMessage>;
  /** Resolves when the statuses are durable. */
  updateTaskStatus(updates: readonly TaskStatusUpdate[]): Promise<void>;
  /** Says that the node lives; resolves with the milliseconds until the next beat is due. */
  heartbeat(): Promise<number>;
  updateDescription(description: NodeDescription): Promise<void>;
  /** Says that the node's daemon ends and comes back soon, while its tasks run on: they are waited for. Resolves when that is durable. */
  pause(): Promise<void>;
  /** Says that the node leaves its cluster: it is down from now on. Resolves when no other node that lives leads anybody to its tasks any more; the session is over then. */
  leave(): Promise<void>;
  /** Says that names and ports on this node are as the message with this `resultsIn`, which asked for it, wants them. */
  acknowledge(resultsIn: number): Promise<void>;
  /** Resolves when every other node that lives has acknowledged what it was told of the task up to now: nobody is led to it any more, if it is not ready. By the node's own id: what it was told of this node. */
  withdrawn(taskId: string): Promise<void>;
  /**
   * Resolves with the id of the container's task when the change is durable; with '' where an address was asked back of a container that does not
   * run: the same is to be said again in a moment. Refuses where the network is not attachable or has no such address.
   */
  changeAttachment(change: AttachmentChange): Promise<string>;
  close(): void;
}

/** Opens a session for `nodeId`; an older session of that node ends. `address`: where it came from, when that is known; `wanted`: whether whoever asked still waits. */
export type OpenSession = (nodeId: string, description: NodeDescription, address?: string, wanted?: () => boolean) => Promise<DispatcherSession>;

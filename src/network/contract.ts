/** What a node's network does for its agent, in four facets. `host` fulfils bridges, overlay and ports, `resolver` the names; the agent knows this page only. */
import type { PeerEncryption, ServiceEndpoint } from '#model/object/assignment';
import type { AskedNames } from './rules/asked-names.ts';
import type { AttachedNetwork, Network } from '#model/object/network';
import type { PortClash } from '#model/object/node';

/** A cluster network on this node, with the node's own address in it. */
export interface LocalNetwork {
  network: Network;
  gateway: string;
}

/** Where the name server of a network listens: on the network's gateway, at a port that no container asks for. */
export interface NameServer {
  networkId: string;
  address: string;
  port: number;
}

/** A network whose bridge the engine has made, or is about to. */
export interface BridgedNetwork extends LocalNetwork {
  /** Containers ask port 53 of the gateway and are led to this one; absent: nobody answers names there yet. */
  nameServerPort?: number;
}

/** Whom connections and names may lead to: of every service the tasks that the managers name. */
export interface Traffic {
  services: readonly ServiceEndpoint[];
  networks: readonly LocalNetwork[];
  /** The other nodes on them; absent: none. */
  peers?: readonly Peer[];
  /** The network by which published ports reach tasks, as the managers name it; absent: this node is on none. */
  entry?: Entry;
}

/** A node leads clients to tasks by its address in this network, and a task answers by the address of the node that they came to. */
export interface Entry {
  networkId: string;
  /** The network is ready here, and every other node that lives knows this one's address in it. Before, a task would answer elsewhere: no client is led to any. */
  open: boolean;
}

/** Another node on one of this node's networks. */
export interface Peer {
  nodeId: string;
  networkId: string;
  /** Its own address in the network. */
  gateway: string;
  /** Where its host is reached. */
  address: string;
  /** Its tasks answer clients by the node that these came to. */
  showsClients?: boolean;
  /** Nobody hears it: names are not asked of it. */
  down?: boolean;
  /** On an encrypted network; without it nothing is sent to it there. */
  encryption?: PeerEncryption;
}

export interface Overlay extends Traffic {
  peers: readonly Peer[];
  /** UDP port of all nodes; absent: the usual one. */
  port?: number;
}

/**
 * One part of the network.
 * What must hold: `wanted` is always the whole of it, what it does not name goes; of several `apply` under way the newest counts, and all resolve
 * when it, or a newer one, is in force; to apply the same again costs next to nothing and disturbs no connection; what an earlier life of the daemon
 * left in force stays so until the first `apply`.
 */
export interface Facet<Wanted> {
  /** Resolves when `wanted` is in force. Rejects with the reason when it cannot be; the caller tries again. */
  apply(wanted: Wanted): Promise<void>;
  /** Compares what is there with what was applied last, and mends it: a sentence for each thing that somebody else had changed. */
  audit(): Promise<readonly string[]>;
  /** What could not be served although the rest is in force, each a sentence that names it and says what to do. */
  problems(): readonly string[];
  /** Numbers that only grow while this life of the part lasts, by name in snake case; /metrics shows them. */
  counters(): Promise<Counters>;
}

export type Counters = Readonly<Record<string, number>>;

/** Bridges, as published ports, loopback and the way to the name servers need them. */
export interface Bridges extends Facet<readonly BridgedNetwork[]> {
  /** The container's own end of its bridges is made ready. */
  attached(attachment: TaskAttachment): Promise<void>;
  detached(taskId: string): void;
}

/** Published ports, and services' own addresses. */
export interface Ports extends Facet<Traffic> {
  /** Published ports that somebody else has on this host. */
  clashes(): readonly PortClash[];
  /** Whether anybody has a connection to the task's container; false for one that does not run here. */
  connected(taskId: string): Promise<boolean>;
  /** The container finds the tasks behind services' addresses by itself, as long as it runs. */
  attached(attachment: TaskAttachment): Promise<void>;
  detached(taskId: string): void;
}

export interface Names extends Facet<Traffic> {
  /** The name servers that listen now, as of the last `apply` or `audit`. */
  servers(): readonly NameServer[];
  /** Of a container that was made elsewhere, or has servers of its own, names that are not the cluster's are asked of these. It need not run yet. */
  attached(attachment: ComingAttachment): Promise<void>;
  detached(taskId: string): void;
}

/** What the engine really gave a task, which need not be what it was asked for. */
export interface TaskAttachment {
  taskId: string;
  pid: number;
  networks: readonly AttachedNetwork[];
  /** Set where it was made without our name server: what its engine asks instead (none: the host's own servers), and where names are answered. */
  asks?: AskedNames;
  /** Its engine asks ours, and then servers of its own, which alone may say what a name means that is not the cluster's. */
  goesOn?: boolean;
}

/** What a container has that need not run yet. */
export interface ComingAttachment extends Omit<TaskAttachment, 'pid' | 'networks'> {
  networks: readonly Pick<AttachedNetwork, 'networkId' | 'address'>[];
}

export interface NodeNetwork {
  readonly bridges: Facet<readonly BridgedNetwork[]>;
  readonly overlay: Facet<Overlay>;
  readonly ports: Facet<Traffic> & Pick<Ports, 'clashes' | 'connected'>;
  readonly names: Facet<Traffic> & Pick<Names, 'servers'>;
  /** Refuses when this host cannot do it. `disturbed` is called when something may be other than applied: an audit should come soon. */
  start(disturbed: () => void, signal: AbortSignal): Promise<void>;
  /** A task's container is about to start: its first look-up is answered as all of them are. Resolves when it is known, or cannot be made known. */
  attaching(attachment: ComingAttachment): Promise<void>;
  /** A task's container runs with these attachments; again when they change. Rejects when clients could be led to it whom it would not answer: to be tried again. */
  attached(attachment: TaskAttachment): Promise<void>;
  /**
   * The task will end. Resolves when no name and no port leads to it any more: only then may it be stopped.
   * It holds against every later `apply` that still calls the task ready, until `detached`.
   */
  detaching(taskId: string): Promise<void>;
  /** Nothing of the task is left, and no `apply` will name it again. */
  detached(taskId: string): void;
  /** Ends serving; what is in the kernel and the process that answers names stay for the next life. */
  stop(): Promise<void>;
}

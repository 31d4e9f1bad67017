/** What the API is given by the daemon: the cluster, this node's part in it, the local engine, logs, the reconciler's ear and mouth. */
import type { CommitList } from '#model/git/notify';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import type { AskRegistries } from '#control/stack/image-digests';
import type { Adopter } from '#control/stack/stack-states';
import type { Endpoint } from '#http/endpoint';
import type { GitRequest } from '#model/git/git-request';
import type { NetworkLook } from '#model/doctor/examination';
import type { GuestPlace, GuestRequest } from '#model/guest';
import type { Authority } from '#model/object/authority';
import type { Cluster as ClusterObject, ClusterSpec } from '#model/object/cluster';
import type { StackSpec } from '#model/object/stack';
import type { RepositoryPlan, StackPlan } from '#model/difference/stack-plan';
import type { Task } from '#model/object/task';

/** A view of the store, as the cluster hands it out. */
export type View = Awaited<ReturnType<Cluster['read']>>;

/** One change of the store, as watchers hear it. */
export type StoreEvent = Parameters<Parameters<Cluster['watch']>[0]>[0][number];

export interface Dependencies {
  cluster: Cluster;
  /** The way to the leader; absent: this node is the only one that ever decides. */
  leader?: LeaderLine;
  swarm: LocalSwarm;
  /** The cluster's certificate authority, at the leader; absent: its root stays as it is. */
  authority?: AuthorityChanges;
  /** Absent: what this node keeps is nobody's to take. */
  custody?: Custody;
  /** The cluster's nodes, of which this is one; absent: there are no others. */
  nodes?: NodesLine;
  /** Containers of this node that are no task's; absent: none may be on the cluster's networks. */
  guests?: GuestsLine;
  /** Path of the local Docker Engine's socket. */
  engineSocket: string;
  /** Where the engine is when it may be elsewhere: used in place of the socket. */
  engineEndpoint?: Endpoint;
  /** What is behind images' tags; absent: they are taken as written. */
  registries?: { ask: AskRegistries };
  logs: TaskLogs;
  reconciler: Reconciler;
  /** Where the cluster's events are kept, a line each; absent: they end with the daemon. */
  eventLog?: EventLog;
  reconcileEvents: { watch(listener: (event: ReconcileEvent) => void): () => void };
  metrics: MetricsSource;
  logger: Logger;
  clock: Clock;
}

/** The nodes as their managers reach them. */
export interface NodesLine {
  /** At the leader: a connection over which another node is asked what it shows of its containers. Refuses `unavailable`, with the fact `node`, where it does not answer. */
  open(nodeId: string, signal: AbortSignal): Promise<Duplex>;
  /** Whether a container, by its whole id, is that of a task of this node. */
  isTask(containerId: string): boolean;
  /** The other nodes on a network that this one is on, by the network's id in the cluster, as the managers told them here. */
  neighbours(networkId: string): readonly { nodeId: string; address: string }[];
  /** This node looks at its network. */
  examine(look: NetworkLook): Promise<unknown>;
  /** Of each of these nodes: service → what it is to hold of it, by this manager's state. */
  heldServices(nodeIds: ReadonlySet<string>): Promise<ReadonlyMap<string, ReadonlyMap<string, { name: string; digest: string }>>>;
}

/** This node's way to addresses for containers that are no task's. */
export interface GuestsLine {
  /** An address for a container in an attachable network, which is there on this node when it resolves. Refuses `notFound` and `permissionDenied` by what the managers say. */
  attach(request: GuestRequest): Promise<GuestPlace>;
  /** The container is there. */
  settle(key: string, taskId: string, containerId: string, name: string): Promise<void>;
  /** It is not, or is on the network no more; without one named, on none. */
  release(taskId: string, networkId?: string, key?: string): Promise<void>;
  /** Nobody knows whether it is there, or on the network: the engine is asked. */
  drop(key: string): void;
  /** The task that stands for a container, by its whole id. */
  taskOf(containerId: string): string | undefined;
  /** Before a container starts, by its whole id: it has an address that nobody else has. Resolves with what is to be called afterwards. Refuses where none is free. */
  wake(containerId: string): Promise<() => void>;
  /** The engine's name of a cluster network. */
  networkName(networkId: string): string;
}

/** Whoever decides, as this manager knows it. */
export interface LeaderLine {
  /** There is no other manager: nobody else could. */
  alone(): boolean;
  /** This node does. */
  leads(): boolean;
  /** A new connection to the API of whoever does; undefined while nobody is known to. */
  open(): Duplex | undefined;
  /** Why nobody will before somebody acts: too few managers answer. */
  lost(): Refusal | undefined;
  /** What this node holds of the cluster's state, however old. */
  view(): View;
  /** Who takes part, as this node sees it; undefined before it does. */
  standing(): ManagersStanding | undefined;
  /** Refuses where to take a manager's seat would cost the quorum. */
  checkRemoval(nodeId: string): void;
}

/** The managers who agree among themselves. */
export interface ManagersStanding {
  leader: string | undefined;
  members: readonly { id: string; /** HOST:PORT; empty while it is not known. */ address: string; reachable: boolean }[];
}

/** What the reconciler does when asked, and knows beside the store. */
export interface Reconciler {
  /** Reconciles one repository, by id or name, and resolves when that whole run is over. `renews`: with the newest values of its vault. */
  sync(repository: string, renews?: boolean): Promise<void>;
  /** What is not written of a stack yet. */
  waiting(stack: string): WaitingChanges | undefined;
  /** What a commit of a repository would do: that which `ref` leads to; absent: the one that would be followed now. */
  planCommit(repository: string, ref: string | undefined): Promise<RepositoryPlan>;
  /** What came between two commits of a repository; rejects where its mirror cannot say. */
  commits(repository: string, range: { since: string; until: string }): Promise<CommitList>;
  /** Has git answer a request for a repository that the cluster holds; resolves when the answer is out. */
  git(repository: string, asked: GitRequest, response: ServerResponse): Promise<void>;
  /** What would change if a repository got the stack, a line each. */
  adoption(stack: string, adopter: Adopter): Promise<readonly string[]>;
  /** What a deploy by hand would change. */
  plan(spec: StackSpec, options: { prune: boolean }): Promise<StackPlan>;
}

export interface WaitingChanges {
  /** Somebody changed it by hand; else a commit asks for it. */
  drift: boolean;
  /** One a difference. */
  lines: readonly string[];
}

/** This node's part in a cluster. */
export interface LocalSwarm {
  status(): SwarmStatus;
  /** Makes a cluster of this node; resolves with its node id. */
  init(request: InitRequest): Promise<string>;
  /** Enters a cluster by token, in the place of the node `replaces` (id or name) that is lost, if one is named; resolves when the node is in it. */
  join(request: JoinRequest, replaces?: string): Promise<void>;
  /** Leaves; `force` also gives up what only this node holds. */
  leave(force: boolean): Promise<void>;
}

/** Changes of the root, which need keys and signatures. */
export interface AuthorityChanges {
  /** What the settings make of the authority; undefined where it stays as it is. Refuses a root that cannot be the next. */
  change(cluster: ClusterObject, wanted: ClusterSpec['CAConfig']): Promise<Authority | undefined>;
}

/** What this node keeps of a cluster, given out and taken in as a whole. */
export interface Custody {
  /** Opens what a locked manager holds. Refuses `unauthenticated` another key than the one that it is locked with. */
  unlock(key: string): Promise<void>;
  /** The cluster's whole state, as this manager holds it, in a file that is sealed by the passphrase. */
  backup(passphrase: string): AsyncIterable<Uint8Array>;
  /** Makes a cluster of this node from such a file. Refuses a file that is not whole, or of another passphrase, with nothing changed. */
  restore(request: RestoreRequest, file: AsyncIterable<Uint8Array>): Promise<Restored>;
}

export interface RestoreRequest {
  ListenAddr: string;
  AdvertiseAddr: string;
  passphrase: string;
  /** Also where this node is in a cluster, which it then gives up. */
  force: boolean;
}

/** What came of a backup. */
export interface Restored {
  NodeID: string;
  /** The node was in the cluster when the backup was taken, and this host runs tasks of it still. */
  Known: boolean;
  /** RFC 3339. */
  TakenAt: string;
  /** Containers on this host that tasks of this node go on with. */
  Containers: number;
  /** Names of the other nodes, which are waited for. */
  Nodes: readonly string[];
  /** Host names of nodes whose containers are here as well, and that this node is not. */
  Foreign: readonly string[];
}

export interface RemoteManager {
  /** Empty until it was told. */
  NodeID: string;
  /** HOST:PORT */
  Addr: string;
}

export interface SwarmStatus {
  LocalNodeState: 'inactive' | 'pending' | 'active' | 'error' | 'locked';
  NodeID: string;
  /** Without port. */
  NodeAddr: string;
  ControlAvailable: boolean;
  Error: string;
  /** The managers that a worker knows. */
  RemoteManagers?: readonly RemoteManager[];
  /** Why the daemon started with its API only; absent when it started whole. */
  SafeMode?: string;
}

/** Body of `POST /swarm/join`. */
export interface JoinRequest {
  ListenAddr?: string;
  AdvertiseAddr?: string;
  DataPathAddr?: string;
  Availability?: 'active' | 'pause' | 'drain';
  RemoteAddrs?: readonly string[];
  JoinToken?: string;
}

/** Body of `POST /swarm/init`, in the Engine API's words; absent fields take Docker's defaults. */
export interface InitRequest {
  ListenAddr?: string;
  AdvertiseAddr?: string;
  DataPathAddr?: string;
  DataPathPort?: number;
  /** Of a manager that has lost the others for good: it goes on alone with what it holds. */
  ForceNewCluster?: boolean;
  AutoLockManagers?: boolean;
  Availability?: 'active' | 'pause' | 'drain';
  DefaultAddrPool?: readonly string[];
  SubnetSize?: number;
  Spec?: Partial<ClusterSpec>;
}

export interface TaskLogs {
  /** Lines of one task's container, oldest first; ends with the container unless `follow`, and with `signal` always. */
  open(task: Task, options: TaskLogOptions, signal: AbortSignal): AsyncIterable<TaskLogLine>;
}

export interface TaskLogOptions {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Last lines only; absent: all. */
  tail?: number;
  /** Milliseconds since 1970. */
  sinceMs?: number;
  /** With what the log driver keeps beside each line. */
  details?: boolean;
}

export interface TaskLogLine {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with up to nanoseconds. */
  timestamp: string;
  text: string;
  /** `key=value,…`, escaped as in a URL. */
  details?: string;
}

export interface EventLog {
  /** Oldest first. */
  readonly lines: readonly string[];
  keep(line: string): void;
  /** Whether what the log's entry at `index` did was kept by an earlier daemon. */
  had?(index: number): boolean;
}

export interface ReconcileEvent {
  /** RFC 3339 */
  time: string;
  type: 'stack' | 'repository';
  name: string;
  /** applied, refused, drift reverted, removed, unavailable */
  action: string;
  message: string;
}

export interface MetricsSource {
  /** True while the disk of the state folder is full and changes are refused. */
  readOnly(): boolean;
  /** Index of the log entry applied last; 0 outside a cluster. */
  raftIndex(): number;
  /** Of this manager's log; absent, or undefined: it has none. */
  log?(): LogFigures | undefined;
  /** True while this node decides. */
  leads(): boolean;
  /** Of each part of this node's network what it counts, and how much of it cannot be served; none outside a cluster. */
  network(): Promise<readonly NetworkFigures[]>;
  /** What this node counts of services, by name, as of the last `network`; absent: nothing. */
  services?(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
}

export interface LogFigures {
  term: number;
  /** Changes that this manager proposed and that are not committed yet. */
  proposalsPending: number;
  /** Bytes on the disk. */
  bytes(): Promise<{ log: number; snapshots: number }>;
}

export interface NetworkFigures {
  /** bridges, overlay, ports or names. */
  part: string;
  /** By name in snake case; they only grow. */
  counters: Readonly<Record<string, number>>;
  problems: number;
}

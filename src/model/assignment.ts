/** What the dispatcher sends to a node and the node reports back. */
import type { Network } from './network.ts';
import type { NodeDescription } from './node.ts';
import type { Config, Secret } from './secret.ts';
import type { PortConfig } from './service-spec.ts';
import type { Task, TaskStatus } from './task.ts';

/** Where a service's tasks answer on one node's networks: input of DNS and of published ports. */
export interface ServiceEndpoint {
  ServiceID: string;
  Name: string;
  /** Ingress-mode ports with their published numbers. */
  Ports: readonly PortConfig[];
  Tasks: readonly EndpointTask[];
}

export interface EndpointTask {
  TaskID: string;
  NodeID: string;
  Slot?: number;
  /** Running and healthy, and not told to stop: it may get traffic. */
  Ready: boolean;
  Networks: readonly { NetworkID: string; /** Without prefix length. */ Address: string; Aliases: readonly string[] }[];
}

/** A cluster network that tasks of the node use, and the node's own address in it. */
export interface NetworkAssignment {
  Network: Network;
  /** Without prefix length: the address of this node's bridge, from Node.Shoal.Gateways. */
  Gateway: string;
}

export interface AssignmentItems {
  task: Task;
  secret: Secret;
  config: Config;
  network: NetworkAssignment;
  endpoint: ServiceEndpoint;
}

export type AssignmentKind = keyof AssignmentItems;

export type AssignmentChange =
  | { [K in AssignmentKind]: { action: 'update'; kind: K; item: AssignmentItems[K] } }[AssignmentKind]
  /** `id` of a network is the network's, of an endpoint the service's. */
  | { action: 'remove'; kind: AssignmentKind; id: string };

/** A message of the assignments stream. `complete` holds the whole set; `incremental` what changed since `appliesTo`. */
export interface AssignmentMessage {
  type: 'complete' | 'incremental';
  appliesTo: number;
  resultsIn: number;
  changes: readonly AssignmentChange[];
}

export interface TaskStatusUpdate {
  taskId: string;
  status: TaskStatus;
}

/** A node's line to its dispatcher. The same calls go over the wire when they are on different hosts. */
export interface DispatcherSession {
  /** Messages from the full set on; ends when the session does. */
  assignments(): AsyncIterable<AssignmentMessage>;
  /** Resolves when the statuses are durable. */
  updateTaskStatus(updates: readonly TaskStatusUpdate[]): Promise<void>;
  /** Says that the node lives; resolves with the milliseconds until the next beat is due. */
  heartbeat(): Promise<number>;
  updateDescription(description: NodeDescription): Promise<void>;
  close(): void;
}

/** Opens a session for `nodeId`; an older session of that node ends. */
export type OpenSession = (nodeId: string, description: NodeDescription) => Promise<DispatcherSession>;

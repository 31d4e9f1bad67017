/** A task: one attempt to run a container, as stored and shown. */
import type { Labels, Meta } from './meta.ts';
import { encryptedOption, isEncrypted, type Network, type NetworkSpec } from './network.ts';
import type { EndpointSpec, LogDriver, PortConfig, TaskSpec } from './service-spec.ts';
import { isTerminal, compareStates, type TaskState } from './task-state.ts';

export interface Task extends Meta {
  Name?: string;
  Labels?: Labels;
  Spec: TaskSpec;
  ServiceID: string;
  /** 1 and up for replicated services; jobs count from 0, which is absent as in Docker's JSON; absent for global ones. */
  Slot?: number;
  /** '' until scheduled. */
  NodeID: string;
  Status: TaskStatus;
  DesiredState: TaskState;
  NetworksAttachments?: readonly NetworkAttachment[];
  GenericResources?: readonly object[];
  JobIteration?: { Index: number };
  Shoal: TaskMemory;
}

/** What the stages and the agent need beside Docker's fields. */
export interface TaskMemory {
  /** The service's name when the task was made, and its labels: `stack ps` filters by them. */
  ServiceName: string;
  ServiceLabels: Labels;
  /** ServiceState.SpecVersion that it was made from. */
  SpecVersion: number;
  /** The service's endpoint when it was made: a change of ports replaces the task. */
  EndpointSpec?: EndpointSpec;
  /** Ingress and host ports with their published numbers. */
  Ports?: readonly PortConfig[];
  /** Desired `ready` turns to `running` at this time (ms) at the earliest: the restart delay. */
  StartAfter?: number;
  /** ... and not before these tasks have stopped, or the time (ms) has come. */
  StartAfterTasks?: { IDs: readonly string[]; Until: number };
  /** How long (ms) the wait until StartAfter was meant to be: a clock that is set back must not make it longer. */
  StartDelay?: number;
  /** What its slot is in a rollout: the newest task that has it tells. */
  Rollout?: RolloutPart;
  /** Its node is drained, and it runs on until its successor does: until this time (ms) at most, or this one where no node takes the successor. */
  Leave?: { By: number; ByIfNowhere: number };
  /** Made by a restart, not by an update or scale. */
  Restart?: boolean;
  /** Times (ms) of the restarts in this slot under this spec, newest last; kept only where max_attempts counts them. */
  Restarts?: readonly number[];
  RegistryAuth?: string;
  /** It is no service's: it stands for a container that somebody made on an attachable network, and lives as long as that is there. */
  Attachment?: Attachment;
  /** Cluster's default when the spec names none. */
  LogDriver?: LogDriver;
  /** Its repository is of limited trust: of the volumes that are on its node already it has those that its stack made, and these by name. */
  Confined?: readonly string[];
  /** Since when its stack is there (RFC 3339): a volume that is older is that of another one of the name. Absent: made by a program of before. */
  ConfinedSince?: string;
}

export interface Attachment {
  /** What the node knows it by; while it is being made, a key of the node's own. */
  ContainerID: string;
  Name: string;
  Running?: true;
  /** Ids of networks on which others need its address while it does not run: its node is to park it there. */
  GivesUp?: readonly string[];
}

/** The task was made by a rollout, or taken over, or follows one that failed in it. */
export interface RolloutPart {
  /** The rollout's. */
  ID: string;
  /** When (ms) the task came up or failed; absent while a worker waits for it. The delay before the next slot counts from here. */
  DoneAt?: number;
  /** It failed before it ran, or within the monitor time. */
  Failed?: boolean;
}

export interface TaskStatus {
  Timestamp: string;
  State: TaskState;
  Message: string;
  Err?: string;
  ContainerStatus?: { ContainerID?: string; PID?: number; ExitCode?: number };
  PortStatus?: { Ports?: readonly PortConfig[] };
  Shoal?: {
    /** Leader's time (ms) of writing: restart windows count by it. */
    AppliedAt?: number;
  };
}

/**
 * What a task says of a network: enough to attach a container, and nothing that may change under it. Tasks of before hold the whole
 * network as it was when they were made; nobody reads more of it than this.
 */
export interface TaskNetwork {
  ID: string;
  Spec: Pick<NetworkSpec, 'Name' | 'Driver' | 'Ingress' | 'Options'>;
}

export interface NetworkAttachment {
  Network: TaskNetwork;
  /** CIDR texts; none on the engine's own networks, and while a container of somebody's is parked. */
  Addresses: readonly string[];
  Aliases?: readonly string[];
}

/** What the task has on the network that `ref` means: its id, its name, or a beginning of its id. */
export function attachmentTo({ NetworksAttachments = [] }: Pick<Task, 'NetworksAttachments'>, ref: string): NetworkAttachment | undefined {
  const named = NetworksAttachments.find(({ Network }) => Network.ID === ref || Network.Spec.Name.toLowerCase() === ref.toLowerCase());
  return named ?? NetworksAttachments.find(({ Network }) => Network.ID.startsWith(ref));
}

/** Container and display name: SERVICE.SLOT.ID, for tasks without a slot SERVICE.NODE.ID. */
export function taskName(task: Task): string {
  return taskNameOf(task.Shoal.ServiceName, task, task.ID);
}

/** With which a task's name ends; of another text whatever stands there. */
export function taskIdIn(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** The same from its parts, for those who hold no whole task; `id` may be cut short or left out. */
export function taskNameOf(service: string, { Slot, NodeID }: Pick<Task, 'Slot' | 'NodeID'>, id?: string): string {
  const place = `${service}.${Slot || NodeID}`;
  return id === undefined ? place : `${place}.${id}`;
}

export function taskNetwork({ ID, Spec: { Name, Driver, Ingress, Options } }: Network): TaskNetwork {
  const encrypted = isEncrypted({ Spec: { ...(Options && { Options }) } }) && { Options: { [encryptedOption]: '' } };
  return { ID, Spec: { Name, ...(Driver !== undefined && { Driver }), ...(Ingress !== undefined && { Ingress }), ...encrypted } };
}

/** A node has it, and it has not ended there. */
export function isPlaced(task: Task): boolean {
  return task.NodeID !== '' && !isTerminal(task.Status.State) && compareStates(task.Status.State, 'assigned') >= 0;
}

/** It counts for scheduling: wanted, and not ended. */
export function isActive(task: Task): boolean {
  return compareStates(task.DesiredState, 'complete') <= 0 && !isTerminal(task.Status.State);
}

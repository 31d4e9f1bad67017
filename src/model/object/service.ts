/** A service as stored and shown, and the defaults that SwarmKit gives it (api/defaults/service.go). */
import { second } from '#base/text/duration';
import type { Meta } from './meta.ts';
import { nodeLocalNetworks } from './network.ts';
import type { StackSource } from './stack.ts';
import type { EndpointSpec, PortConfig, RestartPolicy, ServiceSpec, UpdateConfig } from './service-spec.ts';

export interface Service extends Meta {
  Spec: ServiceSpec;
  PreviousSpec?: ServiceSpec;
  Endpoint?: Endpoint;
  UpdateStatus?: UpdateStatus;
  JobStatus?: { JobIteration: { Index: number }; LastExecution: string };
  Shoal: ServiceState;
}

export interface Endpoint {
  Spec?: EndpointSpec;
  /** With the published ports that the allocator chose. */
  Ports?: readonly PortConfig[];
  VirtualIPs?: readonly { NetworkID: string; Addr: string }[];
}

/** Whether the present run of a job is over, though it has no tasks. */
export function isFinishedJob({ JobStatus, Shoal }: Pick<Service, 'JobStatus'> & { Shoal?: Pick<ServiceState, 'Finished'> }): boolean {
  return JobStatus !== undefined && Shoal?.Finished === JobStatus.JobIteration.Index;
}

/** Ids of the networks in which the service is to have one address for all its tasks. */
export function virtualNetworksOf({ Spec }: Service): readonly string[] {
  if (Spec.EndpointSpec?.Mode === 'dnsrr') return [];
  const targets = (Spec.TaskTemplate.Networks ?? []).flatMap(({ Target }) => Target ?? []);
  return [...new Set(targets)].filter((id) => !nodeLocalNetworks.includes(id));
}

/** Ids of the networks in which it has one. */
export function addressedNetworksOf({ Endpoint }: Service): readonly string[] {
  return (Endpoint?.VirtualIPs ?? []).map(({ NetworkID }) => NetworkID);
}

/** API names of the update states; they are stored as shown. */
export type UpdateState = 'updating' | 'paused' | 'completed' | 'rollback_started' | 'rollback_paused' | 'rollback_completed';

export interface UpdateStatus {
  State: UpdateState;
  StartedAt?: string;
  CompletedAt?: string;
  Message: string;
}

/** What the stages keep of a service between passes. Never shown under Docker's own keys. */
export interface ServiceState {
  /** The spec's number, never given to another spec: tasks carry the one that they were made from. */
  SpecVersion: number;
  PreviousSpecVersion?: number;
  /** What brought the spec. */
  Origin?: ServiceOrigin;
  /** X-Registry-Auth as it came (base64url JSON); stripped at the API's door. */
  RegistryAuth?: string;
  /** The rollout of this spec or the last one; absent when nothing had to roll. */
  Rollout?: Rollout;
  /** The run of a job (its iteration) that nobody needs: it came back with a version whose job had run before. */
  Finished?: number;
  /** Of services that live in a Docker Swarm: what was asked of it, newest first. */
  Written?: readonly WrittenSpec[];
  /** Of services that live in a Docker Swarm: it runs all its tasks and changed long ago, so they were not read. */
  Steady?: { Running: number; Wanted: number };
}

/** A deploy of its stack, by hand or from a repository; a request for it alone; a rollback that somebody asked for. */
export type ServiceOrigin = StackSource | { Kind: 'update' } | { Kind: 'rollback' } | StackRollback;

/** The whole stack went back to a revision: because the one before failed, or because somebody asked for it. */
export interface StackRollback {
  Kind: 'stack rollback';
  Revision: number;
  Failed: boolean;
}

/** A spec as it was asked for, and as Docker stores it: with defaults said and what it does not know left out. */
export interface WrittenSpec {
  Asked: ServiceSpec;
  Stored: ServiceSpec;
}

/**
 * One update or rollback; how far each slot is stands on its tasks (`TaskMemory.Rollout`), so that progress writes no service.
 * It stays when the rollout is over, so that a slot whose new task failed for good is not tried for ever.
 */
export interface Rollout {
  /** No other rollout has it; absent in what earlier programs wrote. */
  ID?: string;
  /** The spec that it rolls out; one of another version is out of date. */
  SpecVersion: number;
  /** How many slots were dirty when it began: the base of the failure ratio. 0: nothing had to roll. */
  Total: number;
  /** As earlier programs kept it: the slots in work, under watch, in their delay, or failed. */
  Slots?: Readonly<Record<string, RolloutSlot>>;
}

export interface RolloutSlot {
  Task: string;
  DoneAt?: number;
  Failed?: boolean;
}

export const defaults = {
  stopGracePeriod: 10 * second,
  restart: { Condition: 'any', Delay: 5 * second, MaxAttempts: 0 } satisfies RestartPolicy,
  update: {
    Parallelism: 1,
    Delay: 0,
    FailureAction: 'pause',
    Monitor: 5 * second,
    MaxFailureRatio: 0,
    Order: 'stop-first',
  } satisfies UpdateConfig,
  taskHistoryLimit: 5,
} as const;

/** What kind of service it is; replicated when nothing is said. */
export function modeOf(spec: ServiceSpec): 'replicated' | 'global' | 'replicated-job' | 'global-job' {
  if (spec.Mode?.Global) return 'global';
  if (spec.Mode?.ReplicatedJob) return 'replicated-job';
  return spec.Mode?.GlobalJob ? 'global-job' : 'replicated';
}

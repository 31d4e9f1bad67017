/** A service as stored and shown, and the defaults that SwarmKit gives it (api/defaults/service.go). */
import { second } from '#base/duration';
import type { Meta } from './meta.ts';
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
  /** Counts spec changes: tasks carry the number that they were made from. */
  SpecVersion: number;
  PreviousSpecVersion?: number;
  /** X-Registry-Auth as it came (base64url JSON); stripped at the API's door. */
  RegistryAuth?: string;
  /** The rollout in progress; absent when none runs. */
  Rollout?: Rollout;
}

/** Progress of one update or rollback: all that a new leader needs to go on. */
export interface Rollout {
  /** Slots (or node ids, for global services) that were dirty when it began: the base of the failure ratio. */
  Total: number;
  /** Ids of tasks made by this rollout. */
  Tasks: readonly string[];
  /** Ids of those that failed before or within the monitor time. */
  Failed: readonly string[];
  /** Times in ms: per task that was seen running, the moment; ends of the delay pauses, one per worker. */
  RunningAt: Readonly<Record<string, number>>;
  /** When the last slot was done; the monitor then runs to CompleteAt. */
  CompleteAt?: number;
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

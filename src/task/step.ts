/** Steps that an engine carries out, and what it sees: the seam between deciding and doing on a worker. */
import type { AttachedNetwork, Network } from '#model/object/network';
import type { Config, Secret } from '#model/object/secret';
import type { PortConfig } from '#model/object/service-spec';
import type { Task } from '#model/object/task';

/** One thing to do for one task; steps of one task run in order, those of different tasks side by side. */
export type Step =
  | { type: 'pull'; task: Task }
  | { type: 'createNetwork'; network: Network; gateway: string }
  | { type: 'removeNetwork'; networkId: string }
  | { type: 'mountFiles'; task: Task; secrets: readonly Secret[]; configs: readonly Config[] }
  | { type: 'unmountFiles'; taskId: string }
  /** Drops files of tasks that are not in `keep`: what a crash left behind; with the last one their tmpfs. */
  | { type: 'pruneFiles'; keep: readonly string[] }
  /** The spec's templates are expanded; `gateways` are this node's addresses in the task's networks that have names. */
  | { type: 'createContainer'; task: Task; gateways: readonly string[] }
  | { type: 'startContainer'; task: Task; containerId: string }
  /** Puts a running container back on a network that it lost, with the task's own address. */
  | { type: 'attachNetwork'; task: Task; containerId: string; networkId: string }
  /** Without `graceMs` the container's own stop timeout holds. */
  | { type: 'stopContainer'; taskId: string; containerId: string; graceMs?: number }
  | { type: 'removeContainer'; taskId: string; containerId: string };

/** A container of ours as the engine shows it. */
export interface ObservedContainer {
  containerId: string;
  taskId: string;
  serviceId: string;
  state: 'created' | 'running' | 'exited' | 'removing' | 'dead';
  pid?: number;
  exitCode?: number;
  /** The engine's own words on a failed start or an out-of-memory kill. */
  error?: string;
  oomKilled?: boolean;
  /** Absent when there is no health check. Of one that has ended `unhealthy`, or nothing: it was so when it ended. */
  health?: 'starting' | 'healthy' | 'unhealthy';
  /** What the health check said last: it is the reason when the container is stopped for it. */
  healthLog?: string;
  /** The cluster networks that it is on while it runs. */
  networks: readonly AttachedNetwork[];
  /** Milliseconds that its node may hear of no manager while it runs; absent: it may run on. */
  fenceMs?: number;
  /** Host-mode ports with the numbers that the engine chose. */
  ports: readonly PortConfig[];
}

export type StepOutcome =
  /** `made`: it was not there before. `container`: what the task has by this, where nobody needs to look. */
  | { ok: true; container?: ObservedContainer; made?: true }
  /** `permanent`: trying again cannot help; the task is rejected or failed with `message`. `away`: the engine was not reached, which is nothing about the task. */
  | { ok: false; permanent: boolean; message: string; away?: true };

/** Containers as the Engine API shows them, in the words that decisions are made of. */
import type Docker from 'dockerode';
import { isDoneWithin } from '#base/clock';
import type { AttachedNetwork } from '#model/object/network';
import type { PortConfig } from '#model/object/service-spec';
import { isUnspecified } from '#model/address';
import { fenceLabel, fenceOf } from '#model/options/fence';
import { taskIdIn, type Task } from '#model/object/task';
import { parseTargetKey } from '#model/port/port';
import type { ObservedContainer } from '#task/step';
import { taskIdLabel } from '#model/object/meta';
import { serviceIdLabel } from '#model/object/meta';
import { mapLimited } from './limiter.ts';

const states: Readonly<Record<string, ObservedContainer['state']>> = {
  created: 'created',
  running: 'running',
  paused: 'running',
  restarting: 'running',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
};

/** Checks in a row that fail until a container is unhealthy, where nobody says how many (Docker's own). */
const usualRetries = 3;

/** What is seen of a container with our labels; `clusterNetwork` knows the cluster's id of an engine's network. */
export function observed(info: Docker.ContainerInspectInfo, clusterNetwork: (engineId: string) => string | undefined): ObservedContainer {
  const { State, Config, NetworkSettings } = info;
  const health = healthOf(info);
  const output = State.Health?.Log?.at(-1)?.Output;
  const fence = Number(Config.Labels[fenceLabel] ?? 0);
  return {
    containerId: info.Id,
    taskId: Config.Labels[taskIdLabel] ?? '',
    serviceId: Config.Labels[serviceIdLabel] ?? '',
    state: stateOf(State.Status),
    ...(State.Pid > 0 && { pid: State.Pid }),
    exitCode: State.ExitCode,
    ...(State.Error && { error: State.Error }),
    oomKilled: State.OOMKilled,
    ...(health && { health }),
    ...(output && { healthLog: output }),
    networks: State.Running ? attachedNetworks(NetworkSettings.Networks, clusterNetwork) : [],
    ports: publishedPorts(NetworkSettings.Ports ?? {}),
    ...(fence > 0 && { fenceMs: fence }),
  };
}

/** Docker says of every container that has ended that it is unhealthy: of such a one its checks tell, whose count stays. */
function healthOf({ State, Config }: Docker.ContainerInspectInfo): ObservedContainer['health'] {
  const { Status, FailingStreak = 0 } = State.Health ?? {};
  if (Status !== 'starting' && Status !== 'healthy' && Status !== 'unhealthy') return undefined;
  if (State.Running) return Status;
  return FailingStreak >= (Config.Healthcheck?.Retries || usualRetries) ? 'unhealthy' : undefined;
}

/** A container of `task` as it is seen when it has just been created. */
export function justCreated(task: Task, containerId: string): ObservedContainer {
  const fenceMs = fenceOf(task);
  const own = { containerId, taskId: task.ID, serviceId: task.ServiceID, state: 'created', exitCode: 0, oomKilled: false } as const;
  return { ...own, networks: [], ports: [], ...(fenceMs !== undefined && { fenceMs }) };
}

/** An image that somebody made of a task's container brings its labels along, to containers that are his: ours has the name that we gave it. */
export function isTaskContainer({ Name, Config }: Pick<Docker.ContainerInspectInfo, 'Name' | 'Config'>): boolean {
  const taskId = Config.Labels[taskIdLabel];
  return taskId !== undefined && taskIdIn(Name) === taskId;
}

/** The cluster's networks among those that a running container is on. */
export function attachedNetworks(
  networks: Docker.ContainerInspectInfo['NetworkSettings']['Networks'],
  clusterNetwork: (engineId: string) => string | undefined,
): readonly AttachedNetwork[] {
  return Object.values(networks ?? {}).flatMap(({ NetworkID, IPAddress, MacAddress }) => {
    const networkId = clusterNetwork(NetworkID);
    return networkId === undefined ? [] : [{ networkId, address: IPAddress, macAddress: MacAddress }];
  });
}

/** Every port that our containers bind is a host-mode one; IPv4 and IPv6 bindings of one port count once. */
function publishedPorts(ports: Docker.ContainerInspectInfo['NetworkSettings']['Ports']): readonly PortConfig[] {
  const found = new Map<string, PortConfig>();
  for (const [key, bindings] of Object.entries(ports)) {
    const target = parseTargetKey(key);
    if (!target) continue;
    for (const { HostIp, HostPort } of bindings ?? []) {
      const everywhere = isUnspecified(HostIp);
      found.set(`${key} ${everywhere ? '' : HostIp} ${HostPort}`, {
        ...target,
        PublishedPort: Number(HostPort),
        PublishMode: 'host',
        ...(!everywhere && { Shoal: { HostIP: HostIp } }),
      });
    }
  }
  return [...found.values()];
}

const inspectsAtOnce = 8;
/** So long the engine may think about one container before the others are shown without its word. */
const usualThinkingMs = 5000;
const timers = {
  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface LookParts {
  /** What the engine says of one container; undefined where it is gone, or none of a task. */
  inspect(containerId: string): Promise<ObservedContainer | undefined>;
  clusterNetwork(engineId: string): string | undefined;
  /** The engine is through with a container of this task that it had hung over. */
  answered(taskId: string): void;
}

/** Looks at many containers. One over which the engine hangs, as it does where a disk or a plugin keeps it waiting, hides no other: of it the list tells. */
export class Looks {
  readonly #parts: LookParts;
  readonly #thinkingMs: number;
  /** Those that are there, by their ids, as they were seen last. */
  #last: ReadonlyMap<string, ObservedContainer> = new Map();
  /** Ids of containers that the engine was asked about and has not answered. */
  readonly #hanging = new Set<string>();

  constructor(parts: LookParts, thinkingMs = usualThinkingMs) {
    this.#parts = parts;
    this.#thinkingMs = thinkingMs;
  }

  async all(list: readonly Docker.ContainerInfo[]): Promise<readonly ObservedContainer[]> {
    const seen = await mapLimited(list, inspectsAtOnce, (each) => this.#look(each));
    const found = seen.filter((container) => container !== undefined);
    this.#last = new Map(found.map((container) => [container.containerId, container]));
    return found;
  }

  async #look(listed: Docker.ContainerInfo): Promise<ObservedContainer | undefined> {
    const { Id, Labels } = listed;
    if (this.#hanging.has(Id)) return this.#asListed(listed);
    const look = this.#parts.inspect(Id);
    if (await isDoneWithin(timers, look, this.#thinkingMs)) return await look;
    this.#hanging.add(Id);
    const answered = (): void => {
      this.#hanging.delete(Id);
      this.#parts.answered(Labels[taskIdLabel] ?? '');
    };
    look.then(answered, answered);
    return this.#asListed(listed);
  }

  /** As it was seen last, unless it is in another state by now. */
  #asListed(listed: Docker.ContainerInfo): ObservedContainer | undefined {
    const last = this.#last.get(listed.Id);
    return last?.state === stateOf(listed.State) ? last : observedInList(listed, (id) => this.#parts.clusterNetwork(id));
  }
}

/** What a list tells of a container: one that runs is not known to be well, and has to wait for what says so. */
function observedInList(
  { Id, Names, Labels, State, Status, NetworkSettings }: Docker.ContainerInfo,
  clusterNetwork: LookParts['clusterNetwork'],
): ObservedContainer | undefined {
  if (!Names.some((Name) => isTaskContainer({ Name, Config: { Labels } as Docker.ContainerInspectInfo['Config'] }))) return undefined;
  const state = stateOf(State);
  const runs = state === 'running';
  const fence = Number(Labels[fenceLabel] ?? 0);
  return {
    containerId: Id,
    taskId: Labels[taskIdLabel] ?? '',
    serviceId: Labels[serviceIdLabel] ?? '',
    state,
    exitCode: Number(/^Exited \((\d+)\)/.exec(Status)?.[1] ?? 0),
    ...(runs && { health: 'starting' }),
    networks: runs ? attachedNetworks(NetworkSettings.Networks, clusterNetwork) : [],
    ports: [],
    ...(fence > 0 && { fenceMs: fence }),
  };
}

function stateOf(text: string): ObservedContainer['state'] {
  return states[text] ?? 'dead';
}

/** Docker Engine behind the engine contract, by dockerode. */
import { join } from 'node:path';
import Docker from 'dockerode';
import type { Meter } from '#base/meter';
import type { Network } from '#model/object/network';
import type { NodeDescription } from '#model/object/node';
import type { Task } from '#model/object/task';
import type { ObservedContainer, Step, StepOutcome } from '#task/step';
import { containerRequest, endpoints, type BodyContext } from '#task/container-body';
import { connectAgain, connectAll } from './docker-attachments.ts';
import { describeNode } from './describe.ts';
import { containerEvents, followEvents, networkEvents, taskOf, type EngineEvent } from './docker-events.ts';
import { DockerGuests } from './docker-guests.ts';
import { containerLogs } from './docker-logs.ts';
import { DockerNetworks } from './docker-networks.ts';
import { isTaskContainer, justCreated, Looks, observed } from './docker-observe.ts';
import type { Engine, LogLine, LogOptions } from './engine.ts';
import type { GuestEngine } from './guests.ts';
import { TaskFiles } from './mounts/secret-files.ts';
import { Images } from './images.ts';
import { nodeIdLabel, taskIdLabel } from '#model/object/meta';
import { done, failed, statusOf, textOf } from './outcome.ts';
import { unfitVolume } from './mounts/own-volumes.ts';

export interface DockerEngineOptions {
  /** The engine's socket, /var/run/docker.sock by default. */
  socketPath?: string;
  /** Every container and network of this node carries it; those of other nodes on the same engine are never seen. */
  nodeId: string;
  /** Folder for secret and config files, on a tmpfs or to become one; each node has a folder of its own in it. */
  runFolder: string;
  /** Path of a socket of ours that containers get which bind the engine's; absent: they get the engine's. */
  door?: string;
  parallelPulls?: number;
  meter?: Meter;
  /** The largest packet on networks whose specification does not say; absent: the engine's own default. */
  networkMtu?: (network: Network) => Promise<number>;
}

/** Carries out each kind of step; the type proves that none is missing. */
type StepTable = { [T in Step['type']]: (step: Extract<Step, { type: T }>, signal: AbortSignal) => Promise<StepOutcome> };

export class DockerEngine implements Engine {
  readonly #docker: Docker;
  readonly #images: Images;
  readonly #networks: DockerNetworks;
  readonly #files: TaskFiles;
  readonly guests: GuestEngine;
  /** Task id → container id: saves a list when one task is looked at. */
  readonly #containerIds = new Map<string, string>();
  readonly #looks = new Looks({
    inspect: (containerId) => this.#inspect(containerId),
    clusterNetwork: (engineId) => this.#networks.clusterId(engineId),
    answered: (taskId) => this.#changed(taskId),
  });
  #changed: (taskId: string) => void = () => {};
  readonly #table: StepTable = {
    pull: (step, signal) => this.#images.ensure(step.task, signal),
    createNetwork: (step) => this.#networks.create(step.network, step.gateway),
    removeNetwork: (step) => this.#networks.remove(step.networkId),
    mountFiles: (step) => this.#files.write(step.task, step.secrets, step.configs),
    unmountFiles: async (step) => this.#files.remove(step.taskId).then(() => done),
    pruneFiles: async (step) => this.#files.prune(new Set(step.keep)).then(() => done),
    createContainer: (step) => this.#create(step.task, step.gateways),
    startContainer: (step, signal) => this.#start(step.task, step.containerId, signal),
    attachNetwork: (step, signal) => this.#attach(step, signal),
    stopContainer: (step, signal) => this.#stop(step, signal),
    removeContainer: (step, signal) => this.#remove(step, signal),
  };

  constructor(readonly options: DockerEngineOptions) {
    this.#docker = new Docker({ socketPath: options.socketPath ?? '/var/run/docker.sock' });
    this.#images = new Images(this.#docker, options.parallelPulls ?? 3, undefined, options.meter);
    this.#networks = new DockerNetworks(this.#docker, options.nodeId, options.networkMtu);
    this.guests = new DockerGuests(this.#docker, this.#networks);
    this.#files = new TaskFiles(join(options.runFolder, options.nodeId));
  }

  async carryOut(step: Step, signal: AbortSignal): Promise<StepOutcome> {
    try {
      const run = this.#table[step.type] as (step: Step, signal: AbortSignal) => Promise<StepOutcome>;
      return await run(step, signal);
    } catch (error) {
      return failed(error);
    }
  }

  async observe(taskId?: string): Promise<readonly ObservedContainer[]> {
    const known = await this.#inspect(this.#containerIds.get(taskId ?? ''));
    if (known) return [known];
    const label = [`${nodeIdLabel}=${this.options.nodeId}`, taskId === undefined ? taskIdLabel : `${taskIdLabel}=${taskId}`];
    const list = await this.#docker.listContainers({ all: true, filters: { label } });
    // Of one task alone nobody waits but who asks.
    const found = taskId === undefined ? await this.#looks.all(list) : await this.#inspectAll(list);
    if (taskId === undefined) this.#containerIds.clear();
    for (const container of found) this.#containerIds.set(container.taskId, container.containerId);
    return found;
  }

  async #inspectAll(list: readonly Docker.ContainerInfo[]): Promise<readonly ObservedContainer[]> {
    const containers = await Promise.all(list.map(({ Id }) => this.#inspect(Id)));
    return containers.filter((container) => container !== undefined);
  }

  observeNetworks(): Promise<readonly string[]> {
    return this.#networks.observe();
  }

  watch(changed: (taskId: string | undefined, started?: boolean) => void, signal: AbortSignal): void {
    this.#changed = changed;
    void followEvents(this.#docker, containerEvents(this.options.nodeId), (event) => changed(event && taskOf(event), event?.Action === 'start'), signal);
    const lost = (event: EngineEvent | undefined): void => {
      const { ID = '', Attributes = {} } = event?.Actor ?? {};
      // Strangers' networks, and strangers on ours, are nothing to look at.
      if (!this.#networks.clusterId(ID)) return;
      if (event?.Action === 'destroy') return changed(undefined);
      const task = [...this.#containerIds].find(([, containerId]) => containerId === Attributes['container'])?.[0];
      if (task !== undefined) changed(task);
    };
    void followEvents(this.#docker, networkEvents, lost, signal);
  }

  describe(): Promise<NodeDescription> {
    return describeNode(this.#docker, this.options.nodeId);
  }

  logs(containerId: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    return containerLogs(this.#docker, containerId, options, signal);
  }

  /** It may be removed between the list and the look. */
  async #inspect(containerId: string | undefined): Promise<ObservedContainer | undefined> {
    if (containerId === undefined) return undefined;
    try {
      const info = await this.#docker.getContainer(containerId).inspect();
      if (!isTaskContainer(info)) return undefined;
      await this.#networks.known();
      return observed(info, (id) => this.#networks.clusterId(id));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Never broken off: the engine would make the container all the same, after whoever looked for it. */
  async #create(task: Task, gateways: readonly string[]): Promise<StepOutcome> {
    const context: BodyContext = {
      nodeId: this.options.nodeId,
      ...(this.options.door !== undefined && { door: this.options.door }),
      gateways,
      networkName: (id) => this.#networks.name(id),
      filePath: (kind, index) => this.#files.path(task.ID, kind, index),
    };
    const { name, platform, body } = containerRequest(task, context);
    const unfit = await unfitVolume(this.#docker, task);
    if (unfit) return unfit;
    try {
      // Split by hand: dockerode would put the whole body, environment and all, into the URL too.
      const request = { _query: { name, ...(platform && { platform }) }, _body: body };
      const container = await this.#docker.createContainer(request as Docker.ContainerCreateOptions);
      this.#containerIds.set(task.ID, container.id);
      return { ok: true, container: justCreated(task, container.id) };
    } catch (error) {
      const [ours] = statusOf(error) === 409 ? await this.observe(task.ID) : [];
      return ours ? { ok: true, container: ours } : failed(error);
    }
  }

  async #start(task: Task, containerId: string, signal: AbortSignal): Promise<StepOutcome> {
    const prefix = 'starting container failed: ';
    const [, ...others] = endpoints(task, { networkName: (id) => this.#networks.name(id) });
    try {
      await connectAll(this.#docker, containerId, others, signal);
    } catch (error) {
      return failed(error, prefix);
    }
    try {
      await this.#docker.getContainer(containerId).start({ abortSignal: signal });
      return done;
    } catch (error) {
      return statusOf(error) === 304 ? done : failed(error, prefix);
    }
  }

  async #attach({ task, containerId, networkId }: Extract<Step, { type: 'attachNetwork' }>, signal: AbortSignal): Promise<StepOutcome> {
    const endpoint = endpoints(task, { networkName: (id) => this.#networks.name(id) }).find((each) => each.networkId === networkId);
    const name = task.NetworksAttachments?.find(({ Network }) => Network.ID === networkId)?.Network.Spec.Name ?? networkId;
    return endpoint ? connectAgain(this.#docker, containerId, endpoint, name, signal) : done;
  }

  async #stop(step: Extract<Step, { type: 'stopContainer' }>, signal: AbortSignal): Promise<StepOutcome> {
    const query = step.graceMs === undefined ? {} : { t: Math.ceil(step.graceMs / 1000) };
    try {
      await this.#docker.getContainer(step.containerId).stop({ ...query, abortSignal: signal });
      return done;
    } catch (error) {
      return [304, 404].includes(statusOf(error) ?? 0) ? done : failed(error);
    }
  }

  /** Anonymous volumes go with it, named ones stay. */
  async #remove({ taskId, containerId }: Extract<Step, { type: 'removeContainer' }>, signal: AbortSignal): Promise<StepOutcome> {
    this.#containerIds.delete(taskId);
    try {
      await this.#docker.getContainer(containerId).remove({ v: true, force: true, abortSignal: signal } as Docker.ContainerRemoveOptions);
      return done;
    } catch (error) {
      const gone = statusOf(error) === 404 || /already in progress/.test(textOf(error));
      return gone ? done : failed(error);
    }
  }
}

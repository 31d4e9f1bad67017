/** The daemon: serves the API, and lives in a cluster or waits for one. */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ApiServer } from '#api/server';
import type { InitRequest, LocalSwarm, ReconcileEvent, SwarmStatus } from '#api/dependencies';
import { newId } from '#base/ids';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { DockerEngine } from '#engine/docker-engine';
import { checkHost } from '#host/check-host';
import { clusterOf } from '#store/view';
import { advertisedAddress, checkDataPathAddress, checkListenAddress } from './address.ts';
import { ClusterDoor } from './cluster-door.ts';
import { forgetIdentity, readIdentity, writeIdentity, type Identity } from './identity.ts';
import { addressPools, instanceOf } from './instance.ts';
import { Membership } from './membership.ts';
import type { DaemonOptions } from './options.ts';
import { lockState } from './state-lock.ts';
import { systemClock, systemRandom } from './system.ts';
import { programVersion } from '#base/version';
import { swarmTexts } from '#model/swarm-texts';

export class Daemon implements LocalSwarm {
  readonly #options: DaemonOptions;
  readonly #logger: Logger;
  readonly #onFatal: (error: unknown) => void;
  readonly #door = new ClusterDoor();
  readonly #api: ApiServer;
  readonly #listeners = new Set<(event: ReconcileEvent) => void>();
  #member: Membership | undefined;
  #changing = false;
  #unlock: () => Promise<void> = async () => {};

  constructor(options: DaemonOptions, logger: Logger, onFatal: (error: unknown) => void) {
    this.#options = options;
    this.#logger = logger;
    this.#onFatal = onFatal;
    this.#api = new ApiServer(
      { socketPath: options.socket, version: programVersion },
      {
        cluster: this.#door,
        swarm: this,
        engineSocket: options.engine,
        logs: { open: (task, logOptions, signal) => this.#inside().agent.logs(task.ID, logOptions, signal) },
        reconciler: {
          sync: async (name) => this.#inside().gitops.sync(name),
          waiting: (name) => this.#member?.waiting(name),
          adoption: async (name, adopter) => this.#inside().gitops.adoption(name, adopter),
        },
        reconcileEvents: { watch: (listener) => this.#watchEvents(listener) },
        metrics: {
          raftIndex: () => this.#member?.state.store.index ?? 0,
          leads: () => this.#member?.seat.leads() ?? false,
          readOnly: () => this.#member?.log.full !== undefined,
          network: async () => (await this.#member?.networkFigures()) ?? [],
        },
        logger: logger.child({ part: 'api' }),
        clock: systemClock,
      },
    );
  }

  /** Resolves when the API answers; in a cluster, when its state is there. Refuses what cannot work. */
  async start(): Promise<void> {
    const { state, run, socket } = this.#options;
    for (const folder of [state, run, dirname(socket)]) mkdirSync(folder, { recursive: true, mode: 0o711 });
    this.#unlock = await lockState(state);
    const identity = readIdentity(state);
    if (identity) {
      await refuseUnfitHost();
      const member = this.#newMember(identity, false);
      await member.startSeat();
      if (!clusterOf(member.state.store))
        throw new Refusal(
          'failedPrecondition',
          `${state} says that this node is in a cluster, but its log holds none: put back a copy of the folder, or move it away to begin anew`,
        );
      await this.#enter(member);
    }
    await this.#api.start();
    this.#logger.info({ socket, state, swarm: identity ? 'active' : 'inactive' }, 'the daemon is ready');
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    await this.#api.stop();
    await this.#member?.stop();
    await this.#unlock();
  }

  status(): SwarmStatus {
    const identity = this.#member?.identity;
    return {
      LocalNodeState: identity ? 'active' : 'inactive',
      NodeID: identity?.nodeId ?? '',
      NodeAddr: identity?.address ?? '',
      ControlAvailable: identity !== undefined,
      Error: this.#member?.log.full?.message ?? '',
    };
  }

  init(request: InitRequest): Promise<string> {
    return this.#exclusively(async () => {
      if (this.#member) throw new Refusal('unavailable', swarmTexts.alreadyPart);
      checkListenAddress(request.ListenAddr ?? '');
      checkDataPathAddress(request.DataPathAddr ?? '');
      const address = advertisedAddress(request.AdvertiseAddr ?? '');
      await refuseUnfitHost();
      const identity: Identity = { nodeId: newId(systemRandom), address };
      const description = await describeEngine(this.#options, identity.nodeId);
      // Remains of a cluster that was left half-way, or of an init that did not end.
      this.#forget();
      const member = this.#newMember(identity, true);
      await member.startSeat();
      try {
        await member.seat.submit(initCluster(initOptions(request, identity, description, addressPools(instanceOf(this.#options.state)))));
      } catch (error) {
        await member.seat.stop();
        this.#forget();
        throw error;
      }
      writeIdentity(this.#options.state, identity);
      await this.#enter(member);
      this.#logger.info({ node: identity.nodeId, address }, 'made a cluster');
      return identity.nodeId;
    });
  }

  leave(): Promise<void> {
    return this.#exclusively(async () => {
      const member = this.#inside();
      this.#door.use(undefined);
      await member.leave();
      this.#member = undefined;
      this.#forget();
      this.#logger.info({ node: member.identity.nodeId }, 'left the cluster');
    });
  }

  #newMember(identity: Identity, founds: boolean): Membership {
    return new Membership(identity, this.#options, {
      clock: systemClock,
      logger: this.#logger,
      founds,
      onFatal: this.#onFatal,
      onReconcile: (event) => {
        for (const listener of this.#listeners) listener(event);
      },
    });
  }

  async #enter(member: Membership): Promise<void> {
    this.#member = member;
    this.#door.use(member.seat);
    await member.startWork();
  }

  #inside(): Membership {
    if (!this.#member) throw new Refusal('unavailable', swarmTexts.notPart);
    return this.#member;
  }

  #forget(): void {
    forgetIdentity(this.#options.state);
    for (const name of ['raft', 'repositories']) rmSync(join(this.#options.state, name), { recursive: true, force: true });
  }

  #watchEvents(listener: (event: ReconcileEvent) => void): () => void {
    for (const event of this.#member?.reconciled ?? []) listener(event);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#changing) throw new Refusal('unavailable', 'This node is entering or leaving a swarm already. Try again in a moment.');
    this.#changing = true;
    try {
      return await work();
    } finally {
      this.#changing = false;
    }
  }
}

async function refuseUnfitHost(): Promise<void> {
  const missing = await checkHost();
  if (missing.length > 0) throw new Refusal('failedPrecondition', `this host cannot carry the cluster's network: ${missing.join('; ')}`);
}

async function describeEngine(options: DaemonOptions, nodeId: string): ReturnType<DockerEngine['describe']> {
  const engine = new DockerEngine({ socketPath: options.engine, nodeId, runFolder: options.run });
  try {
    return await engine.describe();
  } catch (error) {
    throw new Refusal('unavailable', `the Docker Engine at ${options.engine} does not answer: ${(error as Error).message}`);
  }
}

function initOptions(
  request: InitRequest,
  { nodeId, address }: Identity,
  description: Awaited<ReturnType<DockerEngine['describe']>>,
  usualPools: readonly string[],
): Parameters<typeof initCluster>[0] {
  const pools = request.DefaultAddrPool?.length ? request.DefaultAddrPool : usualPools;
  return {
    nodeId,
    address,
    description,
    ...(request.Availability && { availability: request.Availability }),
    ...(request.Spec && { spec: request.Spec }),
    ...(pools.length > 0 && { defaultAddrPool: pools }),
    ...(request.SubnetSize && { subnetSize: request.SubnetSize }),
    ...(request.DataPathPort && { dataPathPort: request.DataPathPort }),
  };
}

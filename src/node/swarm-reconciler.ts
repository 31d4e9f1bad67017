/** The daemon beside an existing Docker Swarm: the reconciler, its records and its socket; no node, no agent, no network of ours. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HttpDoor } from '#api/door/http-door';
import { ApiServer } from '#api/server';
import { seededRandom } from '#base/random';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import { programVersion } from '#base/version';
import { GitOps } from '#gitops/gitops';
import { ManagerSeat } from '#manager/manager-seat';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { ReplicatedState } from '#replica/state';
import { DockerSwarm } from '#swarm/docker-swarm';
import { engineEndpoint } from './engine-endpoint.ts';
import { gitOpsOptions } from './git-ops-options.ts';
import { makePassable } from './state/run-folder.ts';
import { readIdentity } from './state/identity.ts';
import type { DaemonOptions } from './options.ts';
import { lockState } from './state/state-lock.ts';
import { systemClock, systemRandom } from './system.ts';
import { webhookDoor } from './webhooks/webhook-door.ts';

/** The records' only voter; it is no node of any cluster. */
const recordsNodeId = 'records';

export class SwarmReconciler {
  readonly #options: DaemonOptions;
  readonly #logger: Logger;
  readonly #records: ManagerSeat;
  readonly #swarm: DockerSwarm;
  readonly #gitops: GitOps;
  readonly #api: ApiServer;
  readonly #webhooks: HttpDoor | undefined;
  #unlock: () => Promise<void> = async () => {};

  constructor(options: DaemonOptions, logger: Logger, onFatal: (error: unknown) => void) {
    const clock = systemClock;
    const random = systemRandom;
    const state = new ReplicatedState(clock);
    // The API shows what the others tell once they run, and is made when they are.
    const meter: Meter = {
      count: (...told) => this.#api.meter.count(...told),
      took: (...told) => this.#api.meter.took(...told),
      note: (...told) => this.#api.meter.note(...told),
    };
    this.#options = options;
    this.#logger = logger;
    const log = new Replica(
      { nodeId: recordsNodeId, snapshotEntries: options.snapshotEntries },
      {
        clock,
        random: seededRandom(random.next() * 2 ** 48),
        logger: logger.child({ part: 'raft' }),
        stateMachine: state,
        meter,
        openStorage: openDisk({ folder: join(options.state, 'records'), clock, meter, node: recordsNodeId, logger: logger.child({ part: 'disk' }) }),
        onFatal,
      },
    );
    // Docker does what the stages do: the log only keeps what it is given.
    this.#records = new ManagerSeat({}, { log, state, stages: [], clock, random, logger: logger.child({ part: 'records' }), onFatal });
    const endpoint = engineEndpoint(options.engine, process.env);
    this.#swarm = new DockerSwarm(endpoint, { records: this.#records, clock, random, logger: logger.child({ part: 'swarm' }) });
    this.#gitops = new GitOps(gitOpsOptions(options), { cluster: this.#swarm, clock, meter, logger: logger.child({ part: 'gitops' }) });
    this.#webhooks = webhookDoor(options, () => this.#swarm.read(), logger.child({ part: 'webhooks' }));
    this.#api = new ApiServer(
      {
        socketPath: options.socket,
        socketGroup: options.group,
        version: programVersion,
        ...(options.metrics && { metricsPlace: options.metrics }),
        besideSwarm: true,
      },
      {
        cluster: this.#swarm,
        swarm: besideManager,
        engineSocket: options.engine,
        engineEndpoint: endpoint,
        logs: { open: elsewhere },
        reconciler: this.#gitops,
        reconcileEvents: { watch: (listener) => this.#watchEvents(listener) },
        metrics: { raftIndex: () => state.store.index, leads: () => log.leads(), readOnly: () => log.full !== undefined, network: async () => [] },
        logger: logger.child({ part: 'api' }),
        clock,
      },
    );
  }

  /** Resolves when the API answers and the repositories are followed. Refuses what cannot work. */
  async start(): Promise<void> {
    const { state, socket, engine } = this.#options;
    mkdirSync(state, { recursive: true, mode: 0o711 });
    makePassable(dirname(socket));
    this.#unlock = await lockState(state);
    if (readIdentity(state))
      throw new Refusal('failedPrecondition', `${state} holds a node of a cluster: give the reconciler a state folder of its own with --state`);
    await this.#records.start();
    await this.#swarm.start();
    await this.#gitops.start();
    await this.#api.start();
    await this.#webhooks?.start();
    this.#logger.info({ socket, state, engine }, 'the reconciler is ready: it follows the repositories and serves its socket');
  }

  /** The stacks run on: they are Docker's. */
  async stop(): Promise<void> {
    await this.#webhooks?.stop();
    await this.#api.stop();
    await this.#gitops.stop();
    await this.#swarm.stop();
    await this.#records.stop();
    await this.#unlock();
  }

  #watchEvents(listener: Parameters<GitOps['events']['watch']>[0]): () => void {
    for (const event of this.#gitops.events.recent()) listener(event);
    return this.#gitops.events.watch(listener);
  }
}

/** What our routes ask of this node: they work as on a manager. The swarm's own life is the engine's affair. */
const besideManager = {
  status: () => ({ LocalNodeState: 'active', NodeID: '', NodeAddr: '', ControlAvailable: true, Error: '' }) as const,
  init: elsewhere,
  join: elsewhere,
  leave: elsewhere,
};

function elsewhere(): never {
  throw new Refusal('unimplemented', 'this is asked of the Docker Engine itself');
}

/** A node's life in a cluster: its agent with engine and network, its line to a manager, and while it is one its seat among the managers. */
import { join } from 'node:path';
import { Agent } from '#agent/agent';
import { seededRandom } from '#base/random';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { DockerEngine } from '#engine/docker-engine';
import { GitOps } from '#gitops/gitops';
import { gitOpsOptions } from './git-ops-options.ts';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import { openDisk } from '#replica/disk-storage';
import { Replica } from '#replica/replica';
import { ReplicatedState } from '#replica/state';
import { connectDispatcher, type DispatcherConnection } from '#rpc/dispatcher-client';
import { DispatcherServer } from '#rpc/dispatcher-server';
import type { Identity } from './identity.ts';
import { instanceOf } from './instance.ts';
import type { DaemonOptions } from './options.ts';
import { figuresOf, makeNetwork, type WholeNetwork } from './node-network.ts';
import { chooseRunFolder, ownFolder, socketIn } from './run-folder.ts';
import { systemRandom } from './system.ts';

type ReconcileListener = Parameters<GitOps['events']['watch']>[0];

export interface MembershipParts {
  /** True when this node begins a cluster; one that was in a cluster before has a log, or must not go on. */
  founds: boolean;
  clock: Clock;
  logger: Logger;
  /** The process must end and start again from the disk. */
  onFatal: (error: unknown) => void;
  onReconcile: ReconcileListener;
}

/** What a leaving node's containers may take to end. */
const leaveLimitMs = 60_000;

export class Membership {
  readonly state = new ReplicatedState();
  readonly log: Replica;
  readonly seat: ManagerSeat;
  readonly agent: Agent;
  #gitops: GitOps | undefined;
  readonly #dispatcher: DispatcherServer;
  readonly #line: DispatcherConnection;
  readonly #network: WholeNetwork;

  constructor(
    readonly identity: Identity,
    options: DaemonOptions,
    { clock, logger, founds, onFatal, onReconcile }: MembershipParts,
  ) {
    const random = systemRandom;
    const folder = join(options.state, 'raft');
    const instance = instanceOf(options.state);
    this.log = new Replica(
      { nodeId: identity.nodeId, snapshotEntries: options.snapshotEntries },
      {
        clock,
        random: seededRandom(random.next() * 2 ** 48),
        logger: logger.child({ part: 'raft', folder }),
        stateMachine: this.state,
        openStorage: openDisk({ folder, clock, node: identity.nodeId, founds, logger: logger.child({ part: 'disk' }) }),
        onFatal,
      },
    );
    this.seat = new ManagerSeat(
      {},
      {
        log: this.log,
        state: this.state,
        stages,
        clock,
        random,
        logger: logger.child({ part: 'manager' }),
        onFatal,
        duties: (cluster) => {
          this.#gitops = new GitOps(gitOpsOptions(options), { cluster, clock, logger: logger.child({ part: 'gitops' }) });
          this.#gitops.events.watch(onReconcile);
          return [this.#gitops];
        },
      },
    );
    // The node's own agent speaks to its manager as those of other nodes do: over the wire.
    const runFolder = chooseRunFolder(options.run, instance);
    ownFolder(runFolder);
    const socket = join(runFolder, socketIn('dispatcher', instance));
    this.#dispatcher = new DispatcherServer(socket, { openSession: this.seat.openSession, logger: logger.child({ part: 'dispatcher' }) });
    this.#line = connectDispatcher(socket);
    this.#network = makeNetwork({ instance, nodeId: identity.nodeId, runFolder }, { logger: logger.child({ part: 'network' }), clock });
    const engine = new DockerEngine({ socketPath: options.engine, nodeId: identity.nodeId, runFolder: join(runFolder, 'tasks') });
    this.agent = new Agent(
      { nodeId: identity.nodeId },
      { engine, network: this.#network, openSession: this.#line.openSession, clock, logger: logger.child({ part: 'agent' }) },
    );
  }

  /** What the reconciler does not write of a stack; undefined also where another node reconciles. */
  waiting(stack: string): ReturnType<GitOps['waiting']> {
    return this.#gitops?.waiting(stack);
  }

  /** The reconciler of this leader; refuses where none leads. */
  get gitops(): GitOps {
    if (!this.#gitops || !this.seat.leads())
      throw new Refusal('unavailable', 'the repositories are followed by the leader of the managers, and this node is not it');
    return this.#gitops;
  }

  /** What the reconciler did lately, oldest first. */
  get reconciled(): ReturnType<GitOps['events']['recent']> {
    return this.#gitops?.events.recent() ?? [];
  }

  /** The manager alone: what `swarm init` needs before the node is in its own cluster. */
  async startSeat(): Promise<void> {
    await this.seat.start();
  }

  /** All that needs the node to be in the cluster. */
  async startWork(): Promise<void> {
    await this.#dispatcher.start();
    await this.agent.start();
  }

  /** Containers run on, published ports stay. */
  async stop(): Promise<void> {
    await this.agent.stop();
    await this.#endLine();
    await this.seat.stop();
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    await this.agent.removeAll(leaveLimitMs);
    await this.agent.stop();
    await this.#endLine();
    await this.#network.tearDown();
    await this.seat.stop();
  }

  /** What the parts of this node's network count and cannot serve. */
  networkFigures(): ReturnType<typeof figuresOf> {
    return figuresOf(this.#network);
  }

  async #endLine(): Promise<void> {
    this.#line.close();
    await this.#dispatcher.stop();
  }
}

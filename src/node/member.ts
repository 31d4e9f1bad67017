/** A node's life in a cluster: the manager with its log, the agent with its engine, the reconciler; started and stopped in order. */
import { join } from 'node:path';
import { Agent } from '#agent/agent';
import { seededRandom } from '#base/random';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { DockerEngine } from '#engine/docker-engine';
import { GitOps } from '#gitops/gitops';
import { HostNetwork } from '#host/host-network';
import { Manager } from '#manager/manager';
import { RaftLog } from '#replica/raft-log';
import { Sessions } from '#manager/sessions';
import { stages } from '#manager/stages';
import { ReplicatedState } from '#replica/state';
import { connectDispatcher, type DispatcherConnection } from '#rpc/dispatcher-client';
import { DispatcherServer } from '#rpc/dispatcher-server';
import type { Identity } from './identity.ts';
import { instanceOf } from './instance.ts';
import type { DaemonOptions } from './options.ts';
import { chooseRunFolder } from './run-folder.ts';
import { systemRandom } from './system.ts';

export interface MemberParts {
  clock: Clock;
  logger: Logger;
  /** The process must end and start again from the disk. */
  onFatal: (error: unknown) => void;
}

/** What a leaving node's containers may take to end. */
const leaveLimitMs = 60_000;

export class Member {
  readonly state = new ReplicatedState();
  readonly log: RaftLog;
  readonly manager: Manager;
  readonly agent: Agent;
  readonly gitops: GitOps;
  readonly #sessions: Sessions;
  readonly #dispatcher: DispatcherServer;
  readonly #line: DispatcherConnection;
  readonly #network: HostNetwork;

  constructor(
    readonly identity: Identity,
    options: DaemonOptions,
    { clock, logger, onFatal }: MemberParts,
  ) {
    const random = systemRandom;
    const folder = join(options.state, 'raft');
    const instance = instanceOf(options.state);
    this.log = new RaftLog(
      { folder, nodeId: identity.nodeId, snapshotEntries: options.snapshotEntries },
      { clock, random: seededRandom(random.next() * 2 ** 48), logger: logger.child({ part: 'raft' }), stateMachine: this.state, onFatal },
    );
    this.manager = new Manager({}, { log: this.log, state: this.state, stages, clock, random, logger: logger.child({ part: 'manager' }), onFatal });
    this.#sessions = new Sessions({
      submit: (useCase) => this.manager.submit(useCase),
      state: this.state,
      clock,
      random,
      logger: logger.child({ part: 'dispatcher' }),
    });
    // The node's own agent speaks to its manager as those of other nodes do: over the wire.
    const socket = join(options.state, 'dispatcher.sock');
    this.#dispatcher = new DispatcherServer(socket, { openSession: this.#sessions.open, logger: logger.child({ part: 'dispatcher' }) });
    this.#line = connectDispatcher(socket);
    this.#network = new HostNetwork({ instance }, { logger: logger.child({ part: 'network' }), clock });
    const engine = new DockerEngine({ socketPath: options.engine, nodeId: identity.nodeId, runFolder: join(chooseRunFolder(options.run, instance), 'tasks') });
    this.agent = new Agent(
      { nodeId: identity.nodeId },
      { engine, network: this.#network, openSession: this.#line.openSession, clock, logger: logger.child({ part: 'agent' }) },
    );
    this.gitops = new GitOps({ folder: join(options.state, 'repositories') }, { cluster: this.manager, clock, logger: logger.child({ part: 'gitops' }) });
  }

  /** The manager alone: what `swarm init` needs before the node is in its own cluster. */
  async startManager(): Promise<void> {
    await this.manager.start();
  }

  /** All that needs the node to be in the cluster. */
  async startWork(): Promise<void> {
    await this.#sessions.start();
    await this.#dispatcher.start();
    await this.agent.start();
    await this.gitops.start();
  }

  /** Containers run on, published ports stay. */
  async stop(): Promise<void> {
    await this.gitops.stop();
    await this.agent.stop();
    await this.#endSessions();
    await this.manager.stop();
  }

  async #endSessions(): Promise<void> {
    this.#line.close();
    await this.#dispatcher.stop();
    this.#sessions.stop();
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    await this.gitops.stop();
    await this.agent.removeAll(leaveLimitMs);
    await this.agent.stop();
    await this.#endSessions();
    await this.#network.tearDown();
    await this.manager.stop();
  }
}

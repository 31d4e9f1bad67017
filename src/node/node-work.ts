/** What a node does for its cluster: an agent with engine and network, and its line to a manager. */
import { join } from 'node:path';
import { Agent } from '#agent/agent';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { DockerEngine } from '#engine/docker-engine';
import { connectDispatcher, type DispatcherConnection } from '#rpc/dispatcher-client';
import { DispatcherService } from '#rpc/dispatcher-service';
import { localServer, type RpcServer } from '#rpc/rpc-server';
import type { OpenSession } from '#model/object/assignment';
import type { TlsInfo } from '#model/object/authority';
import type { Identity } from './state/identity.ts';
import { instanceOf } from './state/instance.ts';
import { figuresOf, makeNetwork, type WholeNetwork } from './node-network.ts';
import type { DaemonOptions } from './options.ts';
import { chooseRunFolder, ownFolder, socketIn } from './state/run-folder.ts';

export interface NodeWorkParts {
  clock: Clock;
  logger: Logger;
  /** The manager's door for nodes. */
  openSession: OpenSession;
  /** Whom this node trusts, once it has a certificate. */
  tlsInfo: () => TlsInfo | undefined;
}

/** What a leaving node's containers may take to end. */
const leaveLimitMs = 60_000;

export class NodeWork {
  readonly agent: Agent;
  readonly #dispatcher: DispatcherService;
  readonly #door: RpcServer;
  readonly #line: DispatcherConnection;
  readonly #network: WholeNetwork;

  constructor({ nodeId }: Identity, options: DaemonOptions, { clock, logger, openSession, tlsInfo }: NodeWorkParts) {
    const instance = instanceOf(options.state);
    // The node's own agent speaks to its manager as those of other nodes do: over the wire.
    const runFolder = chooseRunFolder(options.run, instance);
    ownFolder(runFolder);
    const socket = join(runFolder, socketIn('dispatcher', instance));
    const parts = { openSession, logger: logger.child({ part: 'dispatcher' }) };
    this.#dispatcher = new DispatcherService(parts);
    this.#door = localServer(socket, nodeId, parts.logger);
    this.#dispatcher.addTo(this.#door);
    this.#line = connectDispatcher(`unix:${socket}`);
    this.#network = makeNetwork({ instance, nodeId, runFolder }, { logger: logger.child({ part: 'network' }), clock });
    const engine = new DockerEngine({ socketPath: options.engine, nodeId, runFolder: join(runFolder, 'tasks') });
    const describe = async () => ({ ...(await engine.describe()), ...tlsPart(tlsInfo()) });
    const modules = { engine, describe, network: this.#network, openSession: this.#line.openSession, clock, logger: logger.child({ part: 'agent' }) };
    this.agent = new Agent({ nodeId }, modules);
  }

  async start(): Promise<void> {
    await this.#door.start();
    await this.agent.start();
  }

  /** Containers run on, published ports stay. */
  async stop(): Promise<void> {
    await this.agent.stop();
    await this.#endLine();
  }

  /** Ends and removes everything of ours on this node. */
  async leave(): Promise<void> {
    await this.agent.removeAll(leaveLimitMs);
    await this.stop();
    await this.#network.tearDown();
  }

  /** What the parts of the network count and cannot serve. */
  figures(): ReturnType<typeof figuresOf> {
    return figuresOf(this.#network);
  }

  async #endLine(): Promise<void> {
    this.#line.close();
    this.#dispatcher.end();
    await this.#door.stop();
  }
}

function tlsPart(info: TlsInfo | undefined): { TLSInfo?: TlsInfo } {
  return info ? { TLSInfo: info } : {};
}

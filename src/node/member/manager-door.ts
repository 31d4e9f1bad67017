/** Where nodes come to this manager: its own agent by a socket, others and the other managers over mutual TLS. */
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { OpenSession } from '#model/object/assignment';
import type { Members } from '#rpc/authorization';
import { CaService, type CertificateIssuer } from '#rpc/ca-service';
import { serverCredentials, type LiveTls } from '#rpc/credentials';
import { DispatcherService } from '#rpc/dispatcher-service';
import { addForwardService } from '#rpc/forward/forward-service';
import { NodeTunnels } from '#rpc/forward/node-tunnels';
import type { RaftTransport } from '#rpc/raft/raft-transport';
import { localServer, RpcServer } from '#rpc/rpc-server';

export interface ManagerDoorParts {
  nodeId: string;
  /** Path for the agent of this host. */
  socket: string;
  /** HOST:PORT for all others, as it is now. */
  listen: () => string;
  openSession: OpenSession;
  /** HOST:PORT of the leader as far as it is known here. */
  leader: () => string | undefined;
  members: Members;
  /** Whether a node of the cluster was last seen at this address. */
  isNodeAt: (address: string) => boolean;
  /** Carries what managers say to one another. */
  transport: RaftTransport;
  /** Given each connection that another manager opens to this one's API. */
  connected: (connection: Duplex) => void;
  /** Refuses where nobody can sign. */
  issuer: () => CertificateIssuer;
  clock: Clock;
  logger: Logger;
}

const retryMs = 5000;

export class ManagerDoor {
  readonly #parts: ManagerDoorParts;
  readonly #dispatcher: DispatcherService;
  /** To nodes that have a session here. */
  readonly tunnels: NodeTunnels;
  readonly #ca: CaService;
  readonly #local: RpcServer;
  #remote: RpcServer | undefined;
  #beginning = false;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(parts: ManagerDoorParts) {
    const { nodeId, socket, openSession, leader, issuer, clock, logger } = parts;
    this.#parts = parts;
    this.#dispatcher = new DispatcherService({ openSession, leader, logger });
    this.tunnels = new NodeTunnels({ ask: this.#dispatcher.askForTunnel, clock });
    this.#ca = new CaService(issuer, clock, parts.members);
    this.#local = localServer(socket, nodeId, logger);
    this.#dispatcher.addTo(this.#local);
  }

  async startLocal(): Promise<void> {
    await this.#local.start();
  }

  /** Listens for the other nodes. An address that is taken by now is no reason to end what runs: it is tried again. */
  async listen(tls: LiveTls): Promise<void> {
    if (this.#remote || this.#beginning || this.#stopped) return;
    this.#beginning = true;
    const { members, isNodeAt, transport, connected, logger, clock } = this.#parts;
    const listen = this.#parts.listen();
    const server = new RpcServer(listen, {
      credentials: serverCredentials(tls),
      members,
      logger,
      comesAs: (address) => (transport.isMemberAt(address) ? 'manager' : isNodeAt(address) ? 'node' : 'stranger'),
    });
    this.#dispatcher.addTo(server);
    this.#ca.addTo(server);
    transport.addTo(server);
    addForwardService(server, connected);
    this.tunnels.addTo(server);
    try {
      await server.start();
      // Closed while it began to listen: the address is to be free.
      if (this.#stopped) return await server.stop();
      this.#remote = server;
      logger.info({ listen }, 'other nodes reach this manager');
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      logger.warn({ listen, error: error.message }, 'other nodes cannot reach this manager: free its address; it is tried again every few seconds');
      this.#cancel();
      this.#cancel = clock.after(retryMs, () => void this.listen(tls));
    } finally {
      this.#beginning = false;
    }
  }

  /** What a node has open here ends: it was removed, or is no manager any more. */
  cut(nodeId: string): void {
    this.tunnels.cut(nodeId);
    this.#remote?.cut(nodeId);
  }

  /** The whole state is another. */
  judgeAnew(): void {
    this.#remote?.judgeAnew();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    this.#dispatcher.end();
    this.tunnels.end();
    await Promise.all([this.#remote?.stop(), this.#local.stop()]);
  }
}

/** Managers' doors over real connections, each with a certificate of one cluster, and a wire between two that can be cut. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import type { Members } from '#rpc/authorization';
import { serverCredentials, type LiveTls } from '#rpc/credentials';
import { addForwardService } from '#rpc/forward/forward-service';
import { RaftTransport } from '#rpc/raft/raft-transport';
import { RpcServer } from '#rpc/rpc-server';
import type { TestAuthority } from './cluster-certificates.ts';
import { realClock } from './real-clock.ts';

const everybody: Members = { clusterId: () => 'c1', roleOf: () => 'manager', current: () => true };

export interface Door {
  readonly id: string;
  readonly address: string;
  readonly tls: LiveTls;
  readonly transport: RaftTransport;
  stop: () => Promise<void>;
}

interface DoorOptions {
  port?: number;
  incarnation?: number;
  elsewhere?: readonly string[];
  connected?: (connection: Duplex) => void;
}

export async function openDoor(
  authority: TestAuthority,
  id: string,
  { port = 0, incarnation = 1, elsewhere = [], connected = () => undefined }: DoorOptions = {},
): Promise<Door> {
  const tls = await authority.node(id, 'manager');
  const transport = new RaftTransport({
    nodeId: id,
    incarnation: () => incarnation,
    elsewhere,
    tls: () => tls,
    clock: realClock,
    random: seededRandom(1, id),
    logger: silentLogger,
  });
  const server = new RpcServer(`127.0.0.1:${port}`, { credentials: serverCredentials(tls), members: everybody, logger: silentLogger });
  transport.addTo(server);
  addForwardService(server, connected);
  const bound = await server.start();
  async function stop(): Promise<void> {
    await transport.stop();
    await server.stop();
  }
  return { id, address: `127.0.0.1:${bound}`, tls, transport, stop };
}

/** A wire to `address`: everything goes through it, until it is cut. */
export class CuttableWire {
  /** Bytes that came through towards the other end. */
  carried = 0;
  /** Connections that were ever made over it. */
  made = 0;
  /** Called as they come. */
  onBytes: () => void = () => undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #cut = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(address: string): Promise<CuttableWire> {
    const port = Number(address.split(':').at(-1));
    const server = createServer();
    const wire = new CuttableWire(server);
    server.on('connection', (socket) => wire.#join(socket, connect(port, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return wire;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks what is connected; new connections are made as before. */
  break(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing gets through until it is healed. */
  cut(): void {
    this.#cut = true;
    this.break();
  }

  heal(): void {
    this.#cut = false;
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(one: Socket, other: Socket): void {
    this.made++;
    for (const [socket, partner] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        partner.destroy();
      });
    }
    if (this.#cut) return void one.destroy();
    one.on('data', (bytes) => {
      this.carried += bytes.length;
      this.onBytes();
    });
    one.pipe(other);
    other.pipe(one);
  }
}

/** The name server on one network's gateway address: UDP and TCP on one port, opened anew or taken over from another process. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { serveConnection } from './dns-connection.ts';
import { FairQueue } from '../fair-queue.ts';

/** Answers one query of `asker` (an address); undefined when it deserves no answer. */
export type Answerer = (message: Uint8Array, asker: string, overUdp: boolean) => Promise<Buffer | undefined>;

/** Where to listen: an address, or the descriptors of sockets that listen already. */
export type Place = { address: string; port: number } | { udp: number; tcp: number };

/** What the kernel keeps for us while we are busy: some thousand queries. It gives less where net.core.rmem_max says so. */
const receiveBufferBytes = 1 << 20;
const idleMs = 10_000;
const connectionLimit = 256;
const connectionsPerAsker = 32;

export class DnsServer {
  readonly #udp = createSocket('udp4');
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #answerer: Answerer;
  /** Of both ways: who floods one waits for himself on the other, too. */
  readonly #queries = new FairQueue<() => void>((answer) => answer());
  #answering = 0;
  #drained: (() => void) | undefined;

  private constructor(answerer: Answerer) {
    // A message that no codec can take must not end the process; it gets no answer.
    this.#answerer = (...query) => answerer(...query).catch(() => undefined);
    this.#tcp = createServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#tcp.maxConnections = connectionLimit;
    this.#udp.on('message', (message, from) => this.#queries.add(from.address, () => void this.#datagram(message, from)));
  }

  /** Rejects with the system's error, such as EADDRNOTAVAIL while the bridge is not there. */
  static async open(place: Place, answerer: Answerer): Promise<DnsServer> {
    const server = new DnsServer(answerer);
    try {
      // A descriptor listens before bind returns.
      const listening = once(server.#udp, 'listening');
      server.#udp.bind('udp' in place ? { fd: place.udp } : place);
      await listening;
      server.#udp.setRecvBufferSize(receiveBufferBytes);
      server.#tcp.listen('tcp' in place ? { fd: place.tcp } : { host: place.address, port: place.port });
      await once(server.#tcp, 'listening');
    } catch (error) {
      server.close();
      throw error;
    }
    // Errors of single packets (an asker that has gone) are not the server's end.
    server.#udp.on('error', () => undefined);
    server.#tcp.on('error', () => undefined);
    return server;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  /** The descriptors of the listening sockets, for a process that takes them over; undefined where this Node does not tell them. */
  descriptors(): { udp: number; tcp: number } | undefined {
    const udp = handleOf(this.#udp)?.fd;
    const tcp = handleOf(this.#tcp)?.fd;
    return udp !== undefined && udp >= 0 && tcp !== undefined && tcp >= 0 ? { udp, tcp } : undefined;
  }

  /** Takes no more queries, for another process does; resolves when those taken are answered. */
  drain(): Promise<void> {
    handleOf(this.#udp)?.recvStop?.();
    this.#tcp.close();
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#noteIdle();
    });
  }

  close(): void {
    try {
      this.#udp.close();
    } catch {
      // A socket that failed to bind is closed already.
    }
    this.#tcp.close();
    for (const socket of this.#connections) socket.destroy();
  }

  async #datagram(message: Buffer, from: RemoteInfo): Promise<void> {
    this.#answering += 1;
    const reply = await this.#answerer(message, from.address, true);
    try {
      if (reply) this.#udp.send(reply, from.port, from.address, () => this.#answered());
      else this.#answered();
    } catch {
      // Closed meanwhile: the asker will ask again.
      this.#answered();
    }
  }

  #connected(socket: Socket): void {
    const asker = socket.remoteAddress ?? '';
    const others = [...this.#connections].filter(({ remoteAddress }) => remoteAddress === asker);
    if (others.length >= connectionsPerAsker) return void socket.destroy();
    this.#connections.add(socket);
    socket.on('close', () => {
      this.#connections.delete(socket);
      this.#noteIdle();
    });
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    serveConnection(socket, (message, answered) =>
      this.#queries.add(asker, () => {
        void this.#answerer(message, asker, false).then(answered);
      }),
    );
  }

  #answered(): void {
    this.#answering -= 1;
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.#answering === 0 && this.#queries.empty && this.#connections.size === 0) this.#drained?.();
  }
}

/** What Node keeps under a socket. Not in its documentation, but the only way to hand a bound socket on; where it is missing, nothing is handed on. */
function handleOf(socket: UdpSocket | Server): { fd?: number; recvStop?: () => void } | undefined {
  return (socket as unknown as { _handle?: { fd?: number; recvStop?: () => void } })._handle;
}

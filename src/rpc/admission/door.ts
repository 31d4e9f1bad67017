/** Where other nodes connect. Who does not show that he is a node does not stay. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Connections of those who have not shown a certificate: beyond so many the oldest goes. Each is some 60 KB. */
const mostStrangers = 2048;
/** Longer than one who joins waits for his answer. */
const usualStayMs = 45_000;

/** Where a connection comes from: there is one at a time. */
type End = Pick<Socket, 'remoteAddress' | 'remotePort'>;

export class Door {
  readonly #letIn: (connection: Socket) => void;
  readonly #server: Server;
  readonly #strangers = new Map<string, Socket>();

  /** @param stayMs how long a stranger may stay, in milliseconds */
  constructor(
    letIn: (connection: Socket) => void,
    readonly stayMs = usualStayMs,
  ) {
    this.#letIn = letIn;
    this.#server = createServer((connection) => this.take(connection));
  }

  /** `address`: `HOST:PORT`. Resolves with the port; rejects with what the system says. */
  listen(address: string): Promise<number> {
    const at = address.lastIndexOf(':');
    const host = address.slice(0, at).replaceAll(/[[\]]/g, '');
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port: Number(address.slice(at + 1)) }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** @internal */
  take(connection: Socket): void {
    this.#watch(connection);
    this.#letIn(connection);
  }

  /** Who is at the other end has shown that he is a node: he may stay. */
  known(end: End): void {
    this.#strangers.delete(keyOf(end));
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#server.close();
  }

  #watch(connection: Socket): void {
    const key = keyOf(connection);
    const isStranger = (): boolean => this.#strangers.get(key) === connection;
    const [oldest] = this.#strangers.size >= mostStrangers ? this.#strangers.values() : [];
    if (oldest) {
      this.known(oldest);
      oldest.destroy();
    }
    this.#strangers.set(key, connection);
    const timer = setTimeout(() => isStranger() && connection.destroy(), this.stayMs).unref();
    connection.once('close', () => {
      clearTimeout(timer);
      if (isStranger()) this.#strangers.delete(key);
    });
  }
}

function keyOf({ remoteAddress = '', remotePort = 0 }: End): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Where other nodes connect: a handshake takes milliseconds, so one is begun in a turn of the event loop, and who is in is heard before who comes. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Connections that the kernel keeps until they are taken: it gives all of them in one turn. */
const backlog = 128;
/**
 * Connections that wait; who comes beyond is turned away, and comes again.
 * @internal
 */
export const longestQueue = 2048;

export class Door {
  readonly #letIn: (connection: Socket) => void;
  readonly #server: Server;
  readonly #waiting = new Set<Socket>();
  /** One was let in within this turn. */
  #busy = false;

  constructor(letIn: (connection: Socket) => void) {
    this.#letIn = letIn;
    this.#server = createServer((connection) => this.take(connection));
  }

  /** `address`: `HOST:PORT`. Resolves with the port; rejects with what the system says. */
  listen(address: string): Promise<number> {
    const at = address.lastIndexOf(':');
    const host = address.slice(0, at).replaceAll(/[[\]]/g, '');
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port: Number(address.slice(at + 1)), backlog }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** @internal */
  take(connection: Socket): void {
    if (this.#waiting.size >= longestQueue) return void connection.destroy();
    connection.on('error', ignore).once('close', () => this.#waiting.delete(connection));
    this.#waiting.add(connection);
    if (!this.#busy) this.#next();
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#server.close();
    for (const connection of this.#waiting) connection.destroy();
    this.#waiting.clear();
  }

  #next(): void {
    const [connection] = this.#waiting;
    this.#busy = connection !== undefined;
    if (!connection) return;
    this.#waiting.delete(connection);
    setImmediate(() => this.#next());
    connection.off('error', ignore);
    this.#letIn(connection);
  }
}

/** Who goes before he is let in is let go. */
function ignore(): void {}

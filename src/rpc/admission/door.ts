/** Where other nodes connect. Who does not show that he is a node does not stay. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { parseAddress } from '#model/address';

/** Connections of those who have not shown a certificate: beyond so many the oldest goes of the source that has most, which so keeps out nobody else. Each is some 60 KB. */
const mostStrangers = 2048;
/** Longer than one who joins waits for his answer. */
const usualStayMs = 45_000;

/** Where a connection comes from: there is one at a time. */
type End = Pick<Socket, 'remoteAddress' | 'remotePort'>;

export class Door {
  readonly #letIn: (connection: Socket) => void;
  readonly #server: Server;
  /** By source, oldest first. */
  readonly #strangers = new Map<string, Map<string, Socket>>();
  #count = 0;

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
    this.#forget(sourceOf(end), keyOf(end));
  }

  #forget(source: string, end: string): void {
    const own = this.#strangers.get(source);
    if (!own?.delete(end)) return;
    this.#count--;
    if (own.size === 0) this.#strangers.delete(source);
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#server.close();
  }

  #watch(connection: Socket): void {
    const source = sourceOf(connection);
    const end = keyOf(connection);
    if (this.#count >= mostStrangers) this.#sendOneAway();
    // One that was closed, and of which that has not been told yet.
    this.#forget(source, end);
    const own = this.#strangers.get(source) ?? new Map<string, Socket>();
    this.#strangers.set(source, own.set(end, connection));
    this.#count++;
    const isStranger = (): boolean => own.get(end) === connection;
    const timer = setTimeout(() => isStranger() && connection.destroy(), this.stayMs).unref();
    connection.once('close', () => {
      clearTimeout(timer);
      if (isStranger()) this.#forget(source, end);
    });
  }

  #sendOneAway(): void {
    let most: { source: string; own: ReadonlyMap<string, Socket> } | undefined;
    for (const [source, own] of this.#strangers) if (own.size > (most?.own.size ?? 0)) most = { source, own };
    for (const [end, oldest] of most?.own ?? []) {
      this.#forget(most?.source ?? '', end);
      oldest.destroy();
      return;
    }
  }
}

function keyOf({ remoteAddress = '', remotePort = 0 }: End): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Of version 6 the network: a host there has as many addresses as it likes. */
function sourceOf({ remoteAddress = '' }: Pick<End, 'remoteAddress'>): string {
  const bits = remoteAddress.includes(':') ? parseAddress(remoteAddress) : undefined;
  return bits === undefined || bits >> 32n === 0xffffn ? remoteAddress : `${bits >> 64n}`;
}

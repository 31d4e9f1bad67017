/** Where other nodes connect. Who does not show that he is a node does not stay. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { parseAddress, withoutZone } from '#model/address';
import { Greetings } from './greetings.ts';

/** Connections of those who have not shown a certificate: beyond so many the oldest goes of the source that has most, which so keeps out nobody else. Each is some 60 KB. */
const mostStrangers = 2048;
/** Connections that the kernel holds until they are taken: a thousand nodes that seek another leader come before the event loop is there again, and who finds no place tries again after a second and more. */
const backlog = 4096;
/** Longer than one who joins waits for his answer. */
const usualStayMs = 45_000;

/** Where a connection comes from: there is one at a time. */
type End = Pick<Socket, 'remoteAddress' | 'remotePort'>;

export class Door {
  readonly #server: Server;
  readonly #greetings: Greetings<Socket>;
  /** By source, oldest first. */
  readonly #strangers = new Map<string, Map<string, Socket>>();
  #count = 0;

  /**
   * @param goesFirst whether who comes from this address waits behind nobody
   * @param stayMs how long a stranger may stay, in milliseconds
   */
  constructor(
    letIn: (connection: Socket) => void,
    goesFirst: (address: string) => boolean = () => false,
    readonly stayMs = usualStayMs,
  ) {
    this.#greetings = new Greetings(letIn, (connection) => goesFirst(plain(connection.remoteAddress)));
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
    this.#watch(connection);
    this.#greetings.take(connection, sourceOf(connection), keyOf(connection));
  }

  /** What the other end asked first has come: its handshake is over. */
  spoke(end: End): void {
    this.#greetings.over(keyOf(end));
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
      this.#greetings.over(end);
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

/** Without what version 6 puts before an address of version 4. */
function plain(address = ''): string {
  return address.replace(/^::ffff:/, '');
}

/** Of version 6 the network: a host there has as many addresses as it likes. */
function sourceOf({ remoteAddress = '' }: Pick<End, 'remoteAddress'>): string {
  const bits = remoteAddress.includes(':') ? parseAddress(withoutZone(remoteAddress)) : undefined;
  return bits === undefined || bits >> 32n === 0xffffn ? remoteAddress : `${bits >> 64n}`;
}

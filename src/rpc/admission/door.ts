/** Where other nodes connect. Who does not show that he is a node does not stay. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { plainAddress, sourceOf } from '#model/address';
import { placeParts } from '#model/manager-address';
import { Greetings } from './greetings.ts';

/** Connections of those who have not shown a certificate: beyond so many the oldest goes of the source that has most, which so keeps out nobody else. Each is some 60 KB. */
const mostStrangers = 2048;
/** Connections that the kernel holds until they are taken: a thousand nodes that seek another leader come before the event loop is there again, and who finds no place tries again after a second and more. */
const backlog = 4096;
/** Longer than one who joins waits for his answer. */
const usualStayMs = 45_000;

/** Where a connection comes from: there is one at a time. */
type End = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/** As what somebody comes by his address, before he has shown anything. */
export type Newcomer = 'manager' | 'node' | 'stranger';

export class Door {
  readonly #server: Server;
  readonly #letIn: (connection: Socket) => void;
  /** Managers wait behind nobody, and the cluster's nodes behind no stranger. */
  readonly #lines: Record<'node' | 'stranger', Greetings<Socket>>;
  readonly #comesAs: (address: string) => Newcomer;
  /** By source, oldest first. */
  readonly #strangers = new Map<string, Map<string, Socket>>();
  #count = 0;

  /**
   * @param stayMs how long a stranger may stay, in milliseconds
   */
  constructor(
    letIn: (connection: Socket) => void,
    comesAs: (address: string) => Newcomer = () => 'stranger',
    readonly stayMs = usualStayMs,
  ) {
    this.#letIn = letIn;
    this.#comesAs = comesAs;
    this.#lines = { node: new Greetings(letIn), stranger: new Greetings(letIn) };
    this.#server = createServer((connection) => this.take(connection));
  }

  /** `address`: `HOST:PORT`. Resolves with the port; rejects with what the system says. */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ ...placeParts(address), backlog }, () => {
        this.#server.off('error', reject);
        // Accepting may fail when descriptors run out; whoever asks comes again.
        this.#server.on('error', () => undefined);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** @internal */
  take(connection: Socket): void {
    // Whoever waits may go as he likes: nobody else listens to him yet.
    connection.on('error', () => connection.destroy());
    this.#watch(connection);
    const { remoteAddress = '' } = connection;
    const kind = this.#comesAs(plainAddress(remoteAddress));
    if (kind === 'manager') return this.#letIn(connection);
    // A handshake is work from its first word on: who says nothing takes nobody's turn.
    connection.once('readable', () => this.#lines[kind].take(connection, sourceOf(remoteAddress), keyOf(connection)));
  }

  /** What the other end asked first has come: its handshake is over. */
  spoke(end: End): void {
    this.#isOver(keyOf(end));
  }

  #isOver(end: string): void {
    for (const line of Object.values(this.#lines)) line.over(end);
  }

  /** Who is at the other end has shown that he is a node: he may stay. */
  known(end: End): void {
    this.#forget(sourceOf(end.remoteAddress ?? ''), keyOf(end));
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
    const source = sourceOf(connection.remoteAddress ?? '');
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
      this.#isOver(end);
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

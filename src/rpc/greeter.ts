/** Whether others reach a node where it says that they do, before it is a manager there: it greets whoever connects while it joins, and the leader looks before it gives it a seat. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Refusal } from '#base/refusal';
import { placeParts } from '#model/manager-address';

/** Of those who connect at a time: there is one leader. */
const mostAtOnce = 16;
/** A greeting is a digest in hexadecimal. */
const greetingBytes = 64;
/** As long as a manager is looked for at all: a host that is off does not answer later. */
const usualReachMs = 5000;

export class Greeter {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #greeting = '';

  /** @internal */
  constructor() {
    this.#server = createServer((connection) => this.#greet(connection));
    this.#server.maxConnections = mostAtOnce;
  }

  /** Listens at HOST:PORT. Refuses `invalidArgument`, in Docker's words, an address that is taken or not this host's. */
  static async listen(place: string): Promise<Greeter> {
    const greeter = new Greeter();
    await new Promise<void>((resolve, reject) => {
      greeter.#server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
        const why = code === 'EADDRINUSE' ? 'bind: address already in use' : message;
        reject(new Refusal('invalidArgument', `failed to listen on remote API address: listen tcp ${place}: ${why}`, { plain: true }));
      });
      greeter.#server.listen({ ...placeParts(place), exclusive: true }, resolve);
    });
    // Accepting may fail when descriptors run out: whoever looks hears that nobody answers.
    greeter.#server.on('error', () => undefined);
    return greeter;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What those who connect from now on are told, once each. */
  greet(greeting: string): void {
    this.#greeting = greeting;
  }

  /** The address is free when it has resolved. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #greet(connection: Socket): void {
    this.#connections.add(connection);
    connection.on('error', () => connection.destroy());
    connection.once('close', () => this.#connections.delete(connection));
    connection.setTimeout(usualReachMs, () => connection.destroy());
    connection.resume().end(this.#greeting);
  }
}

/** Says `greeting` at `place`, HOST:PORT, while `work` is under way; where it cannot listen, whoever looks finds another one there, or nobody. */
export async function greetingAt<T>(place: string, greeting: string, work: () => Promise<T>): Promise<T> {
  const greeter = await Greeter.listen(place).catch(() => undefined);
  greeter?.greet(greeting);
  try {
    return await work();
  } finally {
    await greeter?.close();
  }
}

/** Refuses `failedPrecondition`, in Docker's words, where nobody at HOST:PORT says `greeting` within `limitMs` milliseconds. */
export async function checkReached(address: string, greeting: string, limitMs = usualReachMs): Promise<void> {
  const why = await new Promise<string | undefined>((resolve) => {
    const connection = connect(placeParts(address));
    let said = '';
    const end = (failure?: string) => {
      clearTimeout(timer);
      connection.destroy();
      resolve(failure);
    };
    const timer = setTimeout(() => end(`dial tcp ${address}: i/o timeout`), limitMs);
    connection.setEncoding('latin1').on('data', (text: string) => {
      said += text;
      if (said.length >= greetingBytes) end(said === greeting ? undefined : `another one answers at ${address}`);
    });
    connection.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      end(`dial tcp ${address}: ${code === 'ECONNREFUSED' ? 'connect: connection refused' : message}`),
    );
    connection.once('end', () => end(`another one answers at ${address}`));
  });
  if (why === undefined) return;
  throw new Refusal('failedPrecondition', `could not connect to prospective new cluster member using its advertised address: ${why}`, { plain: true });
}

/** Calls HTTP servers at a steady rate, half on connections that are kept, and counts what fails and how. */
import { Agent, request } from 'node:http';

interface Failure {
  host: string;
  kept: boolean;
  code: string;
  /** When it began, milliseconds since 1970, and what it took. */
  began: number;
  tookMs: number;
}

interface Client {
  host: string;
  kept: boolean;
  agent: Agent;
  busy: boolean;
}

/** A call that hangs has failed. */
const callLimitMs = 8000;
const tickMs = 10;
/** Of each kind for each host: who waits for an answer asks nothing else, so that a slow machine is not buried. */
const clientsEach = 16;

export class Load {
  calls = 0;
  readonly failures: Failure[] = [];
  readonly seen = new Set<string>();
  readonly #clients: readonly Client[];
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #due = 0;
  #last = 0;

  constructor(
    hosts: readonly string[],
    readonly port: number,
    readonly perSecond: number,
  ) {
    const client = (host: string, kept: boolean): Client => ({ host, kept, agent: new Agent({ keepAlive: kept, maxSockets: 1 }), busy: false });
    this.#clients = Array.from({ length: clientsEach }, () => hosts.flatMap((host) => [client(host, true), client(host, false)])).flat();
  }

  start(): void {
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#clients.some(({ busy }) => busy)) await new Promise((resolve) => setTimeout(resolve, tickMs));
    for (const { agent } of this.#clients) agent.destroy();
  }

  /** A machine that stands still for a moment is not made to catch up with thousands at once. */
  #tick(): void {
    const now = performance.now();
    this.#due = Math.min(this.#due + ((now - this.#last) * this.perSecond) / 1000, this.#clients.length);
    this.#last = now;
    for (let tried = 0; this.#due >= 1 && tried < this.#clients.length; tried++) {
      const client = this.#clients[this.#next++ % this.#clients.length] as Client;
      if (client.busy) continue;
      this.#due -= 1;
      this.#call(client);
    }
  }

  #call(client: Client): void {
    const { host, kept, agent } = client;
    const began = Date.now();
    client.busy = true;
    this.calls += 1;
    const end = (code?: string): void => {
      if (!client.busy) return;
      clearTimeout(limit);
      client.busy = false;
      if (code !== undefined) this.failures.push({ host, kept, code, began, tookMs: Date.now() - began });
    };
    const call = request({ host, port: this.port, agent }, (answer) => {
      answer.setEncoding('utf8').on('data', (text: string) => this.seen.add(text));
      answer.on('end', () => end(answer.statusCode === 200 ? undefined : `status ${answer.statusCode ?? 0}`));
      answer.on('error', (error: NodeJS.ErrnoException) => end(`answer: ${error.code ?? error.message}`));
    });
    const limit = setTimeout(() => call.destroy(new Error('timeout')), callLimitMs);
    call.on('error', (error: NodeJS.ErrnoException) => end(`${call.reusedSocket ? 'open connection: ' : ''}${error.code ?? error.message}`));
    call.end();
  }
}

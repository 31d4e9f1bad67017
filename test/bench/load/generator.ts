/** Calls HTTP servers at a steady rate, half on connections that are kept, and counts what fails and how. Plain sockets: it shares the machine with what it measures. */
import { connect, type Socket } from 'node:net';

interface Failure {
  host: string;
  /** The client's port, by which a capture shows the connection. */
  from: number;
  kept: boolean;
  code: string;
  /** When it began, milliseconds since 1970, and what it took. */
  began: number;
  tookMs: number;
}

interface Client {
  host: string;
  kept: boolean;
  request: string;
  /** The connection that it keeps. */
  open?: Socket | undefined;
  call?: Call | undefined;
}

interface Call {
  began: number;
  from: number;
  /** It was not the connection's first. */
  reused: boolean;
  answer: string;
}

/** A call that hangs has failed. */
const callLimitMs = 8000;
const tickMs = 10;
/** Of each kind for each host: who waits for an answer asks nothing else, so that a slow machine is not buried. */
const clientsEach = 16;
/** What an answer of the server comes to. */
const whole = /^HTTP\/1\.1 (\d+)[^]*?\r\ncontent-length: (\d+)(?=\r\n)[^]*?\r\n\r\n([^]*)$/i;

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
    const client = (host: string, kept: boolean): Client => ({
      host,
      kept,
      request: `GET / HTTP/1.1\r\nHost: ${host}\r\n${kept ? '' : 'Connection: close\r\n'}\r\n`,
    });
    this.#clients = Array.from({ length: clientsEach }, () => hosts.flatMap((host) => [client(host, true), client(host, false)])).flat();
  }

  start(): void {
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  async stop(): Promise<void> {
    this.#due = -Infinity;
    while (this.#clients.some(({ call }) => call)) await new Promise((resolve) => setTimeout(resolve, tickMs));
    clearInterval(this.#timer);
    for (const { open } of this.#clients) open?.destroy();
  }

  /** A machine that stands still for a moment is not made to catch up with thousands at once. */
  #tick(): void {
    const now = performance.now();
    this.#due = Math.min(this.#due + ((now - this.#last) * this.perSecond) / 1000, this.#clients.length);
    this.#last = now;
    const limit = Date.now() - callLimitMs;
    for (const client of this.#clients) if (client.call && client.call.began < limit) this.#end(client, 'timeout');
    for (let tried = 0; this.#due >= 1 && tried < this.#clients.length; tried++) {
      const client = this.#clients[this.#next++ % this.#clients.length] as Client;
      if (client.call) continue;
      this.#due -= 1;
      this.#call(client);
    }
  }

  #call(client: Client): void {
    this.calls += 1;
    client.call = { began: Date.now(), from: client.open?.localPort ?? 0, reused: client.open !== undefined, answer: '' };
    const socket = client.open ?? this.#connect(client);
    socket.write(client.request);
  }

  #connect(client: Client): Socket {
    const socket = connect({ host: client.host, port: this.port, noDelay: true });
    client.open = socket;
    socket.setEncoding('latin1');
    // One that is reset knows its port no longer.
    socket.on('connect', () => {
      if (client.call) client.call.from = socket.localPort ?? 0;
    });
    socket.on('data', (text: string) => {
      if (client.open === socket) this.#heard(client, text);
    });
    const gone = (code: string): void => {
      if (client.open !== socket) return;
      if (client.call) this.#end(client, code);
      else this.#leave(client);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => gone(error.code ?? error.message));
    socket.on('end', () => gone('closed without an answer'));
    return socket;
  }

  #heard(client: Client, text: string): void {
    const { call } = client;
    if (!call) return;
    call.answer += text;
    const [, status = '', length = '', body = ''] = whole.exec(call.answer) ?? [];
    if (length === '' || body.length < Number(length)) return;
    this.seen.add(body);
    const stays = client.kept && !/\r\nconnection: close\r\n/i.test(call.answer);
    this.#end(client, status === '200' ? undefined : `status ${status}`, stays);
  }

  #end(client: Client, code?: string, stays = false): void {
    const { call, host, kept } = client;
    if (!call) return;
    if (code !== undefined)
      this.failures.push({
        host,
        from: call.from,
        kept,
        code: `${call.reused ? 'open connection: ' : ''}${code}`,
        began: call.began,
        tookMs: Date.now() - call.began,
      });
    client.call = undefined;
    if (!stays) this.#leave(client);
  }

  #leave(client: Client): void {
    const { open } = client;
    client.open = undefined;
    open?.destroy();
  }
}

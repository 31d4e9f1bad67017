/** The door for the world outside: webhooks of forges, and git. Whoever comes is a stranger, and gets short bounds, short answers and no reasons. */
import { createServer as createPlainServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Places } from '#base/pace/places';
import { RateLimit } from '#base/pace/rate-limit';
import { Refusal } from '#base/refusal';
import { wholeOf } from '#base/whole';
import { listenAt } from '#http/listen';
import { sourceOf } from '#model/address';
import { Looks, Seen } from './deliveries.ts';
import { GitDoor, type GitDoorParts } from './git-door.ts';
import { judge } from './webhook.ts';

export interface HttpDoorOptions {
  host: string;
  port: number;
  /** PEM; absent: plain text, which is for this machine only. */
  tls?: { cert: string; key: string };
}

export interface HttpDoorParts extends Omit<GitDoorParts, 'guesses' | 'closing'> {
  /** What proves that a delivery for this repository is genuine; undefined where there is none. */
  secretOf: (repository: string) => Promise<string | undefined>;
  /** One look at the repository, at whoever leads. */
  look: (repository: string) => Promise<void>;
  clock: Clock;
  logger: Logger;
}

const largestBodyBytes = 1024 * 1024;
const mostConnections = 256;
/** Of one source: it does not shut the door to the others. */
const mostOfSource = 64;
/** For a request's head, and for the handshake before. */
const headersMs = 10_000;
/** A push may come over a slow line. */
const requestMs = 5 * 60_000;
const bodyMs = 30_000;
const stopGraceMs = 1_000;
/** Refused deliveries that one source may send in a minute. */
const mostRefused = 30;
const minuteMs = 60_000;
const hookPath = /^\/hooks\/([A-Za-z0-9][A-Za-z0-9_.-]{0,254})$/;

export class HttpDoor {
  readonly #options: HttpDoorOptions;
  readonly #parts: HttpDoorParts;
  readonly #server: Server;
  readonly #seen: Seen;
  /** Sources that sent what is not believed. */
  readonly #guesses = new RateLimit(mostRefused, minuteMs);
  readonly #sources = new Map<string, Places>();
  readonly #looks: Looks;
  readonly #closing = new AbortController();
  readonly #git: GitDoor;

  constructor(options: HttpDoorOptions, parts: HttpDoorParts) {
    this.#options = options;
    this.#parts = parts;
    this.#seen = new Seen(parts.clock);
    this.#git = new GitDoor({ ...parts, guesses: this.#guesses, closing: this.#closing.signal });
    this.#looks = new Looks((name) => this.#look(name), parts.clock);
    const listener: RequestListener = (request, response) => void this.#handle(request, response);
    const bounds = { headersTimeout: headersMs, requestTimeout: requestMs, maxHeaderSize: 16 * 1024, keepAliveTimeout: 5_000 };
    this.#server = options.tls
      ? createServer({ ...bounds, ...options.tls, handshakeTimeout: headersMs, minVersion: 'TLSv1.2' }, listener)
      : createPlainServer(bounds, listener);
    this.#server.maxConnections = mostConnections;
    this.#server.on('connection', (socket: Socket) => this.#take(socket));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    this.#server.on('error', (error) => parts.logger.error({ error: error.message }, 'the door for webhooks cannot take a connection: the next one is tried'));
  }

  /** Where it listens. Refuses when the address cannot be had. */
  async start(): Promise<AddressInfo> {
    const { host, port } = this.#options;
    return await listenAt(this.#server, this.#options, (why) => new Refusal('unavailable', `--http-addr ${host}:${port} cannot be listened on: ${why}`));
  }

  async stop(): Promise<void> {
    this.#looks.stop();
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cancel = this.#parts.clock.after(stopGraceMs, () => this.#server.closeAllConnections());
    await closed;
    cancel();
  }

  #take(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const source = sourceOf(socket.remoteAddress ?? '');
    const own = this.#sources.get(source) ?? new Places(mostOfSource);
    const leave = own.take();
    if (!leave) return void socket.destroy();
    this.#sources.set(source, own);
    socket.once('close', () => {
      leave();
      if (own.taken === 0) this.#sources.delete(source);
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => response.destroy());
    response.on('error', () => response.destroy());
    try {
      if (await this.#git.answer(request, response)) return;
      const { status, message } = await this.#answer(request);
      if (!request.complete) response.setHeader('Connection', 'close');
      response.writeHead(status, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' }).end(`${JSON.stringify({ message })}\n`);
    } catch (error) {
      this.#parts.logger.warn({ error: (error as Error).message }, 'a delivery could not be judged: whoever sent it is asked to try again');
      if (response.headersSent) return void response.destroy();
      response.writeHead(503, { Connection: 'close', 'Retry-After': '10' }).end();
    }
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; message: string }> {
    const source = sourceOf(request.socket.remoteAddress ?? '');
    const name = hookPath.exec((request.url ?? '').split('?')[0] ?? '')?.[1];
    if (name === undefined) return { status: 404, message: 'there is nothing here' };
    if (request.method !== 'POST') return { status: 405, message: 'a delivery is posted' };
    const secret = await this.#parts.secretOf(name);
    // A forge is one address for many repositories: the hook of one that has an old secret shuts out no other.
    const guesser = secret === undefined ? source : `${source} ${name}`;
    if (this.#guesses.waitMs(guesser, this.#parts.clock.monotonicNow()) > 0)
      return { status: 429, message: 'too many deliveries from here were refused: wait a minute' };
    const body = await readBody(request, this.#parts.clock);
    if (body === undefined) return { status: 413, message: `a delivery has at most ${largestBodyBytes} bytes` };
    const judgement = judge({ headers: request.headers, body }, secret);
    if (!judgement.verified) {
      this.#guesses.count(guesser, this.#parts.clock.monotonicNow());
      this.#parts.logger.info({ source, repository: name }, 'a delivery was refused: it does not prove that it knows the webhook secret of the repository');
      return { status: 401, message: 'this delivery is not signed with the secret of the repository' };
    }
    if (judgement.ping) return { status: 200, message: 'heard' };
    if (!this.#seen.note(`${name} ${judgement.id}`)) return { status: 409, message: 'this delivery came before: another one has another body' };
    this.#looks.ask(name);
    return { status: 202, message: `repository ${name} is looked at` };
  }

  async #look(name: string): Promise<void> {
    try {
      await this.#parts.look(name);
    } catch (error) {
      this.#parts.logger.warn({ repository: name, error: (error as Error).message }, 'the look that a webhook asked for failed: the next poll looks again');
    }
  }
}

/** undefined: it is larger than allowed, and the rest is not read. */
async function readBody(request: IncomingMessage, clock: Clock): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > largestBodyBytes) return undefined;
  const cancel = clock.after(bodyMs, () => request.destroy());
  try {
    const bytes = await wholeOf(request as AsyncIterable<Buffer>, largestBodyBytes);
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } finally {
    cancel();
  }
}

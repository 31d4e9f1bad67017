/** Speaks to the local Docker Engine: JSON calls of our own, and requests of our clients passed through byte by byte. */
import { request as httpRequest, type IncomingMessage, type RequestOptions, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock';
import { readBody } from './body.ts';
import { HttpError } from './errors.ts';
import { enginePath, minorVersion, newestVersion, type VersionedPath } from './version.ts';

/** Facts of the engine that our own answers repeat. */
export interface EngineAbout {
  /** Minor number of its newest API version. */
  version: number;
  builderVersion?: string;
  experimental: boolean;
}

export interface EngineReply {
  status: number;
  text: string;
}

/** How long facts about the engine are believed: it may be upgraded under us. */
const aboutLifetimeMs = 10_000;
const callTimeoutMs = 30_000;
/** Headers that belong to one connection, or that Node has answered already. */
const hopHeaders = new Set(['connection', 'keep-alive', 'proxy-connection', 'expect']);

export class EngineClient {
  readonly #socketPath: string;
  readonly #clock: Clock;
  #about: { facts: EngineAbout | undefined; until: number } | undefined;

  constructor(socketPath: string, clock: Clock) {
    this.#socketPath = socketPath;
    this.#clock = clock;
  }

  /** Asked once in ten seconds; undefined while the engine does not answer. */
  async about(): Promise<EngineAbout | undefined> {
    if (this.#about && this.#about.until > this.#clock.now()) return this.#about.facts;
    const facts = await this.#ping().catch(() => undefined);
    this.#about = { facts, until: this.#clock.now() + (facts ? aboutLifetimeMs : 0) };
    return facts;
  }

  /** Newest version that both sides speak. */
  async commonVersion(): Promise<number> {
    return Math.min(newestVersion, (await this.about())?.version ?? newestVersion);
  }

  /** One JSON call with an unversioned path. Throws 503 when the engine does not answer. */
  async call(method: string, path: string, signal?: AbortSignal): Promise<EngineReply> {
    const response = await this.#open({ method, path }, undefined, signal);
    return { status: response.statusCode ?? 500, text: (await readBody(response)).toString('utf8') };
  }

  /** The JSON that a GET gives; undefined when the engine does not answer or refuses. */
  async read<T>(path: string): Promise<T | undefined> {
    const reply = await this.call('GET', path).catch(() => undefined);
    return reply?.status === 200 ? (JSON.parse(reply.text) as T) : undefined;
  }

  /** An answer without end, such as the events. The caller destroys it. */
  stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#open({ method: 'GET', path }, undefined, signal, false);
  }

  /**
   * Hands a request to the engine and its answer back, streaming both ways.
   * @param body given when the request's own body has been read already
   */
  async passThrough(request: IncomingMessage, response: ServerResponse, target: VersionedPath, search: string, body?: Buffer): Promise<void> {
    const path = enginePath(target, await this.commonVersion()) + search;
    const options = { method: request.method ?? 'GET', path, headers: requestHeaders(request) };
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const reply = await this.#open(options, body ?? request, gone.signal, false);
    const headers = keptHeaders(reply.rawHeaders).filter(([name]) => !response.hasHeader(name));
    response.writeHead(reply.statusCode ?? 500, reply.statusMessage ?? '', headers.flat());
    response.flushHeaders();
    reply.once('error', () => response.destroy());
    reply.pipe(response);
  }

  /** Joins a connection that asks for an upgrade with one of the engine's; from then on both are plain pipes. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, target: VersionedPath, search: string): Promise<void> {
    const path = enginePath(target, await this.commonVersion()) + search;
    const engine = connect({ path: this.#socketPath, allowHalfOpen: true });
    const end = () => {
      engine.destroy();
      socket.destroy();
    };
    engine.once('error', end);
    socket.once('error', end);
    socket.once('close', () => engine.destroy());
    engine.once('close', () => socket.destroy());
    const pairs: string[] = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) pairs.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}\r\n`);
    engine.write(`${request.method} ${path} HTTP/1.1\r\n${pairs.join('')}\r\n`);
    // A JSON body that came with the request is in `head` or still on its way: it follows the head unchanged.
    if (head.length > 0) engine.write(head);
    socket.pipe(engine);
    engine.pipe(socket);
  }

  async #ping(): Promise<EngineAbout> {
    const response = await this.#open({ method: 'GET', path: '/_ping' });
    await readBody(response);
    const builderVersion = response.headers['builder-version'];
    return {
      version: minorVersion(String(response.headers['api-version'])) ?? newestVersion,
      ...(typeof builderVersion === 'string' && { builderVersion }),
      experimental: response.headers['docker-experimental'] === 'true',
    };
  }

  #open(
    options: Pick<RequestOptions, 'method' | 'path'> & { headers?: [string, string][] },
    body?: Buffer | IncomingMessage,
    signal?: AbortSignal,
    limited = true,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { headers = [['Host', 'api.moby.localhost']], ...rest } = options;
      const request = httpRequest({
        ...rest,
        socketPath: this.#socketPath,
        agent: false,
        headers: headers.flat(),
        ...(signal && { signal }),
      } as RequestOptions);
      if (limited) request.setTimeout(callTimeoutMs, () => request.destroy(new Error(`no answer within ${callTimeoutMs} ms`)));
      request.once('response', resolve);
      request.on('error', (error) => reject(new HttpError(503, `cannot reach the Docker Engine at unix://${this.#socketPath}: ${error.message}`)));
      if (body === undefined || Buffer.isBuffer(body)) request.end(body);
      else body.pipe(request);
    });
  }
}

/** Without a stated length Node would send an empty chunked body, which the engine takes for a body. */
function requestHeaders(request: IncomingMessage): [string, string][] {
  const headers = keptHeaders(request.rawHeaders);
  const { method = 'GET' } = request;
  const measured = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  if (!measured && method !== 'GET' && method !== 'HEAD') headers.push(['Content-Length', '0']);
  return headers;
}

/** Raw headers as pairs, in their order and spelling, without those of the connection. */
function keptHeaders(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    if (!hopHeaders.has(name.toLowerCase())) pairs.push([name, value]);
  }
  return pairs;
}

/** Speaks to the local Docker Engine: JSON calls of our own, and requests of our clients passed through byte by byte. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock';
import type { Endpoint } from '#http/endpoint';
import { openCall } from '#http/call';
import { readBody } from '../request/body.ts';
import { connectEngine, joinUpgrade } from './engine-upgrade.ts';
import { HttpError } from '../errors.ts';
import type { Answer, Call } from '../router.ts';
import type { Allowance } from '../limits.ts';
import { enginePath, type RequestTarget } from '../target.ts';
import { minorVersion, newestVersion } from '../version.ts';
import { connectionHeaders, keptHeaders } from '../request/kept-headers.ts';

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
/** An engine that hangs must not hang our own routes, which all say its version. */
const pingTimeoutMs = 1_000;
const retryMs = 1_000;
const readTimeoutMs = 10_000;
/** An answer that was asked for ahead is as good as one that is asked for now for so long. */
const aheadMs = 1_000;
/** For what takes its time: pruning hundreds of networks, measuring thousands of containers. */
export const callTimeoutMs = 120_000;
/** Headers that belong to one connection, or that Node has answered already. */
const hopHeaders = new Set(connectionHeaders);

/** Newest version that both sides speak; ours while nothing is known of the engine. */
export function commonVersion(about: EngineAbout | undefined): number {
  return Math.min(newestVersion, about?.version ?? newestVersion);
}

export class EngineClient {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #connections: Allowance | undefined;
  #facts: EngineAbout | undefined;
  #askAt = 0;
  /** It did not answer the last time. */
  #silent = false;
  #asking: Promise<void> | undefined;
  #ahead: { path: string; until: number; reply: Promise<unknown> } | undefined;

  /** @param connections how many may be open at a time; absent: no limit */
  constructor(endpoint: Endpoint, clock: Clock, connections?: Allowance) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#connections = connections;
  }

  /**
   * Undefined until the engine has answered once. Old facts are given out while new ones are asked for.
   * @param patient waits for an engine that was silent before: for requests that are worth nothing without it
   */
  async about(patient = false): Promise<EngineAbout | undefined> {
    if (this.#clock.monotonicNow() >= this.#askAt || (patient && !this.#facts)) {
      this.#asking ??= this.#askAbout().finally(() => (this.#asking = undefined));
    }
    if (!this.#facts && (patient || !this.#silent)) await this.#asking;
    return this.#facts;
  }

  /** Newest version that both sides speak. */
  async commonVersion(patient = false): Promise<number> {
    return commonVersion(await this.about(patient));
  }

  /** One JSON call with an unversioned path. Throws 503 when the engine does not answer. */
  async call(method: string, path: string, signal?: AbortSignal, timeoutMs = method === 'GET' ? readTimeoutMs : callTimeoutMs): Promise<EngineReply> {
    const response = await this.#open({ method, path }, { timeoutMs, ...(signal && { signal }) });
    return { status: response.statusCode ?? 500, text: (await readBody(response)).toString('utf8') };
  }

  /** The JSON that a GET gives; undefined when the engine does not answer, refuses, or gives no JSON. */
  async read<T>(path: string): Promise<T | undefined> {
    const ahead = this.#ahead;
    if (ahead?.path === path) this.#ahead = undefined;
    const early = ahead?.path === path && this.#clock.monotonicNow() < ahead.until ? await ahead.reply : undefined;
    return (early as T | undefined) ?? (await this.#read<T>(path));
  }

  /** Asks for what somebody is going to `read` in a moment: the first who does within a second has this answer. */
  readAhead(path: string): void {
    this.#ahead = { path, until: this.#clock.monotonicNow() + aheadMs, reply: this.#read(path) };
  }

  async #read<T>(path: string): Promise<T | undefined> {
    const reply = await this.call('GET', path).catch(() => undefined);
    return reply?.status === 200 ? parsed<T>(reply.text) : undefined;
  }

  /** An answer without end, such as the events: its head must come in time, its body may take for ever. The caller destroys it. */
  async stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const late = new AbortController();
    const cancel = this.#clock.after(readTimeoutMs, () => late.abort());
    try {
      return await this.#open({ method: 'GET', path }, { signal: AbortSignal.any([signal, late.signal]) });
    } finally {
      cancel();
    }
  }

  /**
   * Hands a request to the engine and its answer back, streaming both ways.
   * @param body given when the request's own body has been read already
   */
  async passThrough(request: IncomingMessage, response: ServerResponse, target: RequestTarget, body?: Buffer): Promise<void> {
    handOn(await this.#ask(request, response, target, body), response);
  }

  /** The same; an answer that says that there is no such thing is given back instead. */
  async passThroughUnlessMissing(request: IncomingMessage, response: ServerResponse, target: RequestTarget, body?: Buffer): Promise<Answer> {
    const reply = await this.#ask(request, response, target, body);
    if (reply.statusCode !== 404) {
      handOn(reply, response);
      return 'sent';
    }
    return { status: 404, json: parsed((await readBody(reply)).toString('utf8')) };
  }

  /** Hands a request on with another body, to another path where one is named, and brings the answer: also when the client has left. */
  async exchange({ request, target }: Pick<Call, 'request' | 'target'>, body: object, elsewhere?: string): Promise<{ status: number; json: unknown }> {
    const text = Buffer.from(JSON.stringify(body));
    const kept = requestHeaders(request).filter(([name]) => !['content-length', 'transfer-encoding', 'content-type'].includes(name.toLowerCase()));
    const headers: [string, string][] = [...kept, ['Content-Type', 'application/json'], ['Content-Length', String(text.length)]];
    const path = enginePath(elsewhere === undefined ? target : { ...target, path: elsewhere }, await this.commonVersion(true)) + target.search;
    const reply = await this.#open({ method: request.method ?? 'POST', path, headers }, { body: text, timeoutMs: callTimeoutMs });
    return { status: reply.statusCode ?? 500, json: parsed((await readBody(reply)).toString('utf8')) };
  }

  async #ask(request: IncomingMessage, response: ServerResponse, target: RequestTarget, body?: Buffer): Promise<IncomingMessage> {
    const path = enginePath(target, await this.commonVersion(true)) + target.search;
    const options = { method: request.method ?? 'GET', path, headers: requestHeaders(request) };
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    return await this.#open(options, { body: body ?? request, signal: gone.signal });
  }

  /** Joins a connection that asks for an upgrade with one of the engine's. Throws as long as nothing was answered. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, target: RequestTarget): Promise<void> {
    const path = enginePath(target, await this.commonVersion(true)) + target.search;
    const release = this.#connections?.take();
    socket.once('close', () => release?.());
    if (socket.destroyed) release?.();
    await joinUpgrade(() => connectEngine(this.#endpoint), { request, socket, head, path }).catch((error: Error) => {
      release?.();
      throw error instanceof HttpError ? error : this.#unreachable(error);
    });
  }

  async #askAbout(): Promise<void> {
    const response = await this.#open({ method: 'GET', path: '/_ping' }, { timeoutMs: pingTimeoutMs }).catch(() => undefined);
    this.#silent = response === undefined;
    this.#askAt = this.#clock.monotonicNow() + (response ? aboutLifetimeMs : retryMs);
    if (!response) return;
    response.resume();
    const builderVersion = response.headers['builder-version'];
    this.#facts = {
      version: minorVersion(String(response.headers['api-version'])) ?? newestVersion,
      ...(typeof builderVersion === 'string' && { builderVersion }),
      experimental: response.headers['docker-experimental'] === 'true',
    };
  }

  async #open({ method, path, headers = [['Host', 'api.moby.localhost']] }: Target, { body, signal, timeoutMs }: OpenOptions): Promise<IncomingMessage> {
    const closed = this.#connections?.take();
    const endpoint = { ...this.#endpoint, options: { ...this.#endpoint.options, agent: false } };
    const call = { method, path, headers: headers.flat(), body, signal, silenceLimitMs: timeoutMs, ...(closed && { closed }) };
    return openCall(endpoint, call).catch((error: Error) => {
      throw this.#unreachable(error);
    });
  }

  #unreachable(error: Error): HttpError {
    return new HttpError(503, `cannot reach the Docker Engine at ${this.#endpoint.url}: ${error.message}`);
  }
}

interface Target {
  method: string;
  path: string;
  headers?: [string, string][];
}

interface OpenOptions {
  body?: Buffer | IncomingMessage;
  signal?: AbortSignal;
  /** Silence of the engine after which the request is given up; absent for streams. */
  timeoutMs?: number;
}

/** An answer as it comes, headers of the connection apart; what is set already stays. */
export function handOn(reply: IncomingMessage, response: ServerResponse): void {
  const headers = keptHeaders(reply.rawHeaders, hopHeaders).filter(([name]) => !response.hasHeader(name));
  response.writeHead(reply.statusCode ?? 500, reply.statusMessage ?? '', headers.flat());
  response.flushHeaders();
  reply.on('error', () => response.destroy());
  reply.pipe(response);
}

function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Without a stated length Node would send an empty chunked body, which the engine takes for a body. */
function requestHeaders(request: IncomingMessage): [string, string][] {
  const headers = keptHeaders(request.rawHeaders, hopHeaders);
  const { method = 'GET' } = request;
  const measured = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  if (!measured && method !== 'GET' && method !== 'HEAD') headers.push(['Content-Length', '0']);
  // An engine that closes as soon as it has answered makes Node fail on the body's empty last write, and the answer is lost.
  headers.push(['Connection', 'keep-alive']);
  return headers;
}

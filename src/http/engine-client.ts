/** Calls to a daemon that speaks the Engine API: JSON in and out, the version negotiated. Commands, the reconciler beside a Docker Swarm and the API's door share it. */
import { minorOf } from '#base/text/text';
import type { IncomingMessage } from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import { messageOf, openCall, openUpgrade, readText } from './call.ts';
import type { Endpoint } from './endpoint.ts';

/** What the users of the client differ in. */
export interface Manners {
  /** Newest minor number of the API that is spoken. */
  newest: number;
  /** Judges the version that the daemon names; throws when it will not do. Absent: every one does. */
  checkVersion?(named: string | undefined): void;
  /** Silence after which a call is given up, by what it does; absent: a call may take for ever. */
  silenceLimitMs?: { read: number; write: number };
  /** What an answer with an error status is thrown as. */
  refused(status: number, message: string, path: string): Error;
  /** What a daemon that cannot be reached is thrown as; `reason` says why. */
  unreachable(reason: Error): Error;
}

export interface CallOptions {
  query?: Readonly<Record<string, string | undefined>> | undefined;
  /** Sent as JSON; a stream as it comes. */
  body?: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
}

/** What the daemon says of itself. */
export interface Greeting {
  /** Shoal's version; undefined for another daemon. */
  shoal: string | undefined;
  apiVersion: string;
}

/** Lists of a large swarm are some tens of megabytes; this only ends what never ends. */
const answerLimitBytes = 512 * 1024 * 1024;
const keepAliveMs = 30_000;
/** The daemons that name no version are older than the header that does. */
const unnamedVersion = '1.24';

export class EngineClient {
  readonly #endpoint: Endpoint;
  readonly #manners: Manners;
  #minor: number | undefined;

  constructor(endpoint: Endpoint, manners: Manners) {
    this.#endpoint = endpoint;
    this.#manners = manners;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  /** Asks who is there; later calls use the lower of its API version and ours. */
  async ping(): Promise<Greeting> {
    const answer = await this.#open('GET', '/_ping', {});
    await this.#read(answer);
    const named = answer.headers['api-version'];
    const apiVersion = typeof named === 'string' ? named : unnamedVersion;
    this.#manners.checkVersion?.(typeof named === 'string' ? named : undefined);
    this.#minor = Math.min(minorOf(apiVersion), this.#manners.newest);
    return { shoal: answer.headers['shoal'] as string | undefined, apiVersion };
  }

  /** Minor number of the API version in use. Asked anew after each loss of the daemon: it may come back as another. */
  async apiMinor(): Promise<number> {
    if (this.#minor === undefined) await this.ping();
    return this.#minor ?? 0;
  }

  /** The answer's JSON; undefined where it is empty. */
  async json<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.#open(method, await this.#path(path), options);
    const text = await this.#read(answer);
    const status = answer.statusCode ?? 500;
    if (status >= 400) throw this.#manners.refused(status, messageOf(text), path);
    return (text.trim() === '' ? undefined : JSON.parse(text)) as T;
  }

  /** The answer as it flows in, without a limit of time; the caller ends it. */
  async stream(path: string, options: CallOptions, method = 'GET'): Promise<IncomingMessage> {
    const answer = await this.#open(method, await this.#path(path), options, 0);
    const status = answer.statusCode ?? 500;
    if (status >= 400) throw this.#manners.refused(status, messageOf(await this.#read(answer)), path);
    // Nothing may be sent for hours: only so is a daemon noticed whose host is gone. Over ssh there is no such socket.
    answer.socket?.setKeepAlive?.(true, keepAliveMs);
    return answer;
  }

  /** A connection of bytes, both ways, that a POST is upgraded to; the caller ends it. */
  async upgrade(path: string, body: unknown): Promise<Duplex> {
    const versioned = await this.#path(path);
    const { answer, connection } = await openUpgrade(this.#endpoint, versioned, JSON.stringify(body)).catch((error: Error) => {
      throw this.#lost(error);
    });
    if (connection) return connection;
    throw this.#manners.refused(answer.statusCode ?? 500, messageOf(await this.#read(answer)), path);
  }

  /** Our own routes have their version in the path already. */
  async #path(path: string): Promise<string> {
    return path.startsWith('/shoal/') ? path : `/v1.${await this.apiMinor()}${path}`;
  }

  async #read(answer: IncomingMessage): Promise<string> {
    try {
      return await readText(answer, answerLimitBytes);
    } catch (error) {
      throw this.#lost(error as Error);
    }
  }

  async #open(method: string, path: string, { query, body, headers, signal }: CallOptions, limitMs = this.#limitOf(method)): Promise<IncomingMessage> {
    const payload = body === undefined || body instanceof Readable ? body : JSON.stringify(body);
    const sent = headersOf(payload);
    try {
      return await openCall(this.#endpoint, {
        method,
        path: path + searchOf(query),
        // Over TLS the engine's name is what certificates are checked against; `options` have it.
        headers: { Host: 'docker', ...(method !== 'GET' && sent), ...headers },
        body: payload,
        signal,
        silenceLimitMs: limitMs,
      });
    } catch (error) {
      throw this.#lost(error as Error);
    }
  }

  #limitOf(method: string): number {
    const limits = this.#manners.silenceLimitMs;
    return (method === 'GET' ? limits?.read : limits?.write) ?? 0;
  }

  #lost(error: Error): Error {
    this.#minor = undefined;
    return error.name === 'AbortError' ? error : this.#manners.unreachable(error);
  }
}

function searchOf(query: CallOptions['query']): string {
  const parameters = Object.entries(query ?? {}).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return parameters.length > 0 ? `?${new URLSearchParams(parameters).toString()}` : '';
}

function headersOf(payload: Readable | string | undefined): Record<string, string> {
  if (payload === undefined) return { 'Content-Length': '0' };
  if (typeof payload !== 'string') return { 'Content-Type': 'application/octet-stream' };
  return { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) };
}

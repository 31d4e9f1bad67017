/** HTTP to a daemon that speaks the Engine API, ours or Docker's. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CommandError } from './command-error.ts';

/** Where the daemon is, as node's http takes it. */
export interface Endpoint {
  /** As people write it, for messages. */
  url: string;
  options: RequestOptions & { ca?: Buffer; cert?: Buffer; key?: Buffer };
  secure: boolean;
}

export interface CallOptions {
  query?: Readonly<Record<string, string | undefined>>;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** An answer with an error status; `message` is the daemon's. */
export class ApiError extends CommandError {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(`Error response from daemon: ${detail}`);
  }
}

export class Client {
  readonly #endpoint: Endpoint;
  #version: string | undefined;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  /** Asks who is there; later calls use the lower of its API version and ours. */
  async ping(): Promise<{ shoal: string | undefined; apiVersion: string }> {
    const response = await this.#send('HEAD', '/_ping', {});
    await textOf(response);
    const apiVersion = String(response.headers['api-version'] ?? '1.24');
    this.#version = lowerVersion(apiVersion, '1.47');
    return { shoal: response.headers['shoal'] as string | undefined, apiVersion };
  }

  get<T>(path: string, query: CallOptions['query'] = {}, headers: CallOptions['headers'] = {}): Promise<T> {
    return this.#json<T>('GET', path, { query, headers });
  }

  /** Minor number of the API version in use. */
  async apiMinor(): Promise<number> {
    if (this.#version === undefined) await this.ping();
    return minorOf(this.#version ?? '');
  }

  post<T>(path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    return this.#json<T>('POST', path, { ...options, body });
  }

  delete<T>(path: string, query: CallOptions['query'] = {}): Promise<T> {
    return this.#json<T>('DELETE', path, { query });
  }

  /** undefined instead of a 404. */
  async find<T>(path: string, query: CallOptions['query'] = {}): Promise<T | undefined> {
    try {
      return await this.get<T>(path, query);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** The answer as it flows in; the caller ends it. */
  async stream(path: string, options: CallOptions): Promise<IncomingMessage> {
    const response = await this.#send('GET', await this.#path(path), options);
    if ((response.statusCode ?? 500) >= 400) throw await errorOf(response, path);
    return response;
  }

  async #json<T>(method: string, path: string, options: CallOptions): Promise<T> {
    const response = await this.#send(method, await this.#path(path), options);
    if ((response.statusCode ?? 500) >= 400) throw await errorOf(response, path);
    const text = await textOf(response);
    return (text.trim() === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Our own routes have their version in the path already. */
  async #path(path: string): Promise<string> {
    if (path.startsWith('/shoal/')) return path;
    if (this.#version === undefined) await this.ping();
    return `/v${this.#version}${path}`;
  }

  #send(method: string, path: string, { query = {}, body, headers = {}, signal }: CallOptions): Promise<IncomingMessage> {
    const parameters = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = parameters.length > 0 ? `?${new URLSearchParams(parameters).toString()}` : '';
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const send = this.#endpoint.secure ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const call = send({
        ...this.#endpoint.options,
        method,
        path: path + search,
        headers: {
          // Over TCP the host is a name that certificates are checked against.
          ...(!this.#endpoint.secure && { Host: 'shoal' }),
          ...(payload !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) }),
          ...headers,
        },
        ...(signal && { signal }),
      });
      call.on('response', resolve);
      call.on('error', (error: NodeJS.ErrnoException) => reject(this.#connectionError(error)));
      call.end(payload);
    });
  }

  #connectionError(error: NodeJS.ErrnoException): Error {
    if (error.name === 'AbortError') return error;
    const reason = error.code === 'EACCES' ? 'permission denied' : error.message;
    return new CommandError(`Cannot connect to the daemon at ${this.#endpoint.url} (${reason}). Is \`shoal daemon\` running?`);
  }
}

function lowerVersion(a: string, b: string): string {
  return minorOf(a) < minorOf(b) ? a : b;
}

function minorOf(version: string): number {
  return Number(version.split('.')[1] ?? 0);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  // The connection goes back to its agent a turn later: the next call then finds it free.
  await nextTurn();
  return Buffer.concat(chunks).toString('utf8');
}

async function errorOf(response: IncomingMessage, path: string): Promise<ApiError> {
  const text = await textOf(response);
  const status = response.statusCode ?? 500;
  try {
    const { message } = JSON.parse(text) as { message?: string };
    return new ApiError(status, (message ?? `the daemon answered ${status} without a message for ${path}`).trim());
  } catch {
    return new ApiError(status, text.trim() || `the daemon answered ${status} without a message for ${path}`);
  }
}

/** The `filters` parameter: key → values. */
export function filters(map: Readonly<Record<string, readonly string[]>>): { filters?: string } {
  const entries = Object.entries(map).filter(([, values]) => values.length > 0);
  if (entries.length === 0) return {};
  const value = entries.map(([key, values]) => [key, Object.fromEntries(values.map((item) => [item, true]))]);
  return { filters: JSON.stringify(Object.fromEntries(value)) };
}

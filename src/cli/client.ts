/** The daemon that a command talks to, ours or Docker's: the Engine API's client with a command's errors. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '#http/endpoint';
import { EngineClient, type CallOptions, type Greeting } from '#http/engine-client';
import { CommandError } from './command-error.ts';
import { whoText } from './who.ts';

/** An answer with an error status; `detail` is the daemon's message. */
export class ApiError extends CommandError {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(`Error response from daemon: ${detail}`);
  }
}

type Query = CallOptions['query'];

export class Client {
  readonly #engine: EngineClient;

  constructor(endpoint: Endpoint) {
    this.#engine = new EngineClient(endpoint, {
      newest: 47,
      refused: (status, message, path) => new ApiError(status, message || `the daemon answered ${status} without a message for ${path}`),
      unreachable: (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'EACCES' ? 'permission denied' : error.message;
        return new CommandError(`Cannot connect to the daemon at ${endpoint.url} (${reason}). Is \`shoal daemon\` running?`);
      },
    });
  }

  get url(): string {
    return this.#engine.url;
  }

  ping(): Promise<Greeting> {
    return this.#engine.ping();
  }

  /** Minor number of the API version in use. */
  apiMinor(): Promise<number> {
    return this.#engine.apiMinor();
  }

  get<T>(path: string, query: Query = {}, headers: CallOptions['headers'] = {}): Promise<T> {
    return this.#engine.json<T>('GET', path, { query, headers });
  }

  post<T>(path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    return this.#engine.json<T>('POST', path, { ...options, headers: { ...whoHeader(path), ...options.headers }, body });
  }

  delete<T>(path: string, query: Query = {}): Promise<T> {
    return this.#engine.json<T>('DELETE', path, { query, headers: whoHeader(path) });
  }

  /** undefined instead of a 404. */
  async find<T>(path: string, query: Query = {}): Promise<T | undefined> {
    try {
      return await this.get<T>(path, query);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** The connection that an upgrade gives; the caller ends it. */
  upgrade(path: string, body: unknown): Promise<Duplex> {
    return this.#engine.upgrade(path, body);
  }

  /** The answer as it flows in; the caller ends it. */
  stream(path: string, options: CallOptions, method?: 'POST'): Promise<IncomingMessage> {
    return this.#engine.stream(path, options, method);
  }
}

/** Who sits here, where a log keeps it. */
function whoHeader(path: string): Record<string, string> {
  return path.startsWith('/shoal/') ? { 'Shoal-Who': encodeURIComponent(whoText()) } : {};
}

/** The `filters` parameter: key → values. */
export function filters(map: Readonly<Record<string, readonly string[]>>): { filters?: string } {
  const entries = Object.entries(map).filter(([, values]) => values.length > 0);
  if (entries.length === 0) return {};
  const value = entries.map(([key, values]) => [key, Object.fromEntries(values.map((item) => [item, true]))]);
  return { filters: JSON.stringify(Object.fromEntries(value)) };
}

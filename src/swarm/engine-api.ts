/** Calls to the Docker Engine of a swarm manager: the Engine API's client with refusals for what goes wrong. */
import type { IncomingMessage } from 'node:http';
import { Refusal } from '#base/refusal';
import type { Endpoint } from '#http/endpoint';
import { EngineClient, type CallOptions } from '#http/engine-client';
import { refusalOf } from './failure.ts';
import type { SwarmClient } from './requests.ts';

/** Minor numbers of the API versions that we speak: what services can ask for came to its form in 1.41 (Engine 20.10). */
const oldest = 41;
const newest = 47;

/** A manager may wait for its fellows before it answers a write. */
const silenceLimitMs = { read: 10_000, write: 60_000 };

export class EngineApi implements SwarmClient {
  readonly #engine: EngineClient;

  constructor(endpoint: Endpoint) {
    this.#engine = new EngineClient(endpoint, {
      newest,
      checkVersion: (named) => checkVersion(endpoint.url, named),
      silenceLimitMs,
      refused: refusalOf,
      unreachable: (error) => new Refusal('unavailable', `cannot reach the Docker Engine at ${endpoint.url}: ${error.message}`),
    });
  }

  get<T>(path: string): Promise<T> {
    return this.#engine.json<T>('GET', path);
  }

  apiMinor(): Promise<number> {
    return this.#engine.apiMinor();
  }

  post<T>(path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    return this.#engine.json<T>('POST', path, { ...options, body });
  }

  delete<T>(path: string): Promise<T> {
    return this.#engine.json<T>('DELETE', path);
  }

  /** Lines of JSON without end, until `signal` or the engine ends them. */
  stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#engine.stream(path, { signal });
  }
}

function checkVersion(url: string, named: string | undefined): void {
  const minor = /^1\.(\d+)$/.exec(named ?? '')?.[1];
  if (minor === undefined) throw new Refusal('failedPrecondition', `${url} is no Docker Engine: it names no API version`);
  if (Number(minor) < oldest) {
    throw new Refusal('failedPrecondition', `the Docker Engine at ${url} speaks API ${named}: at least 1.${oldest} (Engine 20.10) is needed`);
  }
}

/** Calls to the Docker Engine of a swarm manager: JSON in and out, the version negotiated, refusals for what goes wrong. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Refusal } from '#base/refusal';
import type { EngineEndpoint } from './endpoint.ts';
import { refusalOf } from './failure.ts';

/** Minor numbers of the API versions that we speak: what services can ask for came to its form in 1.41 (Engine 20.10). */
const oldest = 41;
const newest = 47;

/** Silence after which a call is given up. */
const readLimitMs = 10_000;
/** A manager may wait for its fellows before it answers a write. */
const writeLimitMs = 60_000;
const keepAliveMs = 30_000;
/** Lists of a large swarm are some tens of megabytes; this only ends what never ends. */
const answerLimitBytes = 512 * 1024 * 1024;

interface Call {
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

export class EngineApi {
  readonly #endpoint: EngineEndpoint;
  #version: number | undefined;

  constructor(endpoint: EngineEndpoint) {
    this.#endpoint = endpoint;
  }

  get<T>(path: string): Promise<T> {
    return this.#json<T>('GET', path, {});
  }

  post<T>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.#json<T>('POST', path, { body, headers });
  }

  async remove(path: string): Promise<void> {
    await this.#json('DELETE', path, {});
  }

  /** Lines of JSON without end, until `signal` or the engine ends them. */
  async stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await this.#send('GET', `/v1.${await this.#negotiated()}${path}`, { signal });
    if (response.statusCode !== 200) throw refusalOf(response.statusCode ?? 500, await textOf(response));
    // Nothing is sent for hours: only so is an engine noticed whose host is gone.
    response.socket.setKeepAlive(true, keepAliveMs);
    return response;
  }

  async #json<T>(method: string, path: string, call: Call): Promise<T> {
    const response = await this.#send(method, `/v1.${await this.#negotiated()}${path}`, call, method === 'GET' ? readLimitMs : writeLimitMs);
    const text = await this.#read(response);
    const status = response.statusCode ?? 500;
    if (status >= 400) throw refusalOf(status, text);
    return (text.trim() === '' ? undefined : JSON.parse(text)) as T;
  }

  async #read(response: IncomingMessage): Promise<string> {
    try {
      return await textOf(response);
    } catch (error) {
      throw this.#unreachable(error as Error);
    }
  }

  /** The newest version that both speak. Asked anew after each loss of the engine: it may come back as another. */
  async #negotiated(): Promise<number> {
    if (this.#version !== undefined) return this.#version;
    const response = await this.#send('GET', '/_ping', {}, readLimitMs);
    response.resume();
    const said = String(response.headers['api-version'] ?? 'none');
    const minor = /^1\.(\d+)$/.exec(said)?.[1];
    if (minor === undefined) throw new Refusal('failedPrecondition', `${this.#endpoint.url} is no Docker Engine: it names no API version`);
    if (Number(minor) < oldest) {
      throw new Refusal('failedPrecondition', `the Docker Engine at ${this.#endpoint.url} speaks API ${said}: at least 1.${oldest} (Engine 20.10) is needed`);
    }
    this.#version = Math.min(Number(minor), newest);
    return this.#version;
  }

  #send(method: string, path: string, { body, headers = {}, signal }: Call, limitMs = 0): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const send = this.#endpoint.secure ? httpsRequest : httpRequest;
    const sent =
      payload === undefined ? { 'Content-Length': '0' } : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) };
    return new Promise((resolve, reject) => {
      const call = send({
        ...this.#endpoint.options,
        method,
        path,
        headers: { Host: 'docker', ...(method !== 'GET' && sent), ...headers },
        ...(signal && { signal }),
      });
      // A timeout of 0 is none.
      call.setTimeout(limitMs, () => call.destroy(new Error(`no answer within ${limitMs} ms`)));
      call.once('response', resolve);
      call.on('error', (error) => reject(this.#unreachable(error)));
      call.end(payload);
    });
  }

  #unreachable(error: Error): Refusal {
    this.#version = undefined;
    return new Refusal('unavailable', `cannot reach the Docker Engine at ${this.#endpoint.url}: ${error.message}`);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > answerLimitBytes) throw new Error(`an answer of more than ${answerLimitBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A Swarm manager made of maps: it keeps what it is sent, so that two clients can be held against each other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Call {
  method: string;
  path: string;
  query: Record<string, string>;
  body?: unknown;
  auth?: string;
}

export interface Answer {
  status: number;
  json?: unknown;
}

interface Stored {
  id: string;
  version: number;
  spec: { Name: string; Labels?: Record<string, string>; [key: string]: unknown };
}

type Kind = 'networks' | 'secrets' | 'configs' | 'services';

export interface EngineSettings {
  apiVersion: string;
  manager: boolean;
  /** A header that makes it one of ours. */
  shoal?: string;
  /** Certificates, when it is to listen on a port. */
  tls?: ServerOptions;
  /** Answers instead of the maps. */
  intercept?: (call: Call) => Answer | undefined;
}

export class RecordingEngine {
  readonly folder = mkdtempSync(join(tmpdir(), 'shoal-recording-'));
  readonly socket = join(this.folder, 'engine.sock');
  calls: Call[] = [];
  readonly #settings: EngineSettings;
  readonly #objects = new Map<Kind, Map<string, Stored>>();
  #index = 100;
  readonly #server: Server;

  constructor(settings: Partial<EngineSettings> = {}) {
    this.#settings = { apiVersion: '1.47', manager: true, ...settings };
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = settings.tls ? createSecureServer(settings.tls, serve) : createServer(serve);
    for (const kind of ['networks', 'secrets', 'configs', 'services'] as const) this.#objects.set(kind, new Map());
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socket, resolve));
  }

  /** On a free port of this machine; its number. */
  async startOnPort(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.folder, { recursive: true });
  }

  /** Puts an object there before a client comes; its id is made of kind and name. */
  seed(kind: Kind, spec: Stored['spec']): void {
    this.#put(kind, spec);
  }

  /** Changes asked for, in their order; `reads` adds the questions. */
  changes(): Call[] {
    return this.calls.filter((call) => call.method !== 'GET' && call.method !== 'HEAD');
  }

  #put(kind: Kind, spec: Stored['spec']): Stored {
    const stored = { id: `${kind}.${spec.Name}`, version: (this.#index += 1), spec };
    this.#objects.get(kind)?.set(stored.id, stored);
    return stored;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url ?? '', 'http://engine');
    const auth = request.headers['x-registry-auth'] as string | undefined;
    const call: Call = {
      method: request.method ?? '',
      path: decodeURIComponent(url.pathname.replace(/^\/v1\.\d+/, '')),
      query: Object.fromEntries(url.searchParams),
      ...(text && { body: JSON.parse(text) as unknown }),
      ...(auth !== undefined && { auth }),
    };
    if (call.path !== '/_ping') this.calls.push(call);
    const { status, json } = this.#settings.intercept?.(call) ?? this.#answer(call);
    const { apiVersion, shoal } = this.#settings;
    const answer = json === undefined ? '' : JSON.stringify(json);
    const length = Buffer.byteLength(answer);
    response.writeHead(status, {
      'Api-Version': apiVersion,
      Ostype: 'linux',
      'Content-Type': 'application/json',
      'Content-Length': length,
      ...(shoal && { shoal }),
    });
    response.end(answer);
  }

  #answer(call: Call): Answer {
    const [kind = '', id, verb] = call.path.split('/').slice(1);
    if (call.path === '/_ping') return { status: 200 };
    if (call.path === '/info') return { status: 200, json: { Swarm: { ControlAvailable: this.#settings.manager, LocalNodeState: 'active' } } };
    if (call.path === '/tasks' || call.path === '/nodes') return { status: 200, json: [] };
    const objects = this.#objects.get(kind as Kind);
    if (!objects) return { status: 404, json: { message: `no ${call.path} here` } };
    if (call.method === 'POST' && id === 'create') {
      const stored = this.#put(kind as Kind, call.body as Stored['spec']);
      return { status: 201, json: { ID: stored.id, Id: stored.id } };
    }
    if (id === undefined)
      return { status: 200, json: [...objects.values()].filter((stored) => matches(stored, call.query['filters'])).map((stored) => shapeOf(kind, stored)) };
    const stored = objects.get(id) ?? [...objects.values()].find(({ spec }) => spec.Name === id);
    if (!stored) return { status: 404, json: { message: `${kind.slice(0, -1)} ${id} not found` } };
    if (call.method === 'DELETE') objects.delete(stored.id);
    if (call.method === 'POST' && verb === 'update') {
      stored.spec = call.body as Stored['spec'];
      stored.version = this.#index += 1;
      return { status: 200, json: { Warnings: null } };
    }
    return { status: 200, json: shapeOf(kind, stored) };
  }
}

function matches({ spec }: Stored, filters: string | undefined): boolean {
  const { label, name } = JSON.parse(filters ?? '{}') as Record<string, Record<string, boolean> | undefined>;
  const labels = Object.keys(label ?? {}).map((text) => text.split('='));
  if (!labels.every(([key = '', value]) => key in (spec.Labels ?? {}) && (value === undefined || spec.Labels?.[key] === value))) return false;
  return !name || Object.keys(name).some((prefix) => spec.Name.startsWith(prefix));
}

function shapeOf(kind: string, { id, version, spec }: Stored): object {
  if (kind === 'networks') return { Scope: 'swarm', ...spec, Id: id };
  return { ID: id, Version: { Index: version }, CreatedAt: '2026-01-01T00:00:00Z', UpdatedAt: '2026-01-01T00:00:00Z', Spec: spec };
}

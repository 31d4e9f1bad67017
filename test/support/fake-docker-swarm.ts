/** A socket that answers like a Docker Swarm's manager: keeps objects with versions, says less than it is told, and notes every write. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Stored {
  ID: string;
  Version: { Index: number };
  CreatedAt: string;
  UpdatedAt: string;
  Spec: { Name: string; Labels?: object; [key: string]: unknown };
  PreviousSpec?: object;
  UpdateStatus?: { State: string; Message: string };
}

type Table = 'networks' | 'secrets' | 'configs' | 'services';

export class FakeDockerSwarm {
  readonly socketPath = join(mkdtempSync(join(tmpdir(), 'shoal-fake-')), 'docker.sock');
  /** `POST /services/create site_web`, in order; updates name their version. */
  readonly writes: string[] = [];
  /** X-Registry-Auth of service writes, by name. */
  readonly auths = new Map<string, string>();
  readonly tables: Record<Table, Map<string, Stored>> = { networks: new Map(), secrets: new Map(), configs: new Map(), services: new Map() };
  apiVersion = '1.41';
  /** Answers instead of the swarm when it gives something; `what` is the write's text. */
  refuse: (what: string) => { status: number; message: string } | undefined = () => undefined;
  readonly #listeners = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #index = 10;

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socketPath, resolve));
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(join(this.socketPath, '..'), { recursive: true });
  }

  named(table: Table, name: string): Stored | undefined {
    return [...this.tables[table].values()].find((object) => object.Spec.Name === name);
  }

  /** Somebody else changes a service. */
  change(name: string, change: (spec: Stored['Spec']) => Stored['Spec'], more: Partial<Stored> = {}): void {
    const service = this.named('services', name);
    if (!service) throw new Error(`no service ${name}`);
    this.#index += 1;
    this.tables.services.set(service.ID, { ...service, Spec: change(service.Spec), Version: { Index: this.#index }, ...more });
    for (const listener of this.#listeners) listener.write(`${JSON.stringify({ Type: 'service', Action: 'update' })}\n`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url ?? '', 'http://engine');
    const [, table = '', id = '', action = ''] = url.pathname.replace(/^\/v1\.\d+/, '').split('/');
    response.setHeader('Api-Version', this.apiVersion);
    if (table === '_ping') return void response.end('OK');
    if (table === 'events') return this.#stream(response);
    const [status, answer] = request.method === 'GET' ? this.#get(table, id) : this.#write(request, url, { table, id, action }, text);
    response.statusCode = status;
    response.end(answer === undefined ? '' : JSON.stringify(answer));
  }

  #stream(response: ServerResponse): void {
    this.#listeners.add(response);
    response.once('close', () => this.#listeners.delete(response));
    response.writeHead(200);
    response.flushHeaders();
  }

  #get(table: string, id: string): [number, unknown] {
    if (table === 'nodes' || table === 'tasks') return [200, []];
    const objects = this.tables[table as Table];
    if (id === '') return [200, [...objects.values()].map((object) => shown(table, object))];
    const object = objects.get(id);
    return object ? [200, shown(table, object)] : [404, { message: `${table} ${id} not found` }];
  }

  #write(request: IncomingMessage, url: URL, { table, id, action }: { table: string; id: string; action: string }, text: string): [number, unknown] {
    const objects = this.tables[table as Table];
    const body = text === '' ? undefined : (JSON.parse(text) as Stored['Spec']);
    const version = url.searchParams.get('version');
    const verb = request.method === 'DELETE' ? 'remove' : id === 'create' ? 'create' : action;
    const what = `${verb} ${table} ${body?.Name ?? objects.get(id)?.Spec.Name ?? id}`;
    this.writes.push(what);
    const refused = this.refuse(what);
    if (refused) return [refused.status, { message: refused.message }];
    const present = objects.get(id);
    if (verb !== 'create' && !present) return [404, { message: `${table} ${id} not found` }];
    const auth = request.headers['x-registry-auth'];
    if (typeof auth === 'string' && body) this.auths.set(body.Name, auth);
    if (verb === 'remove') return [objects.delete(id) ? 204 : 404, undefined];
    this.#index += 1;
    if (verb === 'update' && Number(version) !== present?.Version.Index) return [500, { message: 'rpc error: code = Unknown desc = update out of sequence' }];
    const time = `2026-01-01T00:00:00.${String(this.#index).padStart(9, '0')}Z`;
    const ID = verb === 'create' ? `docker${this.#index}` : id;
    const Spec = stored(table, body ?? { Name: '' });
    objects.set(ID, {
      ID,
      Version: { Index: this.#index },
      CreatedAt: present?.CreatedAt ?? time,
      UpdatedAt: time,
      Spec,
      ...(present && { PreviousSpec: present.Spec }),
    });
    return [verb === 'create' ? 201 : 200, { ID, Id: ID }];
  }
}

/** Docker says defaults, and forgets what it has no word for. */
function stored(table: string, spec: Stored['Spec']): Stored['Spec'] {
  const { Shoal: _unknown, ...known } = spec;
  if (table !== 'services') return known;
  const template = known['TaskTemplate'] as Record<string, unknown>;
  return { ...known, TaskTemplate: { ...template, Resources: {}, Placement: {}, ForceUpdate: 0, Runtime: 'container' } };
}

function shown(table: string, object: Stored): object {
  if (table === 'networks') {
    const { Name, Labels = null, ...rest } = object.Spec;
    return { ...rest, Name, Labels, Id: object.ID, Created: object.CreatedAt, Containers: null };
  }
  if (table !== 'secrets') return object;
  const { Data: _hidden, ...Spec } = object.Spec;
  return { ...object, Spec };
}

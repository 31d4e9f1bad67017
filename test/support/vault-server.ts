/** A small HTTP server that speaks the API of HashiCorp Vault and OpenBao, as far as their key-value engines, their namespaces and AppRole go. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { wholeText } from '#base/whole';

interface Version {
  data: Record<string, unknown>;
  state: 'there' | 'deleted' | 'destroyed';
}

export interface VaultCall {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export class VaultServer {
  readonly calls: VaultCall[] = [];
  /** Tokens that are let in; those of roles come to them. */
  readonly tokens = new Set(['root-token']);
  readonly role = { id: 'role-1', secret: 'secret-1', leaseSeconds: 3600 };
  /** Of what is asked next, in the place of what is there. */
  answer: ((path: string, response: ServerResponse) => boolean) | undefined;
  namespace: string | undefined;
  readonly #server: Server;
  /** Path below `kv/` → its versions from 1 on. */
  readonly #versions = new Map<string, Version[]>();
  /** Path below `old/`, an engine without versions. */
  readonly #plain = new Map<string, Record<string, unknown>>();
  #logins = 0;

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(path: string, data: Record<string, unknown>): void {
    if (path.startsWith('old/')) this.#plain.set(path, data);
    else this.#versions.set(path, [...(this.#versions.get(path) ?? []), { data, state: 'there' }]);
  }

  /** The newest version. */
  end(path: string, state: 'deleted' | 'destroyed'): void {
    const version = this.#versions.get(path)?.at(-1);
    if (version) version.state = state;
  }

  /** How often values were read. */
  get reads(): number {
    return this.calls.filter(({ path }) => /^\/v1\/(kv\/data|old)\//.test(path)).length;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.calls.push({ method: request.method ?? '', path, headers: request.headers });
    const text = (await wholeText(request, 65_536)) ?? '';
    if (this.answer?.(path, response)) return;
    const { pathname, searchParams } = new URL(path, 'http://any');
    const say = (status: number, body: object): void => void response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    const errors = (status: number, ...list: string[]): void => say(status, { errors: list });
    if (this.namespace !== undefined && request.headers['x-vault-namespace'] !== this.namespace) return errors(403, 'permission denied');
    if (pathname === '/v1/auth/approle/login') return this.#login(text, say);
    if (!this.tokens.has(String(request.headers['x-vault-token']))) return errors(403, 'permission denied');
    const mount = /^\/v1\/sys\/internal\/ui\/mounts\/(\w+)\//.exec(pathname)?.[1];
    if (mount === 'kv') return say(200, { data: { path: 'kv/', type: 'kv', options: { version: '2' } } });
    if (mount === 'old') return say(200, { data: { path: 'old/', type: 'kv', options: null } });
    if (mount !== undefined) return errors(403, 'preflight capability check returned 403, please ensure client\'s policies grant access to path "x/"');
    const plain = this.#plain.get(pathname.slice('/v1/'.length));
    if (plain) return say(200, { lease_duration: 2_764_800, data: plain });
    const versions = this.#versions.get(pathname.replace('/v1/kv/data/', 'kv/'));
    const number = Number(searchParams.get('version') ?? versions?.length ?? 0);
    const version = versions?.[number - 1];
    if (!version) return errors(404);
    const metadata = { version: number, deletion_time: version.state === 'deleted' ? '2026-01-01T00:00:00Z' : '', destroyed: version.state === 'destroyed' };
    return say(version.state === 'there' ? 200 : 404, { data: { data: version.state === 'there' ? version.data : null, metadata } });
  }

  #login(text: string, say: (status: number, body: object) => void): void {
    const { role_id: id, secret_id: secret } = JSON.parse(text) as Record<string, string>;
    if (id !== this.role.id || secret !== this.role.secret) return say(400, { errors: ['invalid role or secret ID'] });
    const token = `role-token-${(this.#logins += 1)}`;
    this.tokens.add(token);
    return say(200, { auth: { client_token: token, lease_duration: this.role.leaseSeconds } });
  }
}

/** Asks a HashiCorp Vault or an OpenBao over HTTP for values of its key-value engine, both versions of it. What is asked has a bound in time and length, and no redirect is followed. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '#base/clock';
import { underAny } from '#base/pace/under-any';
import { Refusal } from '#base/refusal';
import { wholeText } from '#base/whole';
import type { VaultPlace } from '#model/object/repository';
import type { VaultReference } from '#model/options/vault';

/** What lies at a path. */
export interface VaultEntry {
  values: Readonly<Record<string, unknown>>;
  /** Absent: the engine keeps none. */
  version?: number;
}

export interface VaultClientParts {
  clock: Pick<Clock, 'monotonicNow'>;
  signal: AbortSignal;
}

interface Mount {
  /** Ends with a slash. */
  path: string;
  versioned: boolean;
}

interface Answer {
  status: number;
  body: unknown;
}

const answerMs = 5_000;
const largestAnswerBytes = 1024 * 1024;
/** A token is renewed when this part of its time is over. */
const usedPart = 0.8;

const statusTexts: Readonly<Record<number, string>> = {
  400: 'it does not understand what it is asked',
  404: 'there is nothing at that path',
  429: 'it is asked too often, or stands by for another one',
  472: 'it stands by for another one',
  473: 'it stands by for another one',
  501: 'it is not initialised',
  503: 'it is sealed, or down',
};

export class VaultClient {
  readonly #place: VaultPlace;
  readonly #parts: VaultClientParts;
  /** Of AppRole: until then, by the monotonic clock. */
  #token: { text: string; until: number } | undefined;
  #mounts: Mount[] = [];

  constructor(place: VaultPlace, parts: VaultClientParts) {
    this.#place = place;
    this.#parts = parts;
  }

  /** Looks up anew where which engine is. */
  forget(): void {
    this.#mounts = [];
  }

  /** Throws a Refusal that says why it cannot be had. */
  async read({ path, version }: Pick<VaultReference, 'path' | 'version'>): Promise<VaultEntry> {
    const mount = await this.#mountOf(path);
    const rest = path.slice(mount.path.length);
    if (!mount.versioned) {
      if (version !== undefined) throw new Refusal('failedPrecondition', 'its engine keeps no versions');
      return { values: recordOf(fieldOf(await this.#get(path), 'data')) };
    }
    const { status, body } = await this.#ask('GET', `${mount.path}data/${rest}${version === undefined ? '' : `?version=${version}`}`);
    const data = fieldOf(body, 'data');
    const { version: number, deletion_time: deleted, destroyed } = recordOf(fieldOf(data, 'metadata'));
    const named = typeof number === 'number' ? `version ${number}` : 'the version';
    if (destroyed === true) throw new Refusal('notFound', `${named} was destroyed`);
    if (typeof deleted === 'string' && deleted !== '' && fieldOf(data, 'data') === null) throw new Refusal('notFound', `${named} was deleted`);
    if (status !== 200) throw refused(status);
    if (typeof number !== 'number') throw new Refusal('unavailable', 'it answers something else than a version of its key-value engine');
    return { values: recordOf(fieldOf(data, 'data')), version: number };
  }

  /** The engine that a path lies in, and whether it keeps versions. */
  async #mountOf(path: string): Promise<Mount> {
    const known = this.#mounts.find((mount) => path.startsWith(mount.path));
    if (known) return known;
    const data = recordOf(fieldOf(await this.#get(`sys/internal/ui/mounts/${path}`), 'data'));
    const [at, type] = [data['path'], data['type']];
    if (typeof at !== 'string' || !at.endsWith('/') || !`${path}/`.startsWith(at) || (type !== 'kv' && type !== 'generic'))
      throw new Refusal('failedPrecondition', 'no key-value engine is there');
    if (path.length <= at.length) throw new Refusal('invalidArgument', `the path names the engine ${at} and nothing in it`);
    const mount = { path: at, versioned: recordOf(data['options'])['version'] === '2' };
    this.#mounts.push(mount);
    return mount;
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.#ask('GET', path);
    if (status !== 200) throw refused(status);
    return body;
  }

  /** Once more where a token of a role has become void. */
  async #ask(method: 'GET', path: string): Promise<Answer> {
    const held = this.#token;
    const answer = await this.#send(method, path, { 'X-Vault-Token': await this.#proof() });
    if (answer.status !== 403 || !held) return answer;
    this.#token = undefined;
    return this.#send(method, path, { 'X-Vault-Token': await this.#proof() });
  }

  async #proof(): Promise<string> {
    const { Token, RoleID, SecretID } = this.#place;
    if (Token !== undefined) return Token;
    const now = this.#parts.clock.monotonicNow();
    if (this.#token && this.#token.until > now) return this.#token.text;
    const { status, body } = await this.#send('POST', 'auth/approle/login', {}, JSON.stringify({ role_id: RoleID, secret_id: SecretID }));
    const auth = recordOf(fieldOf(body, 'auth'));
    const text = auth['client_token'];
    if (status !== 200 || typeof text !== 'string' || text === '' || /[^\u0021-\u007e]/.test(text))
      throw new Refusal('unavailable', `the role is not let in (status ${status}): its role id or secret id is not valid, or not any more`);
    this.#token = { text, until: now + Number(auth['lease_duration'] ?? 0) * 1000 * usedPart };
    return text;
  }

  #send(...asked: [method: 'GET' | 'POST', path: string, headers: Readonly<Record<string, string>>, body?: string]): Promise<Answer> {
    return underAny([this.#parts.signal, AbortSignal.timeout(answerMs)], (signal) => this.#sendUnder(signal, ...asked));
  }

  async #sendUnder(signal: AbortSignal, method: 'GET' | 'POST', path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<Answer> {
    const { Address, Namespace, CA } = this.#place;
    const url = `${Address.replace(/\/+$/, '')}/v1/${path}`;
    const all = {
      ...headers,
      Accept: 'application/json',
      'User-Agent': 'shoal',
      'X-Vault-Request': 'true',
      ...(Namespace !== undefined && { 'X-Vault-Namespace': Namespace }),
    };
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const make = /^https:/i.test(url) ? httpsRequest : httpRequest;
        const request = make(url, { method, headers: all, signal, agent: false, ...(CA !== undefined && { ca: CA }) }, resolve);
        request.on('error', reject);
        // An answer that is no answer, such as another protocol, is neither of the two.
        request.on('close', () => reject(new Refusal('unavailable', 'it answers something else than HTTP', { away: true })));
        request.end(body);
      });
      return await answerOf(response);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (this.#parts.signal.aborted) throw new Refusal('unavailable', 'the look was ended');
      throw new Refusal('unavailable', signal.aborted ? `it does not answer within ${answerMs / 1000} s` : `it is not reached (${codeOf(error)})`, {
        away: true,
      });
    }
  }
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  const status = response.statusCode ?? 0;
  try {
    if (status >= 300 && status < 400)
      throw new Refusal('unavailable', 'it answers with a redirect, which is not followed: the token is for its address alone');
    const text = await wholeText(response, largestAnswerBytes);
    if (text === undefined) throw new Refusal('unavailable', `it answers with more than ${largestAnswerBytes / 1024 / 1024} MiB`);
    return { status, body: parsed(text) };
  } finally {
    response.destroy();
  }
}

/** What is no JSON says nothing; its text might hold anything. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function refused(status: number): Refusal {
  if (status === 401 || status === 403)
    return new Refusal('unavailable', 'it does not let us: the token or the role is not valid any more, or its policy does not allow the path');
  return new Refusal(status === 404 ? 'notFound' : 'unavailable', statusTexts[status] ?? `it answers with status ${status}`);
}

/** What kind of failure it is. */
function codeOf(error: unknown): string {
  const { name, code } = error as Error & { code?: unknown };
  return typeof code === 'string' ? code : name;
}

function fieldOf(value: unknown, name: string): unknown {
  return recordOf(value)[name];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

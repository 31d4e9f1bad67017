/** Git's requests at the door for the world outside: who shows a token of the repository is let through to whoever leads, and nobody else. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { RateLimit } from '#base/pace/rate-limit';
import { tokenOf, maySo } from '#control/repository/tokens';
import { sourceOf } from '#model/address';
import { asksToPush, bodyBounds, gitServices, hasPlace, type GitRequest } from '#model/git/git-request';
import type { RepositoryToken, TrustedIssuer } from '#model/object/repository';
import { bodyPieces } from '../request/body.ts';
import { isJwt, IssuerKeys } from './oidc.ts';

export interface DoorGitRequest extends Omit<GitRequest, 'user'> {
  repository: string;
  /** Id of the token that was shown. */
  token: string;
  /** Aborted when the door closes: a little later whoever is still there is cut off. */
  closing: AbortSignal;
}

export interface DoorPlanRequest {
  repository: string;
  /** Empty: what is followed, as it is now. */
  ref: string;
  markdown: boolean;
  token: string;
}

export interface DoorVerdictRequest {
  repository: string;
  commit: string;
  /** As Go writes durations; empty: the usual one. */
  timeout: string;
  token: string;
}

export interface GitDoorParts {
  /** What this node holds of a repository; undefined where there is none. */
  repository: (name: string) => Promise<{ Tokens?: readonly RepositoryToken[]; Issuers?: readonly TrustedIssuer[] } | undefined>;
  /** Has it answered by whoever leads; resolves when the answer is out. */
  git: (asked: DoorGitRequest, response: ServerResponse) => Promise<void>;
  /** The same of what a commit would do. */
  plan: (asked: DoorPlanRequest, response: ServerResponse) => Promise<void>;
  /** The same of what became of a commit, when that is over. */
  verdict: (asked: DoorVerdictRequest, response: ServerResponse) => Promise<void>;
  /** Sources that showed what is not believed. */
  guesses: RateLimit;
  closing: AbortSignal;
  clock: Pick<Clock, 'monotonicNow'>;
  logger: Logger;
}

const planPath = /^\/plan\/([A-Za-z0-9][A-Za-z0-9_.-]{0,254})$/;
const verdictPath = /^\/verdict\/([A-Za-z0-9][A-Za-z0-9_.-]{0,254})$/;
/** People write `.git` behind a repository's name. */
const gitPath = /^\/git\/([A-Za-z0-9][A-Za-z0-9_.-]{0,254}?)(?:\.git)?(\/info\/refs|\/git-upload-pack|\/git-receive-pack)$/;

export class GitDoor {
  readonly #parts: GitDoorParts;
  readonly #issuers: IssuerKeys;
  /** Of each request that takes its time: whose it is. */
  readonly #held = new Set<{ id: string; user: string }>();

  constructor(parts: GitDoorParts) {
    this.#parts = parts;
    this.#issuers = new IssuerKeys(parts.clock);
  }

  /** Whether it is a request that is answered here; then it is answered. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const planned = planPath.exec(path)?.[1];
    if (planned !== undefined) await this.#plan(request, response, planned, new URLSearchParams(query));
    const awaited = verdictPath.exec(path)?.[1];
    if (awaited !== undefined) await this.#verdict(request, response, awaited, new URLSearchParams(query));
    const [, name, found] = gitPath.exec(path) ?? [];
    const service = gitServices.find((each) => each === found);
    if (name === undefined || service === undefined) return (planned ?? awaited) !== undefined;
    const method = service === '/info/refs' ? 'GET' : 'POST';
    if (request.method !== method) say(response, 405, 'git asks otherwise');
    else if (service === '/info/refs' && !/(^|&)service=git-(upload|receive)-pack(&|$)/.test(query))
      say(response, 403, "only git's smart protocol is spoken here: update git");
    else await this.#git(request, response, { repository: name, service, query, method });
    return true;
  }

  async #plan(request: IncomingMessage, response: ServerResponse, repository: string, query: URLSearchParams): Promise<void> {
    if (request.method !== 'GET') return say(response, 405, 'a plan is asked for with GET');
    const token = await this.#admit(request, response, repository, 'plan');
    if (token !== undefined) await this.#parts.plan({ repository, ref: query.get('ref') ?? '', markdown: query.get('format') === 'markdown', token }, response);
  }

  async #verdict(request: IncomingMessage, response: ServerResponse, repository: string, query: URLSearchParams): Promise<void> {
    if (request.method !== 'GET') return say(response, 405, 'a verdict is asked for with GET');
    const token = await this.#admit(request, response, repository, 'plan');
    if (token === undefined) return;
    const asked = { repository, commit: query.get('commit') ?? '', timeout: query.get('timeout') ?? '', token };
    await this.#inTurn({ id: repository, user: token }, response, () => this.#parts.verdict(asked, response));
  }

  async #git(request: IncomingMessage, response: ServerResponse, asked: Pick<DoorGitRequest, 'repository' | 'service' | 'query' | 'method'>): Promise<void> {
    const token = await this.#admit(request, response, asked.repository, asksToPush(asked) ? 'push' : 'read');
    if (token === undefined) return;
    const { repository } = asked;
    const bring = (): Promise<void> =>
      this.#parts.git(
        { ...asked, headers: request.headers, body: bodyPieces(request, bodyBounds(asked.service)), token, closing: this.#parts.closing },
        response,
      );
    await this.#inTurn({ id: repository, user: token }, response, bring);
  }

  /** Of one repository, and of one token, few requests are held open at a time. */
  async #inTurn(mark: { id: string; user: string }, response: ServerResponse, work: () => Promise<void>): Promise<void> {
    if (!hasPlace(this.#held, mark)) {
      response.setHeader('Retry-After', '5');
      return say(response, 503, 'several requests of this repository are open just now: try again in a moment');
    }
    this.#held.add(mark);
    try {
      await work();
    } finally {
      this.#held.delete(mark);
    }
  }

  /** The id of the token that was shown and may do what is asked; undefined: the answer is out. */
  async #admit(request: IncomingMessage, response: ServerResponse, name: string, needed: RepositoryToken['Role']): Promise<string | undefined> {
    const { guesses, logger, clock } = this.#parts;
    const source = sourceOf(request.socket.remoteAddress ?? '');
    if (guesses.waitMs(source, clock.monotonicNow()) > 0) return say(response, 429, 'too many tokens from here were wrong: wait a minute');
    const secret = passwordOf(request.headers.authorization);
    const repository = await this.#parts.repository(name);
    // Where there is no such repository it takes as long, and says no more.
    const token = secret === undefined ? { why: '' } : await this.#holderOf(repository ?? {}, secret);
    if ('why' in token) {
      if (secret !== undefined) {
        guesses.count(source, clock.monotonicNow());
        logger.info(
          { source: request.socket.remoteAddress, repository: name, ...(token.why !== '' && { why: token.why }) },
          'a request was refused: its password is no token of the repository',
        );
      }
      response.setHeader('WWW-Authenticate', 'Basic realm="shoal", charset="UTF-8"');
      return say(response, 401, 'give a token of the repository as the password; any name will do');
    }
    if (maySo(token.Role, needed)) return token.ID;
    return say(response, 403, `this token has role ${token.Role}: it may not ${needed}`);
  }

  async #holderOf(
    repository: { Tokens?: readonly RepositoryToken[]; Issuers?: readonly TrustedIssuer[] },
    secret: string,
  ): Promise<Pick<RepositoryToken, 'ID' | 'Role'> | { why: string }> {
    const { Issuers = [] } = repository;
    return tokenOf(repository, secret) ?? (Issuers.length > 0 && isJwt(secret) ? this.#issuers.judge(secret, Issuers) : { why: '' });
  }
}

function passwordOf(header: string | undefined): string | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]{1,12000})$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const plain = Buffer.from(encoded, 'base64').toString('utf8');
  return plain.slice(plain.indexOf(':') + 1);
}

/** Git shows plain text of what it is refused at the beginning. */
function say(response: ServerResponse, status: number, text: string): undefined {
  if (status !== 401) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }).end(`${text}\n`);
}

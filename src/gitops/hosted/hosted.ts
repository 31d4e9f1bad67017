/** Repositories that the cluster holds: real git receives what is pushed, beside a copy of what the store has, and asks us before it takes anything. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { largestPushedBytes, packsOf } from '#control/repository/pushed';
import { bodyBounds, type GitRequest, hasPlace } from '#model/git/git-request';
import type { Repository } from '#model/object/repository';
import { killGroup } from '../process-group.ts';
import { plainEnvironment } from '../worker/git-environment.ts';
import { settings, spawnGit } from '../worker/run-git.ts';
import { Bare, diskBytes } from './bare.ts';
import { CgiAnswer } from './cgi-answer.ts';
import { answerHooks, writeHooks, type HookJudge } from './hook.ts';
import { inflated } from './inflated.ts';

export interface HostedPlace {
  /** Of all repositories. */
  folder: string;
  home: string;
}

/** A rollout is told until its end; nobody is kept for ever. */
const longestMs = 30 * 60_000;
/** From the word that a push is taken until git moved its branch: a pusher who reads nothing holds up nobody else. */
const longestMoveMs = 60_000;
const longestSaid = 2000;
/** Wants and haves are packed to a half or less; a push is not packed at all. */
const mostInflation = 4;

export class Hosted {
  readonly #place: HostedPlace;
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #hooks: string;
  readonly #stop = new AbortController();
  /** Process groups of git that are at work. */
  readonly #groups = new Set<number>();
  /** By id: one after the other brings a folder to what the store holds, or takes a push. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** A mark for each request that git answers. */
  readonly #serving = new Set<{ id: string; user: string }>();

  constructor(place: HostedPlace, { cluster, logger }: { cluster: Cluster; logger: Logger }) {
    this.#place = place;
    this.#cluster = cluster;
    this.#logger = logger;
    this.#hooks = join(place.home, 'hooks');
  }

  start(): void {
    writeHooks(this.#hooks);
  }

  stop(): void {
    this.#stop.abort();
    for (const pid of this.#groups) killGroup(pid);
  }

  folderOf(id: string): string {
    return join(this.#place.folder, `${id}.git`);
  }

  /** A git that still answers somebody may write meanwhile. */
  async remove(id: string): Promise<void> {
    await rm(this.folderOf(id), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  bare({ ID, Spec }: Pick<Repository, 'ID' | 'Spec'>): Bare {
    return new Bare({
      folder: this.folderOf(ID),
      home: this.#place.home,
      branch: Spec.Branch,
      signal: this.#stop.signal,
      groups: this.#heard,
      busy: () => this.#isServing(ID),
    });
  }

  /** What git runs in, so that it ends with us. */
  readonly #heard = (pid: number, alive: boolean): void => {
    if (alive) this.#groups.add(pid);
    else this.#groups.delete(pid);
  };

  get surroundings(): { home: string; signal: AbortSignal; groups: (pid: number, alive: boolean) => void } {
    return { home: this.#place.home, signal: this.#stop.signal, groups: this.#heard };
  }

  /** The folder as the store has it; false: nothing was pushed yet. */
  ready(id: string): Promise<boolean> {
    return this.inTurn(id, async () => {
      const view = await this.#cluster.read();
      const repository = view.get('repository', id);
      if (!repository) return false;
      await this.bare(repository).bringTo(repository.Pushed?.Commit, () => packsOf(view, repository));
      return repository.Pushed !== undefined;
    });
  }

  /** After all that is asked of the same repository before. */
  inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(id, settled);
    void settled.then(() => this.#turns.get(id) === settled && this.#turns.delete(id));
    return turn;
  }

  /** Has git answer; its hooks ask `judge`. Resolves when the answer is out. */
  async serve(id: string, asked: GitRequest, response: ServerResponse, judge: HookJudge): Promise<void> {
    await this.ready(id);
    // Who left meanwhile closes nothing any more.
    if (response.destroyed) return;
    const mark = { id, user: asked.user };
    if (!hasPlace(this.#serving, mark)) return void response.writeHead(503, { 'Retry-After': '10' }).end();
    const moved = new AbortController();
    this.#serving.add(mark);
    try {
      await this.#backend(id, asked, response, (question, say) => {
        if (question.kind === 'pre-receive') return this.#untilMoved(id, moved.signal, () => judge(question, say));
        moved.abort();
        return judge(question, say);
      });
    } finally {
      moved.abort();
      this.#serving.delete(mark);
    }
  }

  #isServing(id: string): boolean {
    return [...this.#serving].some((mark) => mark.id === id);
  }

  /** In turn, and the turn ends when git moved its branch, or ended: until then folder and store differ, and nobody may mend that. */
  #untilMoved(id: string, moved: AbortSignal, judge: () => Promise<number>): Promise<number> {
    return new Promise((resolve, reject) => {
      void this.inTurn(id, async () => {
        await judge().then(resolve, reject);
        if (!moved.aborted) await once(AbortSignal.any([moved, AbortSignal.timeout(longestMoveMs)]), 'abort');
      });
    });
  }

  #backend(id: string, { method, service, query, headers, body, user }: GitRequest, response: ServerResponse, judge: HookJudge): Promise<void> {
    const header = (name: string): string => String(headers[name] ?? '');
    const environment = {
      ...plainEnvironment(this.#place.home),
      GIT_PROJECT_ROOT: this.#place.folder,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: `/${id}.git${service}`,
      QUERY_STRING: query,
      REQUEST_METHOD: method,
      REMOTE_USER: user,
      CONTENT_TYPE: header('content-type'),
      GIT_PROTOCOL: header('git-protocol'),
    };
    const more = ['http.receivepack=true', 'receive.fsckObjects=true', 'receive.unpackLimit=1', `receive.maxInputSize=${largestPushedBytes}`];
    const args = [...settings([...more, `core.hooksPath=${this.#hooks}`]), 'http-backend'];
    return new Promise((resolve) => {
      const child = spawnGit(args, { folder: this.#place.folder, environment, line: true }, diskBytes, this.#heard);
      // Where no process or no descriptor is left there is neither child nor line, and the child's end is told all the same.
      child.once('error', () => {});
      const end = (): void => void (child.pid !== undefined && killGroup(child.pid));
      const timer = setTimeout(end, longestMs);
      response.once('close', end);
      const line = child.stdio[3] as Duplex | undefined;
      if (line) answerHooks(line, judge);
      const plain = inflated(body, header('content-encoding'), inflatedBytes(service));
      const given = give(plain, child.stdin).catch(end);
      const answer = new CgiAnswer(response);
      child.stdout?.on('data', (part: Buffer) => {
        if (answer.push(part)) return;
        child.stdout?.pause();
        response.once('drain', () => child.stdout?.resume());
      });
      let said = '';
      child.stderr?.on('data', (part: Buffer) => (said = (said + part.toString('utf8')).slice(-longestSaid)));
      const ended = new Promise<number | null>((end) => child.once('close', end));
      // Whoever sends what git does not want reads no answer before all of it is sent.
      void Promise.all([ended, given]).then(([code]) => {
        clearTimeout(timer);
        if (code !== 0) this.#logger.debug({ code, said }, 'git ended a request for a repository of the cluster: whoever asked was told by git');
        answer.end();
        resolve();
      });
    });
  }
}

function inflatedBytes(service: GitRequest['service']): number {
  const { bytes } = bodyBounds(service);
  return service === '/git-receive-pack' ? bytes : mostInflation * bytes;
}

/** Gives `body` to git as fast as it takes it; what git does not want any more is read all the same. */
async function give(body: AsyncIterable<Uint8Array>, stdin: Writable | null): Promise<void> {
  const gone = new AbortController();
  stdin?.on('error', () => {}).once('close', () => gone.abort());
  for await (const piece of body) {
    if (!stdin?.writable || stdin.write(piece)) continue;
    await once(stdin, 'drain', { signal: gone.signal }).catch(() => {});
  }
  stdin?.end();
}

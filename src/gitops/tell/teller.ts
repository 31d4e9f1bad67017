/** Tells forges, chats and webhooks what became of commits: notes in the store what is to be said, and says it until it is heard. Whatever fails here changes no result. */
import { timeOf, type Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import { Retries } from '#base/pace/retries';
import { underAny } from '#base/pace/under-any';
import type { Cluster } from '#control/cluster';
import { newsOf } from '#control/repository/told/news';
import { messageSaid, noteVerdict } from '#control/repository/notify';
import type { CommitList, OutboxMessage } from '#model/git/notify';
import type { Repository } from '#model/object/repository';
import type { CommitRange } from '../protocol.ts';
import { tellRequest, type TellRequest } from './request.ts';

export interface TellerParts {
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
  /** What came with a commit of a repository. Throws where that cannot be had soon. */
  commits: (repository: string, range: CommitRange) => Promise<CommitList>;
}

/** Verdicts turn in flocks. */
const quietMs = 500;
const retry = { firstMs: 5_000, slowestMs: 10 * 60_000 };
const answerMs = 10_000;
/** What nobody took by then is given up. */
const longestMs = 24 * 3_600_000;

export class Teller {
  readonly #parts: TellerParts;
  readonly #looks: Repeater;
  /** By message; a new leader tries at once. */
  readonly #retries: Retries;
  readonly #stop = new AbortController();

  constructor(parts: TellerParts) {
    this.#parts = parts;
    this.#retries = new Retries(retry, parts.clock);
    this.#looks = new Repeater(
      () => this.#look(),
      (error) => this.#failed(error),
      parts.clock,
    );
  }

  /** Something changed that may have to be told. */
  notice(): void {
    this.#looks.askIn(quietMs);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looks.stop();
  }

  async #look(): Promise<void> {
    const { cluster } = this.#parts;
    const told = [...(await cluster.read()).list('repository')].filter(({ Notify }) => Notify);
    await Promise.all(told.map((repository) => this.#note(repository)));
    const open = [...(await cluster.read()).list('repository')].flatMap((repository) => (repository.Outbox ?? []).map((message) => ({ repository, message })));
    this.#retries.keep((id) => open.some(({ message }) => message.ID === id));
    await Promise.all(open.map(({ repository, message }) => this.#say(repository, message)));
    const nextMs = this.#retries.nextMs();
    if (nextMs !== undefined) this.#looks.askIn(Math.max(quietMs, nextMs));
  }

  async #note({ ID, Spec }: Repository): Promise<void> {
    const { cluster, clock, commits } = this.#parts;
    const news = newsOf(await cluster.read(), ID, clock.now());
    if (!news) return;
    const range = { until: news.verdict.Commit, ...(news.good && { since: news.good.Commit }) };
    // What became of it is said also where nobody can say what it was.
    const list = news.verdict.State === 'pending' ? undefined : await commits(Spec.Name, range).catch(() => undefined);
    await cluster.submit(noteVerdict(ID, list && { ...list, ...range }));
  }

  #failed(error: unknown): void {
    this.#parts.logger.warn({ error: (error as Error).message }, 'messages about commits cannot be stored or sent now: none is lost, and it is tried again');
    this.#looks.askIn(retry.firstMs);
  }

  async #say({ ID, Spec, Notify = [] }: Repository, message: OutboxMessage): Promise<void> {
    const { cluster, clock, logger } = this.#parts;
    const target = Notify.find((each) => each.ID === message.Target);
    if (this.#stop.signal.aborted || !this.#retries.isDue(message.ID)) return;
    const outcome = target ? await this.#post(tellRequest(Spec.Name, target, message)) : 'said';
    const late = clock.now() - timeOf(message.At) > longestMs;
    if (outcome === 'said' || outcome.final || late) {
      this.#retries.forget(message.ID);
      if (outcome !== 'said')
        logger.warn({ repository: Spec.Name, kind: target?.Kind, error: outcome.reason }, 'a message about a commit is given up: nobody takes it');
      return cluster.submit(messageSaid(ID, message.ID));
    }
    if (this.#retries.failed(message.ID) === 1)
      logger.warn({ repository: Spec.Name, kind: target?.Kind, error: outcome.reason }, 'a message about a commit is not taken now: it is tried again');
  }

  /** `final`: asking again does not help. */
  #post(asked: TellRequest): Promise<'said' | { reason: string; final: boolean }> {
    return underAny([this.#stop.signal, AbortSignal.timeout(answerMs)], (signal) => this.#postUnder(signal, asked));
  }

  async #postUnder(signal: AbortSignal, asked: TellRequest): Promise<'said' | { reason: string; final: boolean }> {
    const request = requestOf(asked, signal);
    if (!request) return { reason: 'its address or its token is none that can be sent', final: true };
    try {
      const answer = await fetch(request);
      await answer.body?.cancel();
      if (answer.ok) return 'said';
      const final = answer.status < 500 && answer.status !== 408 && answer.status !== 429;
      return { reason: `it was answered with status ${answer.status}`, final };
    } catch (error) {
      return { reason: `it was not reached (${codeOf(error)})`, final: false };
    }
  }
}

/** Undefined: no request can be made of it. */
function requestOf({ url, headers, body }: TellRequest, signal: AbortSignal): Request | undefined {
  try {
    // A token goes to whom it was given for, and nowhere else.
    return new Request(url, { method: 'POST', headers, body, redirect: 'manual', signal });
  } catch {
    return undefined;
  }
}

/** What kind of failure it is. Its words may name the address, which may be a secret. */
function codeOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: { code?: unknown } };
  return typeof cause?.code === 'string' ? cause.code : name;
}

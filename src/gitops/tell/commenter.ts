/** One comment on each merge request into a branch that is followed: what it would do, kept up to date. What the forge has not taken is said again with the next look; what it has is noted in the store. */
import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { Repeater } from '#base/pace/repeater';
import { Retries } from '#base/pace/retries';
import { underAny } from '#base/pace/under-any';
import { wholeText } from '#base/whole';
import type { Cluster } from '#control/cluster';
import { noteComments } from '#control/repository/notify';
import { sealingOf } from '#control/sealing';
import type { CommitList, NotifyTarget, SaidComment } from '#model/git/notify';
import { repositoryPlanMarkdown } from '#model/difference/plan-text';
import type { RepositoryPlan } from '#model/difference/stack-plan';
import type { Repository } from '#model/object/repository';
import type { CommitRange } from '../protocol.ts';
import { commitMarkdown } from './changes.ts';
import { commentsRequest, createRequest, listRequest, readComments, readList, updateRequest, type ForgeRequest, type MergeRequest } from './merge-requests.ts';

export interface CommenterParts {
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
  /** What a ref of the repository would do. */
  plan: (repository: string, ref: string) => Promise<RepositoryPlan>;
  /** What comes with a commit of it. Throws where that cannot be had soon. */
  commits: (repository: string, range: CommitRange) => Promise<CommitList>;
}

/** Commits come in flocks. */
const quietMs = 1_000;
/** Nobody tells of a merge request that is opened, but for a webhook. */
const againMs = 60_000;
const retry = { firstMs: 10_000, slowestMs: 3_600_000 };
const answerMs = 10_000;
const largestAnswerBytes = 4 * 1024 * 1024;
const longestComment = 60_000;

/** The forge does not take it now; it may later. */
class NotTaken extends Error {
  constructor(
    text: string,
    readonly status?: number,
  ) {
    super(text);
  }
}

type Note = Omit<SaidComment, 'Target'>;
/** `mark`: what our comment on it begins with. `since`: the commit that is followed. */
type Proposed = MergeRequest & { mark: string; since: string };

export class Commenter {
  readonly #parts: CommenterParts;
  readonly #looks: Repeater;
  readonly #stop = new AbortController();
  /** Targets and requests of which it was logged that they fail. */
  readonly #troubled = new Set<string>();
  /** What could not be said of a request, as it was then. */
  readonly #retries: Retries;

  constructor(parts: CommenterParts) {
    this.#parts = parts;
    this.#retries = new Retries(retry, parts.clock);
    this.#looks = new Repeater(
      () => this.#look(),
      (error) => this.#failed(error),
      parts.clock,
    );
  }

  /** A commit is followed, somebody is told from now on, or a forge says that something is new. */
  notice(): void {
    this.#looks.askIn(quietMs);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#looks.stop();
  }

  async #look(): Promise<void> {
    const view = await this.#parts.cluster.read();
    const all = [...view.list('repository')].flatMap((repository) =>
      (repository.Notify ?? []).filter(({ MergeRequests }) => MergeRequests).map((target) => ({ repository, target })),
    );
    const key = sealingOf(view)?.Identity ?? '';
    for (const { repository, target } of all) await this.#attempt(repository, target, target.ID, () => this.#comment(repository, target, key));
    if (all.length > 0) this.#looks.askIn(againMs);
  }

  /** Whoever leads next looks at its start. */
  #failed(error: unknown): void {
    this.#parts.logger.debug({ error: (error as Error).message }, 'merge requests cannot be looked at now: it is tried again');
    this.#looks.askIn(againMs);
  }

  /** Whatever fails of one keeps no other waiting, and is logged once. */
  async #attempt(repository: Repository, { Kind }: NotifyTarget, what: string, work: () => Promise<void>): Promise<void> {
    if (this.#stop.signal.aborted) return;
    try {
      await work();
      this.#troubled.delete(what);
    } catch (error) {
      if (this.#stop.signal.aborted || this.#troubled.has(what)) return;
      this.#troubled.add(what);
      const facts = { repository: repository.Spec.Name, kind: Kind, error: (error as Error).message };
      this.#parts.logger.warn(facts, 'a merge request cannot be commented on now: it is tried again');
    }
  }

  async #comment(repository: Repository, target: NotifyTarget, key: string): Promise<void> {
    const { ID, Spec, Status } = repository;
    const { Commit: since } = Status;
    if (since === undefined) return;
    const open = readList(target, Spec.Branch, await this.#ask(listRequest(target, Spec.Branch)));
    const said = async (): Promise<readonly SaidComment[]> =>
      ((await this.#parts.cluster.read()).get('repository', ID)?.Comments ?? []).filter(({ Target }) => Target === target.ID);
    const stateOf = ({ head }: MergeRequest): string => `${head} ${since}`;
    const asItIs = (request: MergeRequest): string => `${target.ID} ${request.number} ${stateOf(request)}`;
    this.#retries.keep((known) => !known.startsWith(`${target.ID} `) || open.some((request) => known === asItIs(request)));
    for (const request of open) {
      const what = asItIs(request);
      if (!this.#retries.isDue(what)) continue;
      // What goes well takes that back.
      this.#retries.failed(what);
      await this.#attempt(repository, target, `${target.ID} ${request.number}`, async () => {
        const known = (await said()).find(({ Request }) => Request === request.number);
        const mark = markOf(key, ID, target.ID, request.number);
        const now = await this.#say(target, Spec.Name, { ...request, mark, since }, stateOf(request), known);
        if (now) this.#retries.forget(what);
        if (!now || now === known) return;
        // Noted one by one: what was said is not said again by whoever leads next.
        const others = (await said()).filter(({ Request }) => Request !== request.number);
        await this.#parts.cluster.submit(noteComments(ID, target.ID, [...others, { Target: target.ID, ...now }]));
      });
    }
    // Those that are closed are forgotten.
    const left = (await said()).filter(({ Request }) => open.some(({ number }) => number === Request));
    await this.#parts.cluster.submit(noteComments(ID, target.ID, left));
  }

  /** `state`: what the plan follows from; as long as it stands, nothing is planned anew. Undefined: there is nothing to say yet. */
  async #say(target: NotifyTarget, name: string, request: Proposed, state: string, known: Note | undefined): Promise<Note | undefined> {
    if (known?.State === state) return known;
    const plan = await this.#planText(name, request);
    if (plan === undefined) return undefined;
    const text = `${request.mark}\n${plan}`;
    const Digest = createHash('sha256').update(text).digest('hex');
    const note = (Comment: string): Note => ({ Request: request.number, Comment, Digest, State: state });
    if (known) {
      if (known.Digest === Digest) return note(known.Comment);
      const there = await this.#ask(updateRequest(target, request.number, known.Comment, text)).then(
        () => true,
        (error: unknown) => {
          // Somebody removed it.
          if (error instanceof NotTaken && (error.status === 404 || error.status === 410)) return false;
          throw error;
        },
      );
      if (there) return note(known.Comment);
    }
    // Somebody may have led between the comment and its note.
    const left = known ? undefined : readComments(await this.#ask(commentsRequest(target, request.number))).find(({ body }) => body.startsWith(request.mark));
    if (left) await this.#ask(updateRequest(target, request.number, left.id, text));
    const made = left?.id ?? readComments([await this.#ask(createRequest(target, request.number, text))])[0]?.id;
    if (made === undefined) throw new NotTaken('it was answered without the id of the comment');
    return note(made);
  }

  /** Of a commit that cannot be planned: why, where the commit is to blame. Undefined: it cannot be had now. */
  async #planText(name: string, { ref, head, since }: Proposed): Promise<string | undefined> {
    try {
      const plan = await this.#parts.plan(name, ref);
      // The forge knows of a commit before it has moved what leads there.
      // Whether the repository is suspended or frozen now is no property of the commit.
      const { waits: _now, ...lasting } = plan;
      if (plan.commit !== head) return undefined;
      // The plan says what matters, also where nobody can list what it is the plan of.
      const list = await this.#parts.commits(name, { since, until: head }).catch(() => undefined);
      return bounded([...repositoryPlanMarkdown(lasting), ...(list ? commitMarkdown(list) : [])]);
    } catch (error) {
      const { message } = error as Error;
      const ownFault = error instanceof Refusal && (error.code === 'invalidArgument' || message.startsWith(`commit ${head.slice(0, 12)} `));
      if (!ownFault) throw error;
      const lines = message.split('\n').map((line) => `- \`${line.replaceAll('`', "'")}\``);
      return bounded([`**Repository ${name} at commit ${head.slice(0, 12)} cannot be planned.**`, '', ...lines]);
    }
  }

  #ask(request: ForgeRequest): Promise<unknown> {
    return underAny([this.#stop.signal, AbortSignal.timeout(answerMs)], (signal) => this.#askUnder(signal, request));
  }

  async #askUnder(signal: AbortSignal, { url, method, headers, body }: ForgeRequest): Promise<unknown> {
    const answer = await fetch(url, { method, headers, redirect: 'manual', signal, ...(body !== undefined && { body }) });
    const text = answer.body ? await wholeText(answer.body, largestAnswerBytes) : '';
    if (text === undefined) throw new NotTaken(`the answer is larger than ${largestAnswerBytes} bytes`);
    if (!answer.ok) throw new NotTaken(`it was answered with status ${answer.status}`, answer.status);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new NotTaken('the answer is no JSON');
    }
  }
}

/** What only this cluster can have written: nobody else's comment is taken for ours before ours was there. */
function markOf(key: string, repository: string, target: string, request: number): string {
  const sign = createHmac('sha256', key).update(`comment on a merge request\0${repository}\0${target}\0${request}`).digest('hex').slice(0, 32);
  return `<!-- shoal ${sign} -->`;
}

function bounded(lines: readonly string[]): string {
  const text = lines.join('\n');
  return text.length <= longestComment ? text : `${text.slice(0, longestComment)}\n…`;
}

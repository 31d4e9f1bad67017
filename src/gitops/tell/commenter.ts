/** One comment on each merge request into a branch that is followed: what it would do, kept up to date. What the forge has not taken is said again with the next look; what it has is noted in the store. */
import { createHash } from 'node:crypto';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import type { Cluster } from '#control/cluster';
import { noteComments } from '#control/repository/notify';
import type { NotifyTarget, SaidComment } from '#model/git/notify';
import { repositoryPlanMarkdown } from '#model/difference/plan-text';
import type { RepositoryPlan } from '#model/difference/stack-plan';
import type { Repository } from '#model/object/repository';
import { commentsRequest, createRequest, listRequest, readComments, readList, updateRequest, type ForgeRequest, type MergeRequest } from './merge-requests.ts';

export interface CommenterParts {
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
  /** What a ref of the repository would do. */
  plan: (repository: string, ref: string) => Promise<RepositoryPlan>;
}

/** Commits come in flocks. */
const quietMs = 1_000;
/** Nobody tells of a merge request that is opened, but for a webhook. */
const againMs = 60_000;
const answerMs = 10_000;
const largestAnswerBytes = 4 * 1024 * 1024;
const longestComment = 60_000;

/** The forge does not take it now; it may later. */
class NotTaken extends Error {}

export class Commenter {
  readonly #parts: CommenterParts;
  readonly #looks: Repeater;
  readonly #stop = new AbortController();
  /** By repository and target: what was said of it last, so that it is said once. */
  readonly #troubled = new Set<string>();

  constructor(parts: CommenterParts) {
    this.#parts = parts;
    this.#looks = new Repeater(() => this.#look(), parts.clock);
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
    let some = false;
    for (const repository of [...(await this.#parts.cluster.read()).list('repository')]) {
      for (const target of (repository.Notify ?? []).filter(({ MergeRequests }) => MergeRequests)) {
        if (this.#stop.signal.aborted) return;
        some = true;
        await this.#comment(repository, target).then(
          () => this.#troubled.delete(target.ID),
          (error: unknown) => this.#warn(repository, target, error as Error),
        );
      }
    }
    if (some) this.#looks.askIn(againMs);
  }

  /** Its words may name the address; a forge's is none that must be hidden. */
  #warn({ Spec: { Name } }: Repository, { ID, Kind }: NotifyTarget, error: Error): void {
    if (this.#stop.signal.aborted || this.#troubled.has(ID)) return;
    this.#troubled.add(ID);
    this.#parts.logger.warn({ repository: Name, kind: Kind, error: error.message }, 'merge requests cannot be commented on now: it is tried again');
  }

  async #comment({ ID, Spec, Status }: Repository, target: NotifyTarget): Promise<void> {
    if (Status.Commit === undefined) return;
    const open = readList(target, Spec.Branch, await this.#ask(listRequest(target, Spec.Branch)));
    const before = (await this.#parts.cluster.read()).get('repository', ID)?.Comments?.filter(({ Target }) => Target === target.ID) ?? [];
    const said: SaidComment[] = [];
    for (const request of open) {
      if (this.#stop.signal.aborted) return;
      const known = before.find(({ Request }) => Request === request.number);
      const now = await this.#say(target, Spec.Name, request, `${request.head} ${Status.Commit}`, known);
      said.push({ Target: target.ID, ...now });
      // Noted one by one: what was said is not said again by whoever leads next.
      await this.#parts.cluster.submit(
        noteComments(ID, target.ID, [...said, ...before.filter((each) => !said.some(({ Request }) => Request === each.Request))]),
      );
    }
    // Those that are closed are forgotten.
    await this.#parts.cluster.submit(noteComments(ID, target.ID, said));
  }

  /** `state`: what the plan follows from; as long as it stands, nothing is planned anew. */
  async #say(target: NotifyTarget, name: string, request: MergeRequest, state: string, known: SaidComment | undefined): Promise<Omit<SaidComment, 'Target'>> {
    if (known?.State === state) return known;
    const mark = `<!-- shoal:${name} -->`;
    const text = `${mark}\n${await this.#planText(name, request)}`;
    const Digest = createHash('sha256').update(text).digest('hex');
    const { number: Request } = request;
    // Somebody may have led between the comment and its note.
    const Comment = known?.Comment ?? readComments(await this.#ask(commentsRequest(target, Request))).find(({ body }) => body.startsWith(mark))?.id;
    if (Comment !== undefined && known?.Digest === Digest) return { Request, Comment, Digest, State: state };
    const answer = await this.#ask(Comment === undefined ? createRequest(target, Request, text) : updateRequest(target, Request, Comment, text));
    const made = Comment ?? readComments([answer])[0]?.id;
    if (made === undefined) throw new NotTaken('it was answered without the id of the comment');
    return { Request, Comment: made, Digest, State: state };
  }

  /** Of a commit that cannot be read: why. */
  async #planText(name: string, { ref, head }: MergeRequest): Promise<string> {
    const lines = await this.#parts
      .plan(name, ref)
      .then(repositoryPlanMarkdown, (error: Error) => [
        `**Repository ${name} at commit ${head.slice(0, 12)} cannot be planned.**`,
        '',
        ...error.message.split('\n').map((line) => `- \`${line.replaceAll('`', "'")}\``),
      ]);
    const text = lines.join('\n');
    return text.length <= longestComment ? text : `${text.slice(0, longestComment)}\n…`;
  }

  async #ask({ url, method, headers, body }: ForgeRequest): Promise<unknown> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerMs)]);
    const answer = await fetch(url, { method, headers, redirect: 'manual', signal, ...(body !== undefined && { body }) });
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of answer.body ?? []) {
      size += part.length;
      // Leaving the loop ends the answer.
      if (size > largestAnswerBytes) throw new NotTaken(`the answer is larger than ${largestAnswerBytes} bytes`);
      parts.push(part);
    }
    if (!answer.ok) throw new NotTaken(`it was answered with status ${answer.status}`);
    try {
      return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
    } catch {
      throw new NotTaken('the answer is no JSON');
    }
  }
}

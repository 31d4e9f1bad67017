/** Use cases of telling: who is told, what is to be said, and that it was said. All of it lies in the store, so that it is said whoever leads: once, or twice where the leader ends between the two. */
import { timeText } from '#base/clock';
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { isConfidential } from '#base/text/confidential';
import { forgeKinds, type AskedTarget, type NotifyTarget, type OutboxMessage, type Said, type SaidComment, type Told } from '#model/git/notify';
import type { Repository } from '#model/object/repository';
import { update } from '#store/action';
import type { UseCase } from '../cluster.ts';
import { findObject, shortened } from '../find.ts';
import { changesOf, newsOf, type FoundCommits } from './told/news.ts';

const mostTargets = 10;
/** The oldest goes first. */
const mostMessages = 100;
/** What came with a commit is long: it is kept with the newest, and the others are said without. */
const mostWithChanges = 10;
const longestText = 4096;

export function addTarget(ref: string, asked: AskedTarget): UseCase<{ ID: string }> {
  return (view, { newId }) => {
    const repository = findObject(view, 'repository', ref);
    const targets = repository.Notify ?? [];
    if (targets.length >= mostTargets) throw new Refusal('failedPrecondition', `repository ${repository.Spec.Name} tells ${mostTargets} already: remove some`);
    checkTarget(asked);
    checkMergeRequests(repository, asked);
    const target: NotifyTarget = { ID: newId(), ...asked };
    return { actions: [update('repository', { ...repository, Notify: [...targets, target] })], result: { ID: target.ID } };
  };
}

/** `id` may be shortened. */
export function removeTarget(ref: string, id: string): UseCase<void> {
  return (view) => {
    const repository = findObject(view, 'repository', ref);
    const found = shortened(repository.Notify ?? [], id);
    const [target] = found;
    if (!target || found.length > 1) throw new Refusal('notFound', `repository ${repository.Spec.Name} tells nobody ${id}`);
    if (target.Declared) throw new Refusal('failedPrecondition', `repository ${repository.Spec.Name} tells it because its shoal.yml says so: change it there`);
    const Notify = (repository.Notify ?? []).filter((each) => each !== target);
    const Outbox = (repository.Outbox ?? []).filter(({ Target }) => Target !== target.ID);
    const { Comments = [], ...rest } = withLists(repository, { Notify, Outbox });
    const left = Comments.filter(({ Target }) => Target !== target.ID);
    return { actions: [update('repository', { ...rest, ...(left.length > 0 && { Comments: left }) })], result: undefined };
  };
}

/** Notes what is to be said now, where that is something new, with what came with the commit as far as somebody found out (`list`). Nothing new: no entry. */
export function noteVerdict(id: string, list?: FoundCommits): UseCase<void> {
  return (view, { now, newId }) => {
    const news = newsOf(view, id, now);
    if (!news) return { actions: [], result: undefined };
    const { repository, verdict, good, ended } = news;
    const said: Said = { ...verdict, At: timeText(now) };
    const isEnd = verdict.State !== 'pending';
    const isSaid = isEnd && news.isNewEnd;
    const Ended = isSaid ? said : ended;
    const Good = verdict.State === 'success' ? { Commit: said.Commit, At: said.At } : good;
    const Told: Told = { ...said, ...(Ended && { Ended }), ...(Good && { Good }) };
    const Changes = isEnd ? changesOf(view, repository, verdict, good, list) : undefined;
    const messages = (repository.Notify ?? [])
      .filter(({ Kind }) => forgeKinds.has(Kind) || isSaid)
      .map(({ ID: Target }): OutboxMessage => ({ ID: newId(), Target, ...said, ...(Changes && { Changes }) }));
    const all = [...(repository.Outbox ?? []).filter((each) => !isOutdone(each, messages)), ...messages].slice(-mostMessages);
    const Outbox = all.map((message, at) => (at < all.length - mostWithChanges ? withoutChanges(message) : message));
    return { actions: [update('repository', { ...withLists(repository, { Outbox }), Told })], result: undefined };
  };
}

/** It was said, or nobody would ever take it. */
export function messageSaid(id: string, message: string): UseCase<void> {
  return (view) => {
    const repository = view.get('repository', id);
    if (!repository?.Outbox?.some(({ ID }) => ID === message)) return { actions: [], result: undefined };
    return { actions: [update('repository', withLists(repository, { Outbox: repository.Outbox.filter(({ ID }) => ID !== message) }))], result: undefined };
  };
}

/** What is said now on merge requests at one forge. Nothing new: no entry. */
export function noteComments(id: string, target: string, said: readonly SaidComment[]): UseCase<void> {
  return (view) => {
    const repository = view.get('repository', id);
    if (!repository?.Notify?.some(({ ID }) => ID === target)) return { actions: [], result: undefined };
    const { Comments = [], ...rest } = repository;
    const all = [...Comments.filter(({ Target }) => Target !== target && rest.Notify?.some(({ ID }) => ID === Target)), ...said];
    if (equal(all, Comments)) return { actions: [], result: undefined };
    return { actions: [update('repository', { ...rest, ...(all.length > 0 && { Comments: all }) })], result: undefined };
  };
}

function withoutChanges({ Changes: _long, ...message }: OutboxMessage): OutboxMessage {
  return message;
}

/** What is to be said of the same commit to the same one takes its place. */
function isOutdone({ Target, Commit }: OutboxMessage, messages: readonly OutboxMessage[]): boolean {
  return messages.some((message) => message.Target === Target && message.Commit === Commit);
}

function withLists(repository: Repository, lists: Pick<Repository, 'Notify' | 'Outbox'>): Repository {
  const { Notify = repository.Notify ?? [], Outbox = repository.Outbox ?? [] } = lists;
  const { Notify: _targets, Outbox: _messages, ...rest } = repository;
  return { ...rest, ...(Notify.length > 0 && { Notify }), ...(Outbox.length > 0 && { Outbox }) };
}

/** What is pushed to the cluster itself has no merge requests anywhere. */
export function checkMergeRequests({ Spec }: Pick<Repository, 'Spec'>, { MergeRequests }: AskedTarget): void {
  if (MergeRequests && Spec.Hosted)
    throw new Refusal('failedPrecondition', `repository ${Spec.Name} is pushed to the cluster: no forge has merge requests of it that could be read`);
}

export function checkTarget({ Kind, URL: url, Project, Secret, MergeRequests }: AskedTarget): void {
  if ([url, Secret, Project].some((text) => (text?.length ?? 0) > longestText))
    throw new Refusal('invalidArgument', `an address, a project or a secret has at most ${longestText} characters`);
  if (!isConfidential(url) || /[\s@]/.test(url))
    throw new Refusal('invalidArgument', 'what is told goes over https:// (http:// on this machine alone), to an address without a login');
  if (/[\u0000-\u001f\u007f]/.test(`${url}${Secret ?? ''}`)) throw new Refusal('invalidArgument', 'an address and a secret are one line of text');
  if (!URL.canParse(url)) throw new Refusal('invalidArgument', 'this is no address: its host or its port cannot be');
  const forge = forgeKinds.has(Kind);
  // It goes out in a header.
  if (forge && /[^\u0000-\u00ff]/.test(Secret ?? '')) throw new Refusal('invalidArgument', 'a token has no characters beyond Latin-1');
  if (forge && (Project === undefined || !/^[\w.-]+(\/[\w.-]+)+$/.test(Project)))
    throw new Refusal('invalidArgument', `${Kind} needs a project, such as team/stacks`);
  if (!forge && Project !== undefined) throw new Refusal('invalidArgument', `${Kind} has no project`);
  if (!forge && MergeRequests) throw new Refusal('invalidArgument', `${Kind} has no merge requests`);
  if (forge && Secret === undefined) throw new Refusal('invalidArgument', `${Kind} needs a token`);
  if (Kind === 'slack' && Secret !== undefined) throw new Refusal('invalidArgument', 'slack has no secret beside its address');
}

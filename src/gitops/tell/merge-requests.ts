/** What forges are asked about merge requests, and how their answers are read: each in its own words. */
import type { NotifyTarget } from '#model/git/notify';
import { forgeHeaders, type TellRequest } from './request.ts';

export interface MergeRequest {
  number: number;
  /** Its newest commit, as the forge says. */
  head: string;
  /** What leads there in the repository. */
  ref: string;
}

export interface ForgeComment {
  id: string;
  body: string;
}

/** `body` absent: it is asked, and nothing is sent. */
export type ForgeRequest = Omit<TellRequest, 'body'> & { method: 'GET' | 'POST' | 'PATCH' | 'PUT'; body?: string };

const mostRequests = 50;
const mostComments = 100;

export function listRequest(target: NotifyTarget, branch: string): ForgeRequest {
  const base = encodeURIComponent(branch);
  if (target.Kind === 'gitlab') return ask(target, `/merge_requests?state=opened&target_branch=${base}&order_by=updated_at&per_page=${mostRequests}`);
  return ask(
    target,
    `/pulls?state=open&base=${base}&sort=${target.Kind === 'github' ? 'updated&direction=desc' : 'recentupdate'}&per_page=${mostRequests}&limit=${mostRequests}`,
  );
}

/** What is no merge request into the branch is left out, and so is what the forge says beyond bounds. */
export function readList({ Kind }: NotifyTarget, branch: string, answer: unknown): MergeRequest[] {
  return listOf(answer).flatMap((item): MergeRequest[] => {
    const { number, iid, sha, target_branch: into } = item;
    const of = Kind === 'gitlab' ? { number: iid, head: sha, into } : { number, head: field(item['head'], 'sha'), into: field(item['base'], 'ref') };
    if (!Number.isSafeInteger(of.number) || typeof of.head !== 'string' || !/^[0-9a-f]{40,64}$/.test(of.head) || of.into !== branch) return [];
    const ref = Kind === 'gitlab' ? `refs/merge-requests/${String(of.number)}/head` : `refs/pull/${String(of.number)}/head`;
    return [{ number: Number(of.number), head: of.head, ref }];
  });
}

export function commentsRequest(target: NotifyTarget, number: number): ForgeRequest {
  return ask(target, `${talkOf(target, number)}?per_page=${mostComments}${target.Kind === 'gitlab' ? '&sort=asc' : ''}`);
}

export function readComments(answer: unknown): ForgeComment[] {
  return listOf(answer).flatMap(({ id, body }) => (Number.isSafeInteger(id) && typeof body === 'string' ? [{ id: String(id), body }] : []));
}

export function createRequest(target: NotifyTarget, number: number, body: string): ForgeRequest {
  return { ...ask(target, talkOf(target, number)), method: 'POST', body: JSON.stringify({ body }) };
}

export function updateRequest(target: NotifyTarget, number: number, comment: string, body: string): ForgeRequest {
  const path = target.Kind === 'gitlab' ? `${talkOf(target, number)}/${comment}` : `/issues/comments/${comment}`;
  return { ...ask(target, path), method: target.Kind === 'gitlab' ? 'PUT' : 'PATCH', body: JSON.stringify({ body }) };
}

/** Where a merge request is talked about. */
function talkOf({ Kind }: NotifyTarget, number: number): string {
  return Kind === 'gitlab' ? `/merge_requests/${number}/notes` : `/issues/${number}/comments`;
}

function ask(target: NotifyTarget, path: string): ForgeRequest {
  const root = target.URL.replace(/\/+$/, '');
  const project = target.Kind === 'gitlab' ? `/projects/${encodeURIComponent(target.Project ?? '')}` : `/repos/${target.Project ?? ''}`;
  return { method: 'GET', url: `${root}${project}${path}`, headers: forgeHeaders(target) };
}

type Fields = Readonly<Record<string, unknown>>;

function listOf(value: unknown): Fields[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, mostComments).filter((item): item is Fields => typeof item === 'object' && item !== null);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[name] : undefined;
}

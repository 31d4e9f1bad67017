/** A request of Git's smart HTTP protocol for a repository that the cluster holds. */

export const gitServices = ['/info/refs', '/git-upload-pack', '/git-receive-pack'] as const;

export interface GitRequest {
  method: string;
  service: (typeof gitServices)[number];
  /** Without the question mark. */
  query: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as it comes, to be read once and to its end, also by whoever has no use for it any more: who sends it reads no answer before. Throws where it breaks off. */
  body: AsyncIterable<Uint8Array>;
  /** Who asks, for git's own records. */
  user: string;
  /** Id of the token that was shown; absent: whoever asks is root on a manager. */
  token?: string;
}

/** Of a push: what is larger than a repository may be git refuses, and says so, while the rest of it comes. A slow line has its time. */
const pushBounds = { bytes: 256 * 1024 * 1024, waitedMs: 5 * 60_000 };
/** Of a fetch: what is wanted, and what is there. */
const fetchBounds = { bytes: 1024 * 1024, waitedMs: 30_000 };

/** Most bytes of a request's body, and how long its sender is waited for altogether. */
export function bodyBounds(service: GitRequest['service']): { bytes: number; waitedMs: number } {
  return service === '/git-receive-pack' ? pushBounds : fetchBounds;
}

/** Requests that git answers at a time; of one repository, and of one token: who may read one keeps nobody from the others, nor who else may come to it. */
const mostAtOnce = 16;
const mostOfOne = 8;
const mostOfToken = 4;

/** Whether there is a place beside those that are served. */
export function hasPlace(served: Iterable<{ id: string; user: string }>, { id, user }: { id: string; user: string }): boolean {
  const all = [...served];
  const own = all.filter((each) => each.id === id);
  return all.length < mostAtOnce && own.length < mostOfOne && own.filter((each) => each.user === user).length < mostOfToken;
}

/** Whether it asks to push. */
export function asksToPush({ service, query }: Pick<GitRequest, 'service' | 'query'>): boolean {
  return service === '/git-receive-pack' || new URLSearchParams(query).get('service') === 'git-receive-pack';
}

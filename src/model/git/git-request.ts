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
}

/** Bytes of a request's body. What is larger than a repository may be git refuses, and says so, while the rest of it comes. */
export const largestGitBody = 256 * 1024 * 1024;

/** Whether it asks to push. */
export function asksToPush({ service, query }: Pick<GitRequest, 'service' | 'query'>): boolean {
  return service === '/git-receive-pack' || new URLSearchParams(query).get('service') === 'git-receive-pack';
}

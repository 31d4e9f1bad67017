/** A request of Git's smart HTTP protocol for a repository that the cluster holds. */

export const gitServices = ['/info/refs', '/git-upload-pack', '/git-receive-pack'] as const;

export interface GitRequest {
  method: string;
  service: (typeof gitServices)[number];
  /** Without the question mark. */
  query: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Gives the body, once: nobody keeps it while git's answer goes on, which is as long as a rollout. */
  takeBody: () => Uint8Array;
  /** Who asks, for git's own records. */
  user: string;
}

export function givenOnce(bytes: Uint8Array): () => Uint8Array {
  let held: Uint8Array | undefined = bytes;
  return () => {
    const given = held ?? new Uint8Array();
    held = undefined;
    return given;
  };
}

/** Bytes of a request's body: what a repository may hold, and what git says around it. */
export const largestGitBody = 32 * 1024 * 1024;

/** Whether it asks to push. */
export function asksToPush({ service, query }: Pick<GitRequest, 'service' | 'query'>): boolean {
  return service === '/git-receive-pack' || new URLSearchParams(query).get('service') === 'git-receive-pack';
}

/** Who is told what became of a repository's commits, and what is still to be said. */

/** Forges take the status of a commit; the others a message. */
export const notifyKinds = ['github', 'gitlab', 'gitea', 'slack', 'webhook'] as const;
export const forgeKinds: ReadonlySet<string> = new Set(['github', 'gitlab', 'gitea']);

export interface NotifyTarget {
  ID: string;
  Kind: (typeof notifyKinds)[number];
  /** Of a forge its API's root, else what is posted to. Of messages it is a secret itself, and never shown whole. */
  URL: string;
  /** `owner/name` at a forge. */
  Project?: string;
  /** A forge's token, or what a webhook's body is signed with. Never shown. */
  Secret?: string;
  /** Of a forge: each merge request into the branch gets a comment that says what it would do. */
  MergeRequests?: boolean;
  /** The repository's own file names it; absent: an operator did. */
  Declared?: true;
}

/** As somebody asks for it. */
export type AskedTarget = Omit<NotifyTarget, 'ID' | 'Declared'>;

/** The one comment on a merge request. */
export interface SaidComment {
  /** Id. */
  Target: string;
  /** Its number at the forge. */
  Request: number;
  /** Its id at the forge. */
  Comment: string;
  /** SHA-256 of what was said, hex. */
  Digest: string;
  /** The commits that it follows from: its newest, and the one that is followed. */
  State: string;
}

export interface Verdict {
  Commit: string;
  State: 'pending' | 'success' | 'failure';
  /** For people. */
  Text: string;
}

/** What was said last of the newest commit. */
export interface Told extends Verdict {
  /** RFC 3339 */
  At: string;
}

/** On its way to one of them; gone when it is said, or given up. */
export interface OutboxMessage extends Told {
  ID: string;
  /** Id. */
  Target: string;
}

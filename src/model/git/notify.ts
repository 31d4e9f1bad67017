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

/** A verdict, and when it was said. */
export interface Said extends Verdict {
  /** RFC 3339 */
  At: string;
}

/** What was said last of the newest commit. */
export interface Told extends Said {
  /** The last success or failure: while it stands, its failure is said once an hour, however often it is tried meanwhile. Absent: this is it, where it is one. */
  Ended?: Said;
  /** The last commit that was well, and when that was said: what comes is told from there on. Absent: this is it, where it is well. */
  Good?: Pick<Said, 'Commit' | 'At'>;
}

/** On its way to one of them; gone when it is said, or given up. */
export interface OutboxMessage extends Said {
  ID: string;
  /** Id. */
  Target: string;
  /** What came with the commit; absent: it is not known, or the verdict is none yet. */
  Changes?: ToldChanges;
}

export interface ToldChanges extends CommitList {
  /** The commit that was well last; absent: none was. */
  Since?: string;
  Stacks: readonly ToldStack[];
  /** Stacks that changed as well and are left out. */
  MoreStacks?: number;
}

export interface ToldCommit {
  ID: string;
  Subject: string;
  Author: string;
}

/** Commits that one has and another one has not. */
export interface CommitList {
  /** Newest first. */
  Commits: readonly ToldCommit[];
  /** How many are left out. */
  More?: number;
  /** There may be more than those. */
  Endless?: true;
  /** The other one is not among what came before: the history was rewritten. */
  Rewritten?: true;
}

/** What changed of a stack, and why it is not as the commit wants it. */
export interface ToldStack {
  Name: string;
  /** A line each: a service and its field, or an object that comes or goes. */
  Lines: readonly string[];
  /** Lines that are left out. */
  More?: number;
  /** Of a stack that failed: why. */
  Failed?: string;
  /** Of a stack that failed: the commit that it has now; absent: none. */
  Runs?: string;
}

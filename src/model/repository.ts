/** A Git repository of stacks that the reconciler follows. */
import type { Meta } from './meta.ts';
import type { RepositoryState } from './states.ts';

export interface RepositorySpec {
  Name: string;
  /** Local path, file://, https:// or ssh://. */
  URL: string;
  Branch: string;
  /** Folder inside the repository whose sub-folders are the stacks. */
  Path: string;
  /** Nanoseconds between polls. */
  Interval: number;
}

export interface Repository extends Meta {
  Spec: RepositorySpec;
  Status: RepositoryStatus;
  /** The one commit whose removals somebody has seen and allowed; gone when they are done. */
  Confirmed?: { Commit: string };
  /** Set: nothing is written for it, and what would be written is still said. */
  Suspended?: { Since: string };
}

export interface RepositoryStatus {
  /** As the last look left it; how its stacks fare comes on top when it is shown. */
  State: Exclude<RepositoryState, 'suspended'>;
  /** Head of the branch that was last rendered. */
  Commit?: string;
  Message: string;
  /** RFC 3339 of the last change of State or Commit. */
  Since: string;
  /** Stacks of this repository that could not be stored as such: folder → errors. */
  Refused?: Readonly<Record<string, readonly string[]>>;
  /** Stacks whose change waits for a word of the operator's: folder → why, and the word. */
  Held?: Readonly<Record<string, string>>;
}

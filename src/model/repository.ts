/** A Git repository of stacks that the reconciler follows. */
import type { Meta } from './meta.ts';

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
}

export interface RepositoryStatus {
  State: 'pending' | 'synced' | 'degraded' | 'unavailable';
  /** Head of the branch that was last rendered. */
  Commit?: string;
  Message: string;
  /** RFC 3339 of the last change of State or Commit. */
  Since: string;
  /** Stacks of this repository that could not be stored as such: folder → errors. */
  Refused?: Readonly<Record<string, readonly string[]>>;
  /** Stacks that were applied and did not hold: stack → which service was rolled back or stopped, and why. */
  Failed?: Readonly<Record<string, readonly string[]>>;
}

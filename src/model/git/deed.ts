/** What somebody did to a stack or a repository: an entry of its log, each sealed with the one before it. */

export type DeedKind =
  // Of stacks.
  | 'deployed'
  | 'rolled back'
  | 'given up'
  | 'good'
  | 'failed'
  | 'retried'
  | 'adopted'
  | 'released'
  // Of repositories.
  | 'added'
  | 'changed'
  | 'confirmed'
  | 'thawed'
  | 'synced'
  // Of both.
  | 'suspended'
  | 'resumed'
  | 'removed';

export interface Deed {
  Spec: {
    /** `ID#3`: the log's, and the number. */
    Name: string;
    /** Id of the stack's or the repository's record. */
    Of: string;
    /** Counted from 1, without a gap. */
    Number: number;
    /** RFC 3339 */
    Time: string;
    /** As they say themselves; `shoal`: nobody asked for it. */
    Who: string;
    What: DeedKind;
    Commit?: string;
    /** Fingerprint of the plan that was carried out. */
    Plan?: string;
    /** Why, in the words of whoever allowed it, or what was done. */
    Reason?: string;
    /** Number of the revision that came, or of which it was said. */
    Revision?: number;
    /** Seal of that revision, as it was then. */
    Content?: string;
  };
  /** Before '': it is the first. */
  Chain: { Before: string; Seal: string };
}

/** Of a log, in its record: what must be there. */
export interface LogHead {
  /** Of the first entry that is kept, and of the newest. */
  First: number;
  Number: number;
  /** Of a stack: its revisions by number, each with its seal. */
  Revisions?: Readonly<Record<string, string>>;
  /** Over all that, with the newest entry's. */
  Seal: string;
}

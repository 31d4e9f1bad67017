/** What was found of the log of a stack or a repository. */
export interface LogCheck {
  /** Entries that are kept, and of a stack its revisions. */
  Entries: number;
  Revisions: number;
  /** Seal of the entry before the first one that is kept; '': there was none. */
  Before: string;
  /** Seal of the newest; '': nothing is logged yet. Who keeps it elsewhere can tell later that nothing before it was changed. */
  Head: string;
  /** The first place at which it is not as it was written: `entry 3`, `revision 2`. */
  Broken?: { At: string; Why: string };
}

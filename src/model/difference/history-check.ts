/** What was found of a stack's history. */
export interface HistoryCheck {
  /** Revisions that are kept, and those of them that are sealed: older programs sealed none. */
  Entries: number;
  Sealed: number;
  /** Seal of the entry before the first one that is sealed and kept; '': there was none. */
  Before: string;
  /** Seal of the newest: who keeps it elsewhere can tell later that nothing before it was changed. */
  Head: string;
  /** The first entry that is not as it was written. */
  Broken?: { Number: number; Why: string };
}

/** The error of a manager whose state is not the one that the log makes elsewhere. */

/** What this manager holds must not be trusted, and what it would decide even less: it ends, and stays ended until someone acts. */
export class Divergence extends Error {
  override readonly name = 'Divergence';
  constructor(
    /** Log index of the last entry of the state that was compared. */
    readonly index: number,
    readonly expected: string,
    readonly found: string,
  ) {
    super(
      `the state of this manager at entry ${index} (${found}) is not the one that its leader had there (${expected}): it must not serve any more. ` +
        'Keep a copy of its state folder for a report of the defect; then remove this manager from the cluster and join it again with an empty state folder. ' +
        'Where it is the only manager, start the version that ran before',
    );
  }
}

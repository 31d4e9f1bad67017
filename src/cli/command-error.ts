/** How a command ends other than well; `main` prints the message and leaves with the code. */

export const exitCodes = {
  converged: 0,
  refused: 1,
  usage: 2,
  rolledBack: 3,
  notConverged: 4,
  /** Another version took the place of the one that was waited for. */
  superseded: 5,
  /** A plan that was asked to say so found something to change. */
  changes: 6,
} as const;

export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    message: string,
    readonly exitCode: number = exitCodes.refused,
  ) {
    super(message);
  }
}

/** The error of a member that no longer holds what it had promised. */

/**
 * This member lost entries, its term or its vote after others had counted on them. Its word counts no more: it must not
 * vote or acknowledge under its id again, and comes back as a new member.
 */
export class Amnesia extends Error {
  override readonly name = 'Amnesia';
  constructor(
    message: string,
    /** What others count on, and what is there. */
    readonly facts: { readonly promised: number; readonly held: number },
  ) {
    super(message);
  }
}

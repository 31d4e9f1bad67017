/** Requests and certificates cost milliseconds each: where many nodes come at once, one after the other leaves the event loop to others in between. */
import { Refusal } from '#base/refusal';

/**
 * Who waits behind so many is told at once to come again.
 * @internal
 */
export const longestLine = 256;

export class SigningLine {
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Carries out `work` when all that came before is done. Refuses where too much waits already. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= longestLine) throw new Refusal('unavailable', 'too many nodes ask for certificates at once: try again in a few seconds');
    this.#waiting++;
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#waiting--;
    }
  }
}

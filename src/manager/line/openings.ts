/** Sessions that a node may open in a while: each may be an entry of the log, and is the node's whole set. */
import { RateLimit } from '#base/pace/rate-limit';
import { Refusal } from '#base/refusal';

const openings = { limit: 10, windowMs: 8000 };

export class Openings {
  readonly #counted = new RateLimit(openings.limit, openings.windowMs);

  /** Those that come to be: who asks a manager that does not lead yet, or is not heard in time, has to ask again. Refuses `unavailable` one too many. */
  count(nodeId: string, now: number): void {
    if (this.#counted.waitMs(nodeId, now) > 0) {
      throw new Refusal('unavailable', `node ${nodeId} opens sessions too often: ${openings.limit} in ${openings.windowMs / 1000} s are taken`);
    }
    this.#counted.count(nodeId, now);
  }
}

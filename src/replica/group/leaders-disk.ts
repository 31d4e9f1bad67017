/** Whether the disk of who leads keeps the others waiting, or takes nothing: they are better off with another leader. */
import { Writes } from './writes.ts';

const firstMs = 2000;
/** The others' disks may be full too: a leadership that goes round helps nobody. */
const longestMs = 300_000;

export class LeadersDisk {
  readonly writes: Writes;
  /** Until it is looked at again for being full, and from then on; monotonic milliseconds. */
  #everyMs = firstMs;
  #next = 0;

  /** @param tickMs how often it is looked at */
  constructor(tickMs: number) {
    this.writes = new Writes(tickMs);
  }

  /** With each tick, at `now`: what is wrong with it, as long as this member leads others. `stalledMs`: so long may a write take. */
  look(now: number, { leadsOthers, isFull, stalledMs }: { leadsOthers: boolean; isFull: boolean; stalledMs: number }): 'stalled' | 'full' | undefined {
    const waitedMs = this.writes.look(now);
    if (!isFull) this.#everyMs = firstMs;
    if (!leadsOthers) return undefined;
    if (waitedMs >= stalledMs) return 'stalled';
    if (!isFull || now < this.#next) return undefined;
    this.#next = now + this.#everyMs;
    this.#everyMs = Math.min(2 * this.#everyMs, longestMs);
    return 'full';
  }
}

/** What the reconciler did and why, for whoever listens, for whoever comes late, and for the log. */
import { timeText, type Clock } from '#base/clock';
import { Listeners } from '#base/listeners';
import type { Logger } from '#base/logger';
import type { HealthState } from '#model/object/states';

export interface ReconcileEvent {
  /** RFC 3339 */
  time: string;
  type: 'stack' | 'repository';
  name: string;
  action:
    | 'applied'
    | 'held'
    | 'pending'
    | 'refused'
    | 'drift reverted'
    | 'rolled back'
    | 'thawed'
    | 'declared'
    | 'leaving'
    | 'returned'
    | 'release'
    | 'removed'
    | 'noted'
    | 'synced'
    | 'degraded'
    | 'unavailable'
    | HealthState;
  message: string;
}

const kept = 256;

export class ReconcileEvents {
  readonly #listeners: Listeners<ReconcileEvent>;
  readonly #recent: ReconcileEvent[] = [];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #logger: Logger;

  constructor({ clock, logger }: { clock: Pick<Clock, 'now'>; logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
    this.#listeners = new Listeners(logger, 'the reconciler');
  }

  tell(what: Omit<ReconcileEvent, 'time'>): void {
    const event = { time: timeText(this.#clock.now()), ...what };
    this.#logger.info(what, `${what.type} ${what.name}: ${what.action}`);
    this.#recent.push(event);
    if (this.#recent.length > kept) this.#recent.shift();
    this.#listeners.tell(event);
  }

  /** The last 256, oldest first. */
  recent(): readonly ReconcileEvent[] {
    return this.#recent;
  }

  /** Returns the way out. */
  watch(listener: (event: ReconcileEvent) => void): () => void {
    return this.#listeners.add(listener);
  }
}

/** What a manager does while it leads, for one term: begun whole, ended whole. */
import { assert } from '#base/assert';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { Manager, type ManagerOptions, type ManagerParts } from './manager.ts';
import { Sessions } from './sessions.ts';

/** Something that only a leader does. `stop` also ends what `start` has begun so far. */
export interface Duty {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface DutiesParts extends Omit<ManagerParts, 'random' | 'term'> {
  random: Random;
  /** Further duties of this term over its manager, begun in this order and ended in the opposite one. One that was refused is made anew: what was stopped is over. */
  further: (manager: Manager) => readonly (() => Duty)[];
}

/** Before a duty is begun again that was refused. */
const retryMs = 1000;

export class LeaderDuties {
  readonly term: number;
  readonly manager: Manager;
  readonly sessions: Sessions;
  readonly #parts: Pick<DutiesParts, 'clock' | 'logger'>;
  readonly #further: readonly (() => Duty)[];
  readonly #onlyRequests: boolean;
  readonly #begun: Duty[] = [];
  #endPause: () => void = () => {};
  #ending = false;
  #state: 'new' | 'begun' | 'revoked' = 'new';

  constructor(term: number, options: ManagerOptions, { further, ...parts }: DutiesParts) {
    this.term = term;
    this.#parts = parts;
    this.manager = new Manager(options, { ...parts, term });
    const { state, resting, clock, random, meter, logger } = parts;
    this.sessions = new Sessions({ submit: (useCase) => this.manager.submit(useCase), state, resting, clock, random, meter, logger });
    this.#onlyRequests = options.onlyRequests === true;
    this.#further = further(this.manager);
  }

  /** True until leadership is gone. */
  get hold(): boolean {
    return this.#state !== 'revoked';
  }

  /** The node gives up its seat: what cannot be begun now is not tried again. */
  end(): void {
    this.#ending = true;
    this.#endPause();
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** Rejects with a refusal when leadership goes, or the seat is given up, while it begins. */
  async start(): Promise<void> {
    assert(this.#state !== 'begun', `the duties of term ${this.term} begin once`);
    if (this.#state === 'revoked') return;
    this.#state = 'begun';
    this.manager.start();
    if (this.#onlyRequests) return;
    await this.#insist(() => this.sessions, 'serve the nodes');
    for (const [at, make] of this.#further.entries()) {
      if (!this.hold || this.#ending) return;
      await this.#insist(() => (this.#begun[at] = make()), 'begin a duty of the leader');
    }
  }

  /** A refusal passes, as that of a full disk does: the leader stays in office and tries again. */
  async #insist(make: () => { start(): Promise<void>; stop(): void | Promise<void> }, what: string): Promise<void> {
    for (;;) {
      const duty = make();
      try {
        return await duty.start();
      } catch (error) {
        if (!this.hold || this.#ending || !(error instanceof Refusal)) throw error;
        this.#parts.logger.warn({ term: this.term, error: error.message }, `cannot ${what} yet: tried again in a second`);
        await duty.stop();
        await this.#pause();
        if (!this.hold || this.#ending) throw error;
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(retryMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  /** In the turn in which leadership goes: nothing new is decided, nobody is served. */
  revoke(): void {
    this.#state = 'revoked';
    this.#endPause();
    this.manager.revoke();
    this.sessions.stop();
  }

  /** Resolves when nothing of this term runs any more. */
  async stop(): Promise<void> {
    // What a duty still has under way may be answered by an entry that is under way.
    for (const duty of this.#begun.toReversed()) await duty.stop();
    this.revoke();
    await this.manager.stop();
  }
}

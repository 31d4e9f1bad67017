/** Brings one decision after the other into the log. */
import { assert } from '#base/assert';
import { nextTurn, type Clock } from '#base/clock';
import { turnOf } from '#base/pace/turn';
import { Refusal } from '#base/refusal';
import { EntryEncoder } from '#replica/entry-format';
import type { Outcome, ReplicatedLog } from '#replica/replicated-log';
import type { Action, Answer } from '#store/action';
import type { Store } from '#store/store';

export interface ProposerParts {
  log: ReplicatedLog;
  store: Store;
  term: number;
  clock: Clock;
}

/** How often an entry carries the hash of the state it rests on, for all managers to compare with theirs. */
const checkEvery = { entries: 1000, ms: 60_000 };

/** From here on an entry is written in another turn than the one in which it was decided. */
export const manyActions = 50;

export class Proposer {
  readonly #parts: ProposerParts;
  #sinceCheck = checkEvery.entries;
  #checkedAt = 0;
  #proposing = false;

  constructor(parts: ProposerParts) {
    this.#parts = parts;
  }

  /**
   * Proposes what was decided on the present state. Nothing else is proposed until this resolves, so nothing comes in
   * between but what an earlier leader left; then the entry has no effect, and the outcome says so.
   */
  async propose(actions: readonly Action[], answers: readonly Answer[], now: number): Promise<Outcome> {
    assert(!this.#proposing, 'one decision is in the log before the next is proposed');
    this.#proposing = true;
    try {
      return await this.#write(actions, answers, now);
    } finally {
      this.#proposing = false;
    }
  }

  async #write(actions: readonly Action[], answers: readonly Answer[], now: number): Promise<Outcome> {
    const { log, store, term, clock } = this.#parts;
    const check = this.#check(now);
    const head = { now, base: store.index, term, ...(answers.length > 0 && { answers }), ...(check !== undefined && { check }) };
    // Deciding on many took its part of the turn already.
    let pause = actions.length > manyActions;
    const encoding = new EntryEncoder({ ...head, actions });
    for (; !encoding.done; pause = true) {
      if (pause) await nextTurn(clock);
      turnOf(clock).begin();
      written(() => encoding.step());
    }
    return log.propose(
      written(() => encoding.finish()),
      term,
    );
  }

  #check(now: number): string | undefined {
    this.#sinceCheck++;
    if (this.#sinceCheck < checkEvery.entries && now - this.#checkedAt < checkEvery.ms) return undefined;
    const hash = this.#parts.store.hashSoon();
    if (hash === undefined) return undefined;
    this.#sinceCheck = 0;
    this.#checkedAt = now;
    return hash;
  }
}

/** What no text can be made of is whoever's who asked for it: it must not end the manager, and the next one after it. */
function written<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal('invalidArgument', `an object cannot be written to the log: ${error.message}`);
    throw error;
  }
}

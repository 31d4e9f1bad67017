/** Nodes that were asked whether they go by what they were told, and do not answer: nobody waits for them before they do. */
import { type Clock, isDoneWithin } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Session } from '../session.ts';

/** A node that is well answers after ten seconds at most, also where its kernel is busy. */
const answerLimitMs = 15_000;

export class Unanswered {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #sessions = new WeakSet<Session>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Asks the node of `session`. Resolves with its answer, see `Session.applied`; with undefined where none comes in time, and at once while an earlier question is open for that long. */
  async ask(session: Session): Promise<boolean | undefined> {
    if (this.#sessions.has(session)) return undefined;
    const answered = session.applied();
    if (await isDoneWithin(this.#clock, answered, answerLimitMs)) return await answered;
    this.#notAnswered(session, answered);
    return undefined;
  }

  #notAnswered(session: Session, answered: Promise<boolean>): void {
    // Many may have waited for the same.
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    void answered.then(() => this.#sessions.delete(session));
    this.#logger.warn(
      { node: session.nodeId, limitMs: answerLimitMs },
      'a node does not say that it goes by what it was told: nobody waits for it any more, and its clients may be led to tasks that have ended; look whether its kernel or its network is stuck',
    );
  }
}

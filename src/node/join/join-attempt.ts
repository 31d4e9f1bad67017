/** One attempt to join a cluster, and the request that waits for it for a while. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { swarmTexts } from '#model/swarm-texts';

/** How long the request that began it waits: Docker's. */
export const joinLimitMs = 20_000;

export class JoinAttempt<T> {
  /** The certificate is here, or the cluster refused. */
  readonly joined: Promise<T>;
  /** Why the node is not in yet, once that was told. */
  problem: string | undefined;
  readonly #ending = new AbortController();
  readonly #entered: Promise<void>;
  readonly #clock: Clock;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(join: (signal: AbortSignal) => Promise<T>, clock: Clock) {
    this.#clock = clock;
    this.#entered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may be waiting any more when it ends.
    this.#entered.catch(() => undefined);
    this.joined = join(this.#ending.signal);
  }

  /** The node is in the cluster. */
  done(): void {
    this.#resolve();
  }

  failed(error: unknown): void {
    this.#reject(error);
  }

  abandon(): void {
    this.#ending.abort(new Refusal('unavailable', swarmTexts.notPart));
  }

  /** Resolves when the node is in; refuses with what refused it, or when that takes too long: then it goes on alone. */
  async within(limitMs: number, logger: Logger): Promise<void> {
    let cancel = (): void => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(limitMs, () => {
        this.problem = swarmTexts.joinTimeout;
        logger.warn({}, 'no manager has answered yet: joining goes on, until the node leaves or is restarted');
        reject(new Refusal('unavailable', swarmTexts.joinTimeout));
      });
    });
    try {
      await Promise.race([this.#entered, late]);
    } finally {
      cancel();
    }
  }
}

/** A manager's care that its disk is sealed with the key that the cluster names: at once, or when it is back. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import { Refusal } from '#base/refusal';
import type { ManagerSeat } from '#manager/manager-seat';
import type { ReplicatedState } from '#replica/state';
import { clusterOf } from '#store/view';
import type { CertificateKeeper } from './certificate-keeper.ts';
import type { NodeLock } from './node-lock.ts';

export interface SealFollowerParts {
  seat: Pick<ManagerSeat, 'read'>;
  state: Pick<ReplicatedState, 'watch' | 'onRestore'>;
  lock: NodeLock;
  keeper: Pick<CertificateKeeper, 'stage' | 'sealAgain'>;
  /** Of the log. */
  folder: string;
  clock: Clock;
  logger: Logger;
}

const retryMs = 1000;

export class SealFollower {
  readonly #parts: SealFollowerParts;
  #ways: (() => void)[] = [];
  readonly #looks: Repeater;
  #end: (nothing: undefined) => void = () => {};
  readonly #ended = new Promise<undefined>((resolve) => (this.#end = resolve));

  constructor(parts: SealFollowerParts) {
    this.#parts = parts;
    this.#looks = new Repeater(
      () => this.#follow(),
      (error) => this.#failed(error),
      parts.clock,
    );
  }

  start(): void {
    const { state } = this.#parts;
    const ask = (): void => this.#looks.ask();
    this.#ways = [state.watch((events) => events.some(({ kind }) => kind === 'cluster') && ask()), state.onRestore(ask)];
    ask();
  }

  async stop(): Promise<void> {
    for (const away of this.#ways) away();
    this.#end(undefined);
    await this.#looks.stop();
  }

  /** What this manager holds may be older than what its disk is sealed with already: only the newest counts. */
  async #follow(): Promise<void> {
    const { seat, lock, keeper, folder, logger } = this.#parts;
    // A manager that was let go is never brought what its read waits for: whoever stops this does not wait for that.
    const view = await Promise.race([seat.read(), this.#ended]);
    const cluster = view && clusterOf(view);
    const wanted = cluster?.Shoal?.UnlockKey;
    if (!cluster || this.#looks.stopped || wanted === lock.text) return;
    await lock.change(wanted, folder, keeper);
    logger.info(
      {},
      wanted === undefined
        ? 'managers are not locked any more: the keys on this disk lie open'
        : 'the keys on this disk are sealed with the unlock key of the cluster',
    );
  }

  #failed(error: unknown): void {
    if (!(error instanceof Refusal))
      this.#parts.logger.error(
        { error: (error as Error).message },
        'the keys on this disk could not be sealed as the cluster wants it: tried again every second',
      );
    this.#looks.askIn(retryMs);
  }
}

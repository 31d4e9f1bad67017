/** The leader's care for an exchange of the root: it is over when every node that is not down has a certificate of the new one. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { nodesToRotate } from '#ca/authority';
import type { Cluster } from '#control/cluster';
import { endRotation } from '#control/clusters';
import { clusterOf } from '#store/view';
import type { Duty } from '../leader-duties.ts';

export interface RootRotationParts {
  cluster: Cluster;
  /** The operating system's: tokens come of it. */
  random: Random;
  clock: Clock;
  logger: Logger;
}

const retryMs = 1000;

export class RootRotation implements Duty {
  readonly #parts: RootRotationParts;
  #unwatch: () => void = () => {};
  readonly #looks: Repeater;
  /** Where the root stays, what nodes become is of no account. */
  #rotating = false;

  constructor(parts: RootRotationParts) {
    this.#parts = parts;
    this.#looks = new Repeater(
      () => this.#end(),
      (error) => this.#failed(error),
      parts.clock,
    );
  }

  async start(): Promise<void> {
    this.#unwatch = this.#parts.cluster.watch((events) => {
      if (events.some(({ kind }) => kind === 'cluster' || (kind === 'node' && this.#rotating))) this.#looks.ask();
    });
    this.#looks.ask();
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.#looks.stop();
  }

  #failed(error: unknown): void {
    if (!(error instanceof Refusal)) throw error;
    this.#looks.askIn(retryMs);
  }

  async #end(): Promise<void> {
    const { cluster, random, logger } = this.#parts;
    const view = await cluster.read();
    const authority = clusterOf(view)?.Shoal?.Authority;
    this.#rotating = authority?.Rotation !== undefined;
    if (!authority?.Rotation || nodesToRotate(authority, view.list('node')).length > 0) return;
    if (await cluster.submit(endRotation(authority.Rotation.Certificate, (count) => random.bytes(count)))) {
      logger.info({}, 'every node that lives has a certificate of the new root: it is the only one from now on, and join tokens are new');
    }
  }
}

/** The leader's care for an exchange of the root: it is over when every node that is not down has a certificate of the new one. */
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { nodesToRotate } from '#ca/authority';
import { endRotation } from '#control/clusters';
import { clusterOf } from '#store/view';
import type { StoreEvent } from '#store/action';
import { LookingDuty, type LookingDutyParts } from '../looking-duty.ts';

export interface RootRotationParts extends LookingDutyParts {
  /** The operating system's: tokens come of it. */
  random: Random;
  logger: Logger;
}

const retryMs = 1000;

export class RootRotation extends LookingDuty<RootRotationParts> {
  /** Where the root stays, what nodes become is of no account. */
  #rotating = false;

  protected override concerns({ kind }: StoreEvent): boolean {
    return kind === 'cluster' || (kind === 'node' && this.#rotating);
  }

  protected override refused(): void {
    this.looks.askIn(retryMs);
  }

  protected override async look(): Promise<void> {
    const { cluster, random, logger } = this.parts;
    const view = await cluster.read();
    const authority = clusterOf(view)?.Shoal?.Authority;
    this.#rotating = authority?.Rotation !== undefined;
    if (!authority?.Rotation || nodesToRotate(authority, view.list('node')).length > 0) return;
    if (await cluster.submit(endRotation(authority.Rotation.Certificate, (count) => random.bytes(count)))) {
      logger.info({}, 'every node that lives has a certificate of the new root: it is the only one from now on, and join tokens are new');
    }
  }
}

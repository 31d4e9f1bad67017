/** Gives the cluster the key for which secrets in repositories are encrypted, and by which logs are sealed: also one that is founded while its leader leads already. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { lacksSealing, setSealing } from '#control/sealing';

/** Where it could not be stored. */
const againMs = 3_000;

export class ClusterKey {
  readonly #parts: { cluster: Pick<Cluster, 'read' | 'submit'>; clock: Pick<Clock, 'after'>; logger: Logger };
  #giving = false;
  #stopped = false;
  #cancel = (): void => {};

  constructor(parts: { cluster: Pick<Cluster, 'read' | 'submit'>; clock: Pick<Clock, 'after'>; logger: Logger }) {
    this.#parts = parts;
  }

  /** Nothing where it has one, or where there is no cluster yet. */
  async give(): Promise<void> {
    const { cluster } = this.#parts;
    if (lacksSealing(await cluster.read())) await cluster.submit(setSealing(await (await import('#sealing/age')).newSealing()));
  }

  /** The cluster's own object came, or changed. */
  notice(): void {
    if (this.#giving || this.#stopped) return;
    this.#giving = true;
    this.give()
      .catch((error: Error) => {
        this.#parts.logger.warn(
          { error: error.message },
          'the cluster has no key of its own yet: no secret can be sealed, and nothing is logged until it is stored',
        );
        if (!this.#stopped) this.#cancel = this.#parts.clock.after(againMs, () => this.notice());
      })
      .finally(() => (this.#giving = false));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }
}

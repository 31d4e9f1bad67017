/** Ids of networks that were removed lately: removing one of them again succeeds, as two clean-ups may meet. */
import type { Cluster } from '#control/cluster';

const keptIds = 1_000;

export class RecentRemovals {
  readonly #ids = new Set<string>();
  readonly #stop: () => void;

  constructor(cluster: Cluster) {
    this.#stop = cluster.watch((events) => {
      for (const event of events) if (event.kind === 'network' && !event.object) this.#add(event.id);
    });
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  stop(): void {
    this.#stop();
  }

  #add(id: string): void {
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > keptIds && oldest !== undefined) this.#ids.delete(oldest);
  }
}

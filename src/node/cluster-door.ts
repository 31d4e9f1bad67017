/** The cluster as the API sees it, whether this node is in one or not: those who listen stay when the node joins or leaves. */
import { Listeners } from '#base/listeners';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { Cluster, RequestName } from '#control/cluster';
import { swarmTexts } from '#model/swarm-texts';

type Listener = Parameters<Cluster['watch']>[0];

export class ClusterDoor implements Cluster {
  readonly #listeners: Listeners<Parameters<Listener>[0]>;
  #inside: Cluster | undefined;
  #why: string = swarmTexts.inactive;
  #unwatch: () => void = () => {};

  constructor(logger: Logger) {
    this.#listeners = new Listeners(logger, 'the cluster');
  }

  /** From now on calls go to `cluster`; undefined: the node is in none, or not in reach of it, and `why` says so. */
  use(cluster: Cluster | undefined, why: string = swarmTexts.inactive): void {
    this.#why = why;
    this.#unwatch();
    this.#inside = cluster;
    this.#unwatch = cluster?.watch((events) => this.#listeners.tell(events)) ?? (() => {});
  }

  read(): ReturnType<Cluster['read']> {
    return this.#inside ? this.#inside.read() : Promise.reject(this.#outside());
  }

  submit<R>(useCase: Parameters<Cluster['submit']>[0], ...named: RequestName): Promise<R> {
    return this.#inside ? (this.#inside.submit(useCase, ...named) as Promise<R>) : Promise.reject(this.#outside());
  }

  watch(listener: Listener): () => void {
    return this.#listeners.add(listener);
  }

  #outside(): Refusal {
    return new Refusal('unavailable', this.#why, { plain: true });
  }
}

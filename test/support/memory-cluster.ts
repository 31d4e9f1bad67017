/** A small Cluster in memory: applies use cases to a store at once, with no log and no stages unless given. */
import type { Clock } from '#base/clock';
import { newId } from '#base/ids';
import { seededRandom } from '#base/random';
import type { Cluster, UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import type { NodeDescription } from '#model/object/node';
import type { Action, StoreEvent } from '#store/action';
import { Overlay } from '#store/overlay';
import { boundlessRoom } from '#store/room';
import type { Stage } from '#store/stage';
import { Store } from '#store/store';
import type { View } from '#store/view';

export class MemoryCluster implements Cluster {
  readonly store = new Store();
  /** Entries written so far. */
  entries = 0;
  readonly #random;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #stages: readonly Stage[];
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();

  constructor({
    seed = 1,
    clock = { now: () => Date.UTC(2026, 0, 1) },
    stages = [],
  }: { seed?: number; clock?: Pick<Clock, 'now'>; stages?: readonly Stage[] } = {}) {
    this.#random = seededRandom(seed);
    this.#clock = clock;
    this.#stages = stages;
  }

  async read(): Promise<View> {
    return this.store;
  }

  async submit<R>(useCase: UseCase<R>): Promise<R> {
    return this.run(useCase);
  }

  watch(listener: (events: readonly StoreEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** `submit` without waiting; throws what the use case throws. */
  run<R>(useCase: UseCase<R>): R {
    const now = this.#clock.now();
    const context = { now, newId: () => newId(this.#random), random: this.#random };
    const overlay = new Overlay(this.store);
    const { actions, result } = useCase(this.store, context);
    overlay.lay(actions);
    for (const stage of this.#stages) overlay.lay(stage(overlay, { ...context, scope: 'all', room: boundlessRoom() }).actions);
    this.write(overlay.actions);
    return result;
  }

  /** Writes `actions` as one entry, past all rules. */
  write(actions: readonly Action[]): void {
    if (actions.length === 0) return;
    this.entries++;
    const events = this.store.apply(this.store.index + 1, { actions, now: this.#clock.now() });
    for (const listener of this.#listeners) listener(events);
  }
}

export const testDescription: NodeDescription = {
  Hostname: 'one',
  Platform: { Architecture: 'x86_64', OS: 'linux' },
  Resources: { NanoCPUs: 4e9, MemoryBytes: 8 * 1024 ** 3 },
  Engine: { EngineVersion: '28.2.2', Labels: {}, Plugins: [] },
};

/** A cluster that was initialised, with one ready node. */
export function initialisedCluster(options: ConstructorParameters<typeof MemoryCluster>[0] = {}): MemoryCluster {
  const cluster = new MemoryCluster(options);
  cluster.run(initCluster({ nodeId: 'node-one', address: '192.168.7.1', description: testDescription }));
  return cluster;
}

/** A Cluster in memory, without a log: use cases and the pass as they run in production, over a store, each entry at once. */
import { finish } from '#base/pace/steps';
import type { Clock } from '#base/clock';
import { newAuthority } from '#ca/authority';
import { newId } from '#base/ids';
import { seededRandom, type Random } from '#base/random';
import type { Cluster, UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import { Deadlines } from '#manager/deadlines';
import { DirtySet } from '#manager/dirty';
import { netActions } from '#manager/entries';
import { runPass } from '#manager/pass';
import { featureLevel } from '#model/feature-level';
import type { NodeDescription } from '#model/object/node';
import type { Action, StoreEvent } from '#store/action';
import { Overlay } from '#store/overlay';
import type { Room } from '#store/room';
import { boundlessRoom } from './boundless-room.ts';
import type { Stage } from '#store/stage';
import { Store } from '#store/store';
import type { View } from '#store/view';

export interface MemoryClusterOptions {
  seed?: number;
  clock?: Pick<Clock, 'now'>;
  stages?: readonly Stage[];
  /** Absent: ids as production draws them. */
  newId?: (random: Random) => string;
}

export class MemoryCluster implements Cluster {
  readonly store = new Store();
  /** Entries written so far. */
  entries = 0;
  /** What a pass may write. */
  room: () => Room = boundlessRoom;
  /** Asked after an entry that was full: when it says no, the next one does not come before something else happens. */
  goesOn: () => boolean = () => true;
  protected deadlines = new Deadlines();
  readonly #random: Random;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #stages: readonly Stage[];
  readonly #newId: (random: Random) => string;
  readonly #listeners = new Set<(events: readonly StoreEvent[]) => void>();
  #dirty = new DirtySet();

  constructor({ seed = 1, clock = { now: () => Date.UTC(2026, 0, 1) }, stages = [], newId: ownId = newId }: MemoryClusterOptions = {}) {
    this.#random = seededRandom(seed);
    this.#clock = clock;
    this.#stages = stages;
    this.#newId = ownId;
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
    const { actions, result } = useCase(this.store, this.context());
    this.turn(actions);
    return result;
  }

  /** Writes `actions` as one entry, past all rules. */
  write(actions: readonly Action[]): void {
    if (actions.length === 0) return;
    this.entries++;
    const events = this.store.apply(this.store.index + 1, { actions, now: this.#clock.now() });
    for (const listener of this.#listeners) listener(events);
  }

  protected context() {
    return { now: this.#clock.now(), newId: () => this.#newId(this.#random), random: this.#random };
  }

  /** `actions` and all that follows from them: one entry, and further ones while a pass has more to do than one takes. `due`: deadlines up to then have come. */
  protected turn(actions: readonly Action[], due = this.#clock.now()): void {
    const overlay = new Overlay(this.store);
    overlay.lay(actions);
    const room = this.room();
    room.hold(actions);
    this.#dirty.touch(this.store, actions);
    for (const { kind, id } of this.deadlines.take(due)) this.#dirty.add(kind === 'service' ? { services: new Set([id]) } : { nodes: new Set([id]) });
    this.#pass(overlay, room);
    this.write(netActions(overlay.actions));
    if (!this.#dirty.empty && this.goesOn()) this.turn([]);
  }

  #pass(overlay: Overlay, room: Room): void {
    const dirty = this.#dirty;
    this.#dirty = new DirtySet();
    if (dirty.empty) return;
    const { settled, more, wakes } = finish(runPass(overlay, this.#stages, { ...this.context(), room }, dirty));
    if (!settled) throw new Error('the stages work against each other');
    for (const wake of wakes) this.deadlines.set(wake);
    if (more) this.#dirty = more;
  }

  /** A new leader takes over: it has the objects, and looks at all of them. */
  protected forget(): void {
    this.deadlines = new Deadlines();
    this.#dirty = new DirtySet();
    this.#dirty.markAll();
  }
}

export const testDescription: NodeDescription = {
  Hostname: 'one',
  Platform: { Architecture: 'x86_64', OS: 'linux' },
  Resources: { NanoCPUs: 4e9, MemoryBytes: 8 * 1024 ** 3 },
  Engine: { EngineVersion: '28.2.2', Labels: {}, Plugins: [] },
  Shoal: { FeatureLevel: featureLevel },
};

export const testTlsInfo = { TrustRoot: 'the root', CertIssuerSubject: 'c3ViamVjdA==', CertIssuerPublicKey: 'a2V5' };

/** A cluster that was initialised, with one ready node. */
export function initialisedCluster(options: MemoryClusterOptions = {}): MemoryCluster {
  const cluster = new MemoryCluster(options);
  const Authority = newAuthority({ certificate: 'the root', key: 'canary-root-key', tlsInfo: testTlsInfo }, (count) => new Uint8Array(count));
  const authority = { clusterId: 'cluster-one', authority: Authority };
  cluster.run(initCluster({ nodeId: 'node-one', address: '192.168.7.1', description: testDescription, authority }));
  return cluster;
}

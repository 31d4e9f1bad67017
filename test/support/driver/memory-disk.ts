/** A member's disk in virtual time: what is durable survives a kill, what is under way may. */
import { assert } from '#base/assert';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import type { Entry, HardState, SnapshotMeta } from '#raft/message';
import type { Write } from '#raft/ready';
import type { OpenedStorage, StableStorage } from '#replica/stable-storage';
import type { Life, WorldTime } from './world-clock.ts';

interface Saved {
  meta: SnapshotMeta;
  pieces: readonly Uint8Array[];
}

interface Pending {
  job: Write;
  done: () => void;
  failed: (error: Error) => void;
}

export class MemoryDisk {
  /** Milliseconds that a write takes at most. */
  latencyMs = 2;
  /** Nothing becomes durable until then. */
  stalledUntil = 0;
  full = false;
  readonly counts = { writes: 0, snapshots: 0, received: 0 };
  readonly #time: WorldTime;
  readonly #random: Random;
  #hardState: HardState = { term: 0, vote: undefined, commit: 0 };
  #entries: Entry[] = [];
  #saved: Saved[] = [];
  #received: Saved | undefined;
  #pending: Pending[] = [];
  #busy = false;

  constructor(time: WorldTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  open(life: Life): (bootstrap: SnapshotMeta) => Promise<OpenedStorage> {
    return async (bootstrap) => {
      if (this.#saved.length === 0) this.#saved = [{ meta: bootstrap, pieces: [] }];
      this.#received = undefined;
      this.#pending = [];
      this.#busy = false;
      await this.#pause(this.#delay());
      const newest = this.#saved.at(-1) as Saved;
      const entries = this.#entries.filter((entry) => entry.index > newest.meta.index);
      return {
        storage: this.#storage(life),
        initial: { hardState: { ...this.#hardState }, snapshot: newest.meta, entries },
        state: newest.meta.index > 0 ? newest.pieces : undefined,
        warnings: [],
      };
    };
  }

  /** The process dies: of what was under way the first jobs may have become durable. */
  kill(): void {
    const whole = Math.floor(this.#random.next() * (this.#pending.length + 1));
    for (const { job } of this.#pending.slice(0, whole)) this.#store(job);
    this.#pending = [];
  }

  #storage(life: Life): StableStorage {
    const isFull = (): boolean => this.full;
    return {
      get full() {
        return isFull() ? new Refusal('unavailable', 'the disk is full', { reason: 'diskFull' }) : undefined;
      },
      write: (job) =>
        new Promise((done, failed) => {
          // What a process had under way when it was killed must not reach the disk of the next one.
          if (!life.alive) return;
          this.#pending.push({ job, done, failed });
          if (!this.#busy) void this.#work(life);
        }),
      snapshot: (meta, pieces) => this.#snapshot(meta, pieces, life),
      receive: (meta, pieces) => this.#receive(meta, pieces, life),
      read: (meta) => this.#read(meta),
      close: async () => {
        while (this.#pending.length > 0 && life.alive) await this.#pause(1);
      },
    };
  }

  async #work(life: Life): Promise<void> {
    this.#busy = true;
    while (life.alive && this.#pending.length > 0) {
      const group = this.#pending.slice(0, 1 + Math.floor(this.#random.next() * 4));
      await this.#pause(Math.max(this.#delay(), this.stalledUntil - this.#time.now));
      if (!life.alive) return;
      this.#pending.splice(0, group.length);
      for (const { job, done, failed } of group) {
        try {
          this.#store(job);
        } catch (error) {
          failed(error as Error);
          return;
        }
        this.counts.writes++;
        done();
      }
    }
    this.#busy = false;
  }

  #store({ hardState, entries, installed }: Write): void {
    if (hardState) this.#hardState = hardState;
    if (installed) {
      const received = this.#received;
      assert(
        received && received.meta.index === installed.index && received.meta.term === installed.term,
        `snapshot ${installed.index} is installed before its bytes are here`,
      );
      this.#saved = [received];
      this.#entries = [];
      this.#received = undefined;
      this.counts.received++;
    }
    const [first] = entries;
    if (!first) return;
    this.#entries = [...this.#entries.filter((entry) => entry.index < first.index), ...entries];
  }

  async #snapshot(meta: SnapshotMeta, pieces: Iterable<Uint8Array>, life: Life): Promise<void> {
    const kept: Uint8Array[] = [];
    for (const piece of pieces) {
      kept.push(piece);
      await this.#pause(this.#delay());
    }
    await this.#pause(this.#delay());
    if (!life.alive) return;
    // One that was installed meanwhile is newer.
    if ((this.#saved.at(-1)?.meta.index ?? 0) >= meta.index) return;
    this.#saved = [...this.#saved, { meta, pieces: kept }].slice(-2);
    const oldest = this.#saved[0]?.meta.index ?? 0;
    this.#entries = this.#entries.filter((entry) => entry.index > oldest);
    this.counts.snapshots++;
  }

  async #receive(meta: SnapshotMeta, pieces: AsyncIterable<Uint8Array>, life: Life): Promise<void> {
    const kept: Uint8Array[] = [];
    for await (const piece of pieces) kept.push(piece);
    await this.#pause(this.#delay());
    if (life.alive) this.#received = { meta, pieces: kept };
  }

  async *#read(meta: SnapshotMeta): AsyncGenerator<Uint8Array> {
    const found = [...this.#saved, this.#received].find((saved) => saved?.meta.index === meta.index && saved.meta.term === meta.term);
    if (!found) throw new Refusal('notFound', `there is no snapshot of entry ${meta.index} any more`);
    for (const piece of found.pieces) {
      await this.#pause(this.#delay());
      yield piece;
    }
  }

  #delay(): number {
    return this.#random.next() * this.latencyMs;
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => this.#time.after(ms, resolve));
  }
}

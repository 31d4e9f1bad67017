/** A storage on a simulated disk beside the model of what it was told: what the guided scripts are made of. */
import { seededRandom } from '#base/random';
import { damageOf } from '#disk/damage';
import { Storage, type Opened, type StorageOptions } from '#disk/storage';
import type { Entry, HardState, SnapshotMeta } from '#raft/message';
import { Violation } from '#test/simulation/tier';
import { DiskModel } from './disk-model.ts';
import { contentOf, diskBegin, diskFolder, seededBytes } from './disk-simulation.ts';
import { allFrom, SimulatedDisk, type System } from './simulated-disk.ts';
import { VirtualClock } from './virtual-clock.ts';

export const configuration = diskBegin.configuration;
const noFaults = { shortWrite: 0, garbage: 0, latency: 0 };

export function check(condition: boolean, name: string, message: string): void {
  if (!condition) throw new Violation(name, message);
}

export function newDisk(seed = 1): SimulatedDisk {
  return new SimulatedDisk(allFrom(seededRandom(seed, 'script')), noFaults);
}

export function entries(from: number, to: number, term: number, bytes = 30): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({ index: from + at, term, kind: 'normal', bytes: Buffer.alloc(bytes, from + at + term) }));
}

/** A storage with the model of what it was told. */
export class Told {
  readonly clock = new VirtualClock();
  readonly model: DiskModel;
  storage!: Storage;

  constructor(
    readonly system: System,
    model = new DiskModel(),
  ) {
    this.model = model;
  }

  async open(options: Partial<StorageOptions> = {}): Promise<this> {
    const { storage, initial, state } = await openOn(this.system, this.clock, options);
    this.storage = storage;
    this.model.recovered(initial, await contentOf(state));
    return this;
  }

  async write(hardState: HardState | undefined, list: readonly Entry[], installed?: SnapshotMeta): Promise<void> {
    const number = this.model.issue(hardState, list, installed);
    await this.storage.write({ hardState, entries: list, installed, replies: [], attest: { term: 0, index: 0, lastTerm: 0 } });
    this.model.acknowledge(number);
    if (installed) this.model.snapshotMarked(installed.index);
  }

  async snapshot(index: number, term: number, text: string): Promise<void> {
    const meta = { index, term, configuration };
    this.model.snapshotIssued(meta, text);
    await this.storage.snapshot(meta, [Buffer.from(text, 'latin1')]);
    this.model.snapshotMarked(index);
  }

  async install(index: number, term: number, text: string): Promise<void> {
    const meta = { index, term, configuration };
    await this.storage.receive(meta, [Buffer.from(text, 'latin1')]);
    this.model.snapshotIssued(meta, text);
    await this.write({ term, vote: undefined, commit: index }, [], meta);
  }
}

export function openOn({ files }: System, clock: VirtualClock, options: Partial<StorageOptions> = {}): Promise<Opened> {
  const chance = seededBytes(seededRandom(1, 'chance'));
  return Storage.open({
    folder: diskFolder,
    node: 'a',
    files,
    clock,
    chance,
    pause: async () => undefined,
    segmentBytes: 500,
    reserveBytes: 600,
    begin: diskBegin,
    ...options,
  });
}

/** The damage that a start is refused for; undefined when it starts. */
export async function refusal(disk: SimulatedDisk, options: Partial<StorageOptions> = {}): Promise<string | undefined> {
  try {
    const { storage } = await openOn(disk.boot(), new VirtualClock(), options);
    await storage.close();
    return undefined;
  } catch (error) {
    return damageOf(error) ?? `not typed: ${(error as Error).message}`;
  }
}

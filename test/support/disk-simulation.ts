/** Lives of a storage on a simulated disk: random writes, snapshots, installs, a disk that fills up, and an end at any call. */
import { integerBetween, type Random, seededRandom } from '#base/random';
import { damageOf } from '#disk/damage';
import { Storage, type Opened, type StorageOptions } from '#disk/storage';
import type { Entry, HardState, SnapshotMeta } from '#raft/message';
import { type Outcome, Violation } from '#test/simulation/tier';
import { Faults } from './faults.ts';
import { DiskModel } from './disk-model.ts';
import { SimulatedDisk, type System } from './simulated-disk.ts';
import { VirtualClock } from './virtual-clock.ts';

export const diskFolder = '/state/raft';
const configuration = { voters: ['a'], learners: [] };
export const diskBegin: SnapshotMeta = { index: 0, term: 0, configuration };

/** Bytes for keys and salts that are the same in every run of a seed. */
export function seededBytes(random: Random): (count: number) => Buffer {
  return (count) => Buffer.from(random.bytes(count));
}

export async function contentOf(pieces: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (!pieces) return undefined;
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts).toString('latin1');
}

/** Jobs of a life, the space there is, and how it ends. */
interface Life {
  readonly storage: Storage;
  readonly clock: VirtualClock;
  /** Never resolves once the system is gone: what asks for no disk must end with it as well. */
  readonly goOn: () => Promise<never> | undefined;
}

export class DiskSimulation {
  readonly #root: Random;
  readonly #faults: Faults;
  /** What is done next, step by step: what one step draws shuffles no other. */
  #random: Random;
  #place = '';
  readonly #disk: SimulatedDisk;
  readonly #model = new DiskModel();
  readonly #counts: Record<string, number> = { lives: 0, kills: 0, powerLosses: 0, writes: 0, snapshots: 0, installs: 0, full: 0, torn: 0, possibleLosses: 0 };
  readonly #options: Pick<StorageOptions, 'folder' | 'node' | 'segmentBytes' | 'reserveBytes' | 'chance' | 'pause'>;
  readonly #fills: boolean;
  readonly #garbage: boolean;
  #begun = false;

  constructor(seed: number, faults = new Faults()) {
    const random = seededRandom(seed, 'disk tier');
    this.#root = random.split('driver');
    this.#random = this.#root;
    this.#faults = faults;
    const knobs = random.split('knobs');
    const some = (): boolean => knobs.next() < 0.5;
    this.#garbage = some();
    const disk = random.split('disk');
    const chance = { stream: (purpose: string) => disk.split(purpose), strikes: (name: string, what: () => string) => faults.strikes(name, what) };
    this.#disk = new SimulatedDisk(chance, {
      shortWrite: some() ? knobs.next() * 0.3 : 0,
      garbage: this.#garbage ? knobs.next() * 0.4 : 0,
      latency: some() ? integerBetween(knobs, 1, 6) : 0,
    });
    this.#fills = some();
    this.#options = {
      folder: diskFolder,
      node: 'a',
      segmentBytes: integerBetween(knobs, 1, 6000),
      reserveBytes: some() ? integerBetween(knobs, 1, 3000) : 0,
      chance: seededBytes(random.split('chance')),
      pause: async () => undefined,
    };
  }

  async run(): Promise<Outcome> {
    for (let life = 1; life <= 8; life++) {
      this.#count('lives');
      this.#goTo(`life-${life}`);
      await this.#live(this.#root.split(`end of life-${life}`), life === 8);
    }
    return { trace: this.#disk.trace, counts: this.#counts };
  }

  #goTo(place: string): void {
    this.#place = place;
    this.#random = this.#root.split(place);
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  /** One start and what follows; the last life ends well, so that a log that nobody disturbs is seen too. */
  async #live(end: Random, last: boolean): Promise<void> {
    const killAt = last ? Infinity : Math.floor(Math.exp(end.next() * Math.log(600)));
    const life = this.#place;
    const system = this.#disk.boot(killAt);
    const ended = await Promise.race([system.killed, this.#work(system, new VirtualClock())]);
    this.#disk.capacity = Infinity;
    if (ended !== 'killed') return;
    this.#count('kills');
    if (end.next() < 0.4 || !this.#faults.strikes(`${life}.power`, () => 'the power goes')) return;
    this.#count('powerLosses');
    this.#disk.loseUnsynced();
  }

  async #work({ files, lives }: System, clock: VirtualClock): Promise<void> {
    const full = this.#fills && this.#begun && this.#random.next() < 0.2;
    if (full && this.#faults.strikes(`${this.#place}.full`, () => 'no space at the start')) this.#disk.capacity = this.#disk.used;
    const { storage, initial, state, warnings } = await this.#open(files, clock);
    if (warnings.some((warning) => warning.startsWith('cut off'))) this.#count('torn');
    this.#model.recovered(initial, await contentOf(state));
    this.#begun = true;
    this.#checkLeftovers();
    const life = { storage, clock, goOn: () => (lives() ? undefined : new Promise<never>(() => {})) };
    const steps = integerBetween(this.#random, 1, 40);
    const place = this.#place;
    for (let step = 0; step < steps; step++) {
      await life.goOn();
      this.#goTo(`${place}.step-${step}`);
      await this.#step(life);
    }
    await life.goOn();
    await this.#makeRoom(life);
    await storage.close();
  }

  async #open(files: System['files'], clock: VirtualClock): Promise<Opened> {
    const options = { ...this.#options, files, clock, begin: diskBegin };
    try {
      return await Storage.open(options);
    } catch (error) {
      const answer = damageOf(error) === 'possibleLoss' ? /touch (\S+)$/.exec((error as Error).message)?.[1] : undefined;
      // Garbage in what was not synced cannot be told from rot in what was: the operator is asked, and says yes.
      if (answer === undefined || this.#disk.garbled.size === 0) throw new Violation('start', (error as Error).message);
      this.#count('possibleLosses');
      this.#disk.put(answer, Buffer.alloc(0));
      return await Storage.open(options).catch((again: unknown) => {
        throw new Violation('answer', (again as Error).message);
      });
    }
  }

  #checkLeftovers(): void {
    const left = this.#disk.names().filter((name) => name.endsWith('.new') || name.startsWith('accept-loss'));
    if (left.length > 0) throw new Violation('leftovers', left.join(', '));
  }

  async #step(life: Life): Promise<void> {
    const kind = this.#random.next();
    if (kind < 0.6) await this.#write(life);
    else if (kind < 0.75) await this.#snapshot(life);
    else if (kind < 0.8) await this.#install(life);
    else if (kind < 0.85) await this.#readBack(life);
    else if (kind < 0.92) await life.clock.advance(integerBetween(this.#random, 1, 2500));
    else if (this.#fills) await this.#fill(life);
  }

  /** One to three jobs that may share a frame; waits for them unless the disk is full. */
  async #write(life: Life): Promise<void> {
    const jobs = Array.from({ length: integerBetween(this.#random, 1, 3) }, () => this.#job(life));
    await this.#settled(life, Promise.all(jobs));
  }

  #job({ storage }: Life, installed?: SnapshotMeta): Promise<void> {
    const { hardState, entries } = this.#nextJob(installed);
    const number = this.#model.issue(hardState, entries, installed);
    this.#count('writes');
    return storage.write({ hardState, entries, installed, replies: [], attest: { term: 0, index: 0, lastTerm: 0 } }).then(
      () => this.#model.acknowledge(number),
      (error: unknown) => {
        throw new Violation('write', `a write failed: ${(error as Error).message}`);
      },
    );
  }

  /** Entries behind the commit, now and then in the place of others, under a hard state that never goes back. */
  #nextJob(installed: SnapshotMeta | undefined): { hardState: HardState | undefined; entries: Entry[] } {
    const random = this.#random;
    const { hardState: before } = this.#model.now;
    const newTerm = random.next() < 0.25;
    const term = Math.max(before.term + (newTerm ? 1 : 0), installed?.term ?? 0);
    const committed = Math.max(before.commit, installed?.index ?? 0);
    const last = installed?.index ?? this.#model.lastIndex;
    const from = newTerm && random.next() < 0.5 ? integerBetween(random, committed + 1, last + 1) : last + 1;
    const entries = Array.from({ length: integerBetween(random, 0, 4) }, (_, at): Entry => ({
      index: from + at,
      term,
      // Where members change nobody may accept a loss.
      kind: random.next() < 0.1 && !this.#garbage ? 'configuration' : 'normal',
      bytes: Buffer.from(random.bytes(integerBetween(random, 0, random.next() < 0.1 ? 3000 : 60))),
    }));
    const end = entries.length > 0 ? from + entries.length - 1 : last;
    const commit = integerBetween(random, committed, Math.max(committed, end));
    const vote = term === before.term ? (before.vote ?? (random.next() < 0.3 ? 'a' : undefined)) : random.next() < 0.5 ? 'b' : undefined;
    const hardState = { term, vote, commit };
    return { hardState: entries.length > 0 || newTerm || installed ? hardState : random.next() < 0.5 ? hardState : undefined, entries };
  }

  /** A snapshot at the commit, beside further writes. */
  async #snapshot(life: Life): Promise<void> {
    const { hardState, entries, base } = this.#model.now;
    const index = integerBetween(this.#random, base, hardState.commit);
    if (index <= Math.max(base, this.#model.marked)) return;
    const meta = { index, term: entries[index - base - 1]?.term ?? 0, configuration };
    const content = Buffer.from(this.#random.bytes(integerBetween(this.#random, 0, 4000)));
    this.#model.snapshotIssued(meta, content.toString('latin1'));
    const pieces = [content.subarray(0, 1000), content.subarray(1000, 1000), content.subarray(1000)];
    const taking = life.storage.snapshot(meta, pieces).then(
      () => {
        // One that another member's has overtaken is dropped.
        if (this.#model.now.base < index) this.#model.snapshotMarked(index);
        this.#count('snapshots');
      },
      (error: { facts?: { reason?: string } }) => {
        if (error.facts?.reason !== 'diskFull') throw new Violation('snapshot', `a snapshot failed: ${(error as unknown as Error).message}`);
      },
    );
    const beside = this.#random.next();
    const other = beside < 0.4 ? this.#job(life) : beside < 0.6 ? this.#install(life) : beside < 0.8 ? this.#readBack(life) : undefined;
    await this.#settled(life, Promise.all([taking, other]));
  }

  async #install(life: Life): Promise<void> {
    const index = this.#model.lastIndex + integerBetween(this.#random, 1, 20);
    const meta = { index, term: this.#model.now.hardState.term + 1, configuration };
    const content = Buffer.from(this.#random.bytes(integerBetween(this.#random, 0, 3000)));
    try {
      await life.storage.receive(meta, [content]);
    } catch (error) {
      if ((error as { facts?: { reason?: string } }).facts?.reason === 'diskFull') return;
      throw new Violation('receive', (error as Error).message);
    }
    this.#model.snapshotIssued(meta, content.toString('latin1'));
    await life.goOn();
    await this.#settled(
      life,
      this.#job(life, meta).then(() => {
        this.#model.snapshotMarked(index);
        this.#count('installs');
      }),
    );
  }

  /** The newest snapshot, read as for another member. */
  async #readBack({ storage }: Life): Promise<void> {
    const index = this.#model.marked;
    const name = this.#disk.names().find((each) => each.startsWith(`snapshot-${String(index).padStart(15, '0')}-`));
    if (index === 0 || !name) return;
    const found = await contentOf(storage.read({ index, term: Number(name.split('-')[2]), configuration }));
    this.#model.holds(index, Number(name.split('-')[2]), found);
  }

  /** Somebody else takes the rest of the disk, all of it or all but a little. */
  async #fill(life: Life): Promise<void> {
    const left = this.#random.next() < 0.5 ? 0 : integerBetween(this.#random, 0, 3000);
    if (this.#faults.strikes(`${this.#place}.fill`, () => `somebody takes all but ${left} bytes of the disk`)) {
      this.#disk.capacity = this.#disk.used + left;
      this.#count('full');
    }
    await life.clock.advance(integerBetween(this.#random, 0, 3000));
  }

  /** Waits for what was begun; a full disk is given space after a while, and then it must go on. */
  async #settled(life: Life, work: Promise<unknown>): Promise<void> {
    let done = false;
    const finished = work.then(() => (done = true));
    const broken = finished.then(
      () => undefined,
      (error: unknown) => error,
    );
    for (let round = 0; round < 40 && !done; round++) {
      const result = await Promise.race([broken, life.clock.advance(round < 3 ? 10 : 1000).then(() => 'later')]);
      await life.goOn();
      if (result !== 'later' && result !== undefined) throw result;
      if (round === 10) this.#disk.capacity = Infinity;
    }
    if (!done) throw new Violation('stuck', `what was written does not end though there is space: ${life.storage.full?.message ?? 'the disk is not full'}`);
  }

  /** With space again the storage must take changes again. */
  async #makeRoom(life: Life): Promise<void> {
    this.#disk.capacity = Infinity;
    for (let round = 0; round < 20 && life.storage.full; round++) {
      await life.clock.advance(1000);
      await life.goOn();
    }
    if (life.storage.full) throw new Violation('full', 'there is space, and changes are still refused');
  }
}

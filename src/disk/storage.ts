/** A member's state folder as one thing: opened, written to, read from, compacted. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '#base/assert';
import type { Clock } from '#base/clock';
import type { Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import type { Initial } from '#raft/core';
import type { SnapshotMeta } from '#raft/message';
import type { Write } from '#raft/ready';
import { damaged, damageOf, diskFull, wayOut } from './damage.ts';
import { isFull, realFileSystem, remove, type FileSystem } from './file-system.ts';
import type { Owner } from './header.ts';
import { loadKey, type DataKey } from './key.ts';
import { emptyRecord, type Record, type SnapshotMark } from './record.ts';
import { checkSnapshot, readSnapshot, removeOtherSnapshots, saveSnapshot, type Chunks, type SnapshotFolder } from './snapshots.ts';
import { Space } from './space.ts';
import { Wal, type WalContent } from './wal.ts';

export interface StorageOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** This member's id: a folder of another one is refused. */
  readonly node: string;
  /** Of the group; a folder that knows its own need not be told, and a new group takes its name from its key. */
  readonly cluster?: string;
  readonly incarnation?: number;
  /** What the key of the folder is sealed with, or is to be sealed with where it is made. */
  readonly lock?: Uint8Array | undefined;
  readonly segmentBytes: number;
  /**
   * What an empty folder starts from. Without it an empty folder is refused as `amnesia`: this member had a log, may have
   * promised its vote in it, and must never vote again under its id.
   */
  readonly begin?: SnapshotMeta;
  /** Kept back for when the disk is full; 0 for none. */
  readonly reserveBytes?: number;
  /** The reserve of a folder that has none is made some seconds after the start: somebody waits for that. */
  readonly reserveLater?: boolean;
  readonly meter?: Meter | undefined;
  /** Told when the disk is full and changes must be refused, and with undefined when they may be taken again. */
  readonly onSpace?: (full: Refusal | undefined) => void;
  readonly files?: FileSystem;
  /** Random bytes for keys and salts; the simulation has its own. */
  readonly chance?: (count: number) => Buffer;
  /** Resolves in a later turn of the event loop. */
  readonly pause?: () => Promise<void>;
}

export interface Opened {
  readonly storage: Storage;
  readonly owner: Owner;
  /** For the raft core. */
  readonly initial: Initial;
  /** The snapshot in `initial`, in pieces, to be read once before the storage is used otherwise; undefined when there is none yet. */
  readonly state: AsyncIterable<Uint8Array> | undefined;
  /** What the operator should know: a torn write cut off, an older snapshot used. */
  readonly warnings: readonly string[];
}

const reserveBytes = 16 * 1024 * 1024;

export class Storage {
  readonly #wal: Wal;
  readonly #space: Space;
  readonly #where: SnapshotFolder;
  /** Oldest first. One older snapshot is kept, with its log, for the case that the newest is damaged. */
  #marks: readonly SnapshotMark[];
  /** The marks as they will be when all that was handed to the log is durable. */
  #coming: readonly SnapshotMark[];
  /** Snapshots of other members that are whole on the disk and not in the log yet: a second may come before the first is installed. */
  #received: readonly SnapshotMark[] = [];
  /** What is done in the folder beside the log's own writes. */
  readonly #beside = new Set<Promise<unknown>>();
  #closing = false;
  /** The job that was handed over last. */
  #written: Promise<void> = Promise.resolve();
  /** Snapshots that are being read or saved: an object for each time. */
  readonly #inUse = new Set<SnapshotMeta>();

  private constructor(wal: Wal, space: Space, where: SnapshotFolder, marks: readonly SnapshotMark[]) {
    this.#wal = wal;
    this.#space = space;
    this.#where = where;
    this.#marks = this.#coming = marks;
  }

  /** Opens `folder`, made if it is missing. Refuses damage, a missing log and a wrong key (`damageOf`) with a text that says what to do. */
  static async open(options: StorageOptions): Promise<Opened> {
    const { folder, clock, files = realFileSystem, chance = randomBytes, pause = () => nextTurn() } = options;
    await files.makeFolder(folder);
    await removeUnfinished(files, folder);
    // A process that was killed may have left a name that is in memory only: what is found must be durable before it is built on.
    await files.syncFolder(folder);
    const key = await loadKey(files, folder, chance, options.lock);
    const space = new Space({ folder, files, clock, chance, reserveBytes: options.reserveBytes ?? reserveBytes, onChange: (full) => options.onSpace?.(full) });
    const parts = { folder, files, key, chance, pause };
    const { wal, content } = await Wal.open({
      ...parts,
      clock,
      ...(options.meter && { meter: options.meter }),
      space,
      segmentBytes: options.segmentBytes,
      owner: ownerFor(options, key),
    }).catch((error: unknown) => explain(options, error));
    try {
      const where = { ...parts, owner: content.owner };
      const warnings = content.cutBytes > 0 ? [`cut off ${content.cutBytes} bytes of a write that was interrupted`] : [];
      await space.open(options.reserveLater);
      const marks = content.marks.length > 0 ? content.marks : await begin(wal, options, files, content);
      const chosen = await chooseSnapshot(where, wal, marks, warnings);
      const initial = await initialFor(options, wal, content, chosen);
      await removeOtherSnapshots(where, marks);
      const state = chosen.digest === '' ? undefined : readSnapshot(where, chosen);
      return { storage: new Storage(wal, space, where, marks), owner: content.owner, initial, state, warnings };
    } catch (error) {
      await wal.close();
      throw error;
    }
  }

  /** Why no change may be taken; undefined while there is space. Writes under way wait, they do not fail. */
  get full(): Refusal | undefined {
    return this.#space.full;
  }

  /** Resolves when a job of the core is durable; jobs become so in order. Rejects when the disk failed: the process must end. */
  write(write: Write): Promise<void> {
    // What follows the installation of a snapshot may be in the log before that one has come to its end.
    this.#written = Promise.all([this.#written, this.#write(write)]).then(() => undefined);
    return this.#written;
  }

  async #write({ hardState, entries, installed }: Write): Promise<void> {
    if (!installed) return await this.#wal.append({ ...emptyRecord, hardState, entries });
    const mark = this.#received.find((each) => isOf(each, installed));
    assert(mark, `snapshot ${installed.index} is installed before its bytes are here`);
    await this.#mark([mark], { hardState, entries, installed: true });
    await this.#tidy();
  }

  /**
   * Saves a snapshot of the applied state beside the writes that go on, marks it, and removes what it makes needless.
   * One that another member's has overtaken meanwhile is dropped. `older`: how many stay beside it, with the log that goes on from them.
   * Rejects with the refusal in `full`'s words, nothing changed, when there is no space: try again later.
   */
  async snapshot(meta: SnapshotMeta, chunks: Chunks, older = 1): Promise<void> {
    const use = { ...meta };
    this.#inUse.add(use);
    try {
      const mark = await this.#save(meta, chunks);
      if ((this.#coming.at(-1)?.index ?? 0) < mark.index) await this.#mark([...this.#coming, mark].slice(-1 - older), emptyRecord);
    } finally {
      this.#inUse.delete(use);
    }
    await this.#tidy();
  }

  /** Takes a snapshot of another member from the wire; `write` with it as `installed` puts it into force. */
  async receive(meta: SnapshotMeta, chunks: Chunks): Promise<void> {
    const use = { ...meta };
    this.#inUse.add(use);
    try {
      const mark = await this.#save(meta, chunks);
      this.#received = [...this.#received.filter((each) => !isOf(each, meta)), mark];
    } finally {
      this.#inUse.delete(use);
    }
  }

  /** The pieces of a snapshot that was saved or received; its file stays until they are all read, or given up. */
  async *read(meta: SnapshotMeta): AsyncGenerator<Uint8Array> {
    const mark = [...this.#marks, ...this.#received].find((each) => isOf(each, meta));
    if (!mark || mark.digest === '') throw new Refusal('notFound', `there is no snapshot of entry ${meta.index} any more: a newer one has taken its place`);
    const use = { ...mark };
    this.#inUse.add(use);
    try {
      yield* readSnapshot(this.#where, mark);
    } finally {
      this.#inUse.delete(use);
      await this.#tidy();
    }
  }

  /** Resolves when nothing is done in the folder any more: it may go. Whoever brings a snapshot must have ended, or be about to. */
  async close(): Promise<void> {
    this.#closing = true;
    try {
      await this.#wal.close();
    } finally {
      await Promise.allSettled(this.#beside);
    }
  }

  /** `close` waits for it. */
  async #inFolder<T>(doing: Promise<T>): Promise<T> {
    this.#beside.add(doing);
    try {
      return await doing;
    } finally {
      this.#beside.delete(doing);
    }
  }

  async #save(meta: SnapshotMeta, chunks: Chunks): Promise<SnapshotMark> {
    try {
      return await this.#inFolder(saveSnapshot(this.#where, meta, chunks));
    } catch (error) {
      throw isFull(error) ? diskFull(this.#where.folder) : error;
    }
  }

  async #mark(marks: readonly SnapshotMark[], record: Omit<Record, 'marks'>): Promise<void> {
    const newest = marks.at(-1)?.index ?? 0;
    assert(newest >= (this.#coming.at(-1)?.index ?? 0), `snapshot ${newest} would stand in for one of ${this.#coming.at(-1)?.index}`);
    this.#coming = marks;
    this.#received = this.#received.filter((each) => each.index > newest);
    await this.#wal.append({ ...record, marks });
    this.#marks = marks;
  }

  /** Removes what neither snapshot needs. What a full disk does not let go stays until the next time. */
  async #tidy(): Promise<void> {
    if (this.#closing) return;
    try {
      await this.#inFolder(this.#removeNeedless());
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  async #removeNeedless(): Promise<void> {
    // The log reaches back to the older snapshot, so either can be started from.
    await this.#wal.removeBelow(this.#marks[0]?.index ?? 0);
    await removeOtherSnapshots(this.#where, [...this.#marks, ...this.#coming, ...this.#inUse, ...this.#received]);
  }
}

function isOf(mark: SnapshotMark, { index, term }: SnapshotMeta): boolean {
  return mark.index === index && mark.term === term;
}

/** What an interrupted write left has no name yet. It goes first: it may be what fills the disk. */
async function removeUnfinished(files: FileSystem, folder: string): Promise<void> {
  const unfinished = (await files.list(folder)).filter((name) => name.endsWith('.new'));
  for (const name of unfinished) await remove(files, join(folder, name));
}

function ownerFor({ node, cluster, incarnation }: StorageOptions, key: DataKey): (found: Owner | undefined) => Owner {
  return (found) => ({ cluster: cluster ?? found?.cluster ?? key.group, incarnation: incarnation ?? found?.incarnation ?? 1, node });
}

/** Marks the beginning of a new group as if it were a snapshot of nothing. Refuses a folder that has lost its log. */
async function begin(wal: Wal, options: StorageOptions, files: FileSystem, content: WalContent): Promise<readonly SnapshotMark[]> {
  const lost = content.hardState !== undefined || wal.range.last >= wal.range.first;
  if (lost || (await files.list(options.folder)).some((name) => name.startsWith('snapshot-'))) throw unusable(options.folder, []);
  if (!options.begin) {
    throw damaged(
      'amnesia',
      `the log of this manager is gone from ${options.folder}: what it promised to the other managers is not known any more, so it must not vote again as ${options.node}. ${wayOut}`,
      { folder: options.folder, node: options.node },
    );
  }
  const marks = [{ ...options.begin, digest: '' }];
  await wal.append({ ...emptyRecord, marks });
  return marks;
}

/** The newest snapshot that is whole and from which the log goes on. */
async function chooseSnapshot(where: SnapshotFolder, wal: Wal, marks: readonly SnapshotMark[], warnings: string[]): Promise<SnapshotMark> {
  const { first, last } = wal.range;
  for (const mark of marks.toReversed()) {
    if (last >= first && first > mark.index + 1) continue;
    const damage = mark.digest === '' ? undefined : await checkSnapshot(where, mark);
    if (damage === undefined) return mark;
    warnings.push(damage);
  }
  throw unusable(where.folder, warnings);
}

function unusable(folder: string, reasons: readonly string[]): Refusal {
  const facts = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  return damaged(
    'noSnapshot',
    `the state in ${folder} has no usable snapshot and its log does not reach back to the beginning${facts}. Nothing was changed. ${wayOut}`,
    { folder },
  );
}

async function initialFor({ folder }: StorageOptions, wal: Wal, content: WalContent, chosen: SnapshotMark): Promise<Initial> {
  const hardState = content.hardState ?? { term: 0, vote: undefined, commit: 0 };
  const last = Math.max(chosen.index, wal.range.last);
  if (hardState.commit > last) {
    throw damaged(
      'amnesia',
      `the log in ${folder} ends at entry ${last}, and ${hardState.commit} were committed: entries that this manager acknowledged are gone, so it must not vote again. ${wayOut}`,
      { folder, last, commit: hardState.commit },
    );
  }
  const entries = (await wal.read(chosen.index + 1, last, Infinity)) ?? [];
  const { index, term, configuration } = chosen;
  return { hardState, snapshot: { index, term, configuration }, entries };
}

/** A possible loss ends in what the operator can do about it. */
function explain({ folder, node }: StorageOptions, error: unknown): never {
  if (damageOf(error) !== 'possibleLoss') throw error;
  const { message, facts } = error as Refusal;
  const answer = join(folder, String(facts['answer']));
  throw damaged(
    'possibleLoss',
    `${message}. If there are other managers, remove ${node} from the cluster and join it again with an empty folder. If it is the only one, restore the state folder from a backup, or go on without that record: touch ${answer}`,
    { ...facts, answer },
  );
}

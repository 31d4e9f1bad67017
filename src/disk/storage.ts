/** A member's state folder as one thing: opened, written to, compacted. */
import { mkdir, readdir } from 'node:fs/promises';
import { assert } from '#base/assert';
import { Refusal } from '#base/refusal';
import type { Initial } from '#raft/core';
import type { Entry, SnapshotMeta } from '#raft/message';
import type { Write } from '#raft/ready';
import { realFileSystem, type FileSystem } from './file-system.ts';
import { loadKey } from './key.ts';
import type { Record, SnapshotMark } from './record.ts';
import { loadSnapshot, removeOtherSnapshots, saveSnapshot, type SnapshotFolder } from './snapshots.ts';
import { Wal } from './wal.ts';

export interface StorageOptions {
  readonly folder: string;
  readonly segmentBytes: number;
  /** What a folder without any state starts from. */
  readonly bootstrap: SnapshotMeta;
  readonly files?: FileSystem;
}

export interface Opened {
  readonly storage: Storage;
  /** For the raft core. */
  readonly initial: Initial;
  /** Bytes of the snapshot in `initial`; undefined when there is none yet. */
  readonly state: Uint8Array | undefined;
  /** What the operator should know: a torn write cut off, an older snapshot used. */
  readonly warnings: readonly string[];
}

export class Storage {
  readonly #wal: Wal;
  readonly #where: SnapshotFolder;
  /** Oldest first. One older snapshot is kept, with its log, for the case that the newest is damaged. */
  #marks: readonly SnapshotMark[];

  private constructor(wal: Wal, where: SnapshotFolder, marks: readonly SnapshotMark[]) {
    this.#wal = wal;
    this.#where = where;
    this.#marks = marks;
  }

  /** Opens `folder`, made if it is missing. Refuses damage, a missing log and a wrong key with a text that says what to do. */
  static async open(options: StorageOptions): Promise<Opened> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const files = options.files ?? realFileSystem;
    const key = await loadKey(options.folder);
    const where = { folder: options.folder, key, files };
    const { wal, content } = await Wal.open({ ...options, key, files });
    try {
      const { merged, tornBytes } = content;
      const warnings = tornBytes > 0 ? [`cut off ${tornBytes} bytes of a write that was interrupted`] : [];
      const marks = merged.marks.length > 0 ? merged.marks : await bootstrap(wal, options, merged);
      const chosen = await chooseSnapshot(where, marks, merged.entries, warnings);
      await removeOtherSnapshots(where, marks);
      const hardState = merged.hardState ?? { term: 0, vote: undefined, commit: 0 };
      const entries = merged.entries.filter((entry) => entry.index > chosen.meta.index);
      const initial = { hardState, snapshot: chosen.meta, entries };
      return { storage: new Storage(wal, where, marks), initial, state: chosen.state, warnings };
    } catch (error) {
      await wal.close();
      throw error;
    }
  }

  /** Resolves when a job of the core is durable; jobs become so in order. Rejects when the disk failed: the process must end. */
  write(job: Write): Promise<void> {
    assert(job.installed === undefined, 'a snapshot of another member comes with its bytes, and there is no other member');
    return this.#wal.append({ hardState: job.hardState, marks: [], entries: job.entries });
  }

  /** Saves a snapshot of the applied state beside the writes that go on, marks it, and removes what it makes needless. */
  async snapshot(meta: SnapshotMeta, state: Uint8Array): Promise<void> {
    const mark = await saveSnapshot(this.#where, meta, state);
    const marks = [...this.#marks, mark].slice(-2);
    await this.#wal.append({ hardState: undefined, marks, entries: [] });
    this.#marks = marks;
    // The log reaches back to the older snapshot, so either can be started from.
    await this.#wal.removeBelow(marks.length > 1 ? (marks[0]?.index ?? 0) : 0);
    await removeOtherSnapshots(this.#where, marks);
  }

  async close(): Promise<void> {
    await this.#wal.close();
  }
}

/** Marks the beginning of a new group as if it were a snapshot of nothing. Refuses a folder that has lost its log. */
async function bootstrap(wal: Wal, options: StorageOptions, merged: Record): Promise<readonly SnapshotMark[]> {
  const names = await readdir(options.folder);
  if (merged.hardState || merged.entries.length > 0 || names.some((name) => name.startsWith('snapshot-'))) throw unusable(options.folder, []);
  const marks = [{ ...options.bootstrap, digest: '' }];
  await wal.append({ hardState: undefined, marks, entries: [] });
  return marks;
}

/** The newest snapshot that is whole and from which the log goes on. */
async function chooseSnapshot(
  where: SnapshotFolder,
  marks: readonly SnapshotMark[],
  entries: readonly Entry[],
  warnings: string[],
): Promise<{ meta: SnapshotMeta; state: Uint8Array | undefined }> {
  for (const mark of [...marks].reverse()) {
    if (!reaches(entries, mark.index)) continue;
    if (mark.index === 0) return { meta: mark, state: undefined };
    const loaded = await loadSnapshot(where, mark);
    if ('state' in loaded) return { meta: mark, state: loaded.state };
    warnings.push(loaded.damage);
  }
  throw unusable(where.folder, warnings);
}

function unusable(folder: string, reasons: readonly string[]): Refusal {
  const facts = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  return new Refusal(
    'failedPrecondition',
    `the state in ${folder} has no usable snapshot and its log does not reach back to the beginning${facts}. Nothing was changed. Restore the folder from a backup, or remove this manager from the cluster and join it again with an empty folder`,
  );
}

/** True when the log goes on right behind `index`. */
function reaches(entries: readonly Entry[], index: number): boolean {
  const first = entries[0];
  return first === undefined || first.index <= index + 1;
}

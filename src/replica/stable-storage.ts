/** What a replica asks of its disk. The room `disk` fulfils it; the simulation has one that fails on demand. */
import type { Refusal } from '#base/refusal';
import type { Initial } from '#raft/core';
import type { SnapshotMeta } from '#raft/message';
import type { Write } from '#raft/ready';

export interface StableStorage {
  /** Why no change may be taken now; undefined while there is space. What is being written meanwhile waits and does not fail. */
  readonly full: Refusal | undefined;
  /** Resolves when the job is durable; jobs become so in order. Rejects when the disk failed: the process must end. */
  write(job: Write): Promise<void>;
  /**
   * Saves a snapshot of the applied state beside the writes that go on; `pieces` are asked for one at a time.
   * Rejects with a refusal whose `reason` is `diskFull` when there is no space: nothing has changed, and it may be tried again.
   * `older`: how many of those before stay.
   */
  snapshot(meta: SnapshotMeta, pieces: Iterable<Uint8Array>, older?: number): Promise<void>;
  /** Saves the bytes of another member's snapshot; it counts once a job that names it as installed is durable. */
  receive(meta: SnapshotMeta, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** Bytes of a snapshot that was saved or received; they stay readable while this reads them. */
  read(meta: SnapshotMeta): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface OpenedStorage {
  readonly storage: StableStorage;
  /** Of the group that the folder belongs to: raised when it is made anew from one member. */
  readonly owner?: { readonly incarnation: number };
  /** For the raft core. */
  readonly initial: Initial;
  /** Bytes of the snapshot in `initial`; undefined when there is none yet. */
  readonly state: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
  /** What the operator should know: a torn write cut off, an older snapshot used. */
  readonly warnings: readonly string[];
}

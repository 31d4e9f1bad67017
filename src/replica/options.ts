/** What a replica is made of, and its settings. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import type { Random } from '#base/random';
import { defaultLimits } from '#raft/core';
import type { SnapshotMeta } from '#raft/message';
import type { Transport } from '#raft/transport';
import type { StateMachine } from './replicated-log.ts';
import type { SnapshotPace } from './snapshot-rhythm.ts';
import type { OpenedStorage } from './stable-storage.ts';

export interface ReplicaOptions {
  readonly nodeId: string;
  /** Under which other managers reach this one; empty: as they know it already. */
  readonly address?: string;
  readonly tickMs?: number;
  readonly heartbeatTicks?: number;
  /** Silence of the leader after which the others elect: a time drawn from this many ticks to twice as many. */
  readonly electionTicks?: number;
  /** Applied entries after which the next snapshot is taken. */
  readonly snapshotEntries?: number;
  /** Bytes of applied entries after which the next snapshot is taken. */
  readonly snapshotBytes?: number;
  /** Entries that stay in the log behind a snapshot, for members that are a little late. */
  readonly keptEntries?: number;
  /** Bytes of them at most. */
  readonly keptBytes?: number;
  /** Largest entry accepted. */
  readonly maxEntryBytes?: number;
}

export interface ReplicaParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stateMachine: StateMachine;
  readonly meter?: Meter | undefined;
  /** Opens the disk; `bootstrap` is what a new group begins with. */
  readonly openStorage: (bootstrap: SnapshotMeta) => Promise<OpenedStorage>;
  /** What the group wants other than the settings, as it is known now; absent: nothing. */
  readonly pace?: () => SnapshotPace;
  /** Absent: a group of one. */
  readonly transport?: Transport;
  /** Who founds the group; absent: this member alone. */
  readonly founders?: readonly string[];
  /** Called once when the disk failed or an invariant broke: the process must end, and never retry. */
  readonly onFatal: (error: Error) => void;
}

const mebibyte = 1024 * 1024;

export function withDefaults(options: ReplicaOptions): Required<ReplicaOptions> {
  return {
    address: '',
    tickMs: 50,
    heartbeatTicks: defaultLimits.heartbeatTicks,
    electionTicks: defaultLimits.electionTicks,
    snapshotEntries: 10_000,
    snapshotBytes: 64 * mebibyte,
    keptEntries: 500,
    keptBytes: 16 * mebibyte,
    maxEntryBytes: 64 * mebibyte,
    ...options,
  };
}

/** One member of a simulated group: what its process holds in memory beside the core. */
import type { Configuration, Entry } from '#raft/message';
import type { Raft } from '#raft/raft';
import type { RoleChange, Write } from '#raft/ready';
import { Durable, type Saved } from './raft-disk.ts';

export interface PendingRead {
  /** Tick of the member at which it began. */
  readonly began: number;
  /** What anybody had seen by then. */
  readonly seenBefore: number;
  /** Known once the group confirmed it. */
  index?: number;
}

export class Member {
  raft: Raft | undefined;
  readonly durable: Durable;
  /** Snapshots whose bytes came over the wire and are on the disk. */
  readonly arrived = new Map<number, Saved>();
  /** Gone for good: removed from the group, and its disk destroyed. */
  destroyed = false;
  incarnation = 0;
  ticks = 0;
  /** Writes not yet durable, oldest first, and when the oldest began. */
  writes: Write[] = [];
  writingSince = 0;
  stalledUntil = 0;
  frozen = false;
  missedTicks = 0;
  /** What came while it was frozen. */
  backlog: (() => void)[] = [];
  turnDue = false;
  /** The state machine. */
  index = 0;
  hash = 0;
  queue: Entry[] = [];
  applying = false;
  restoring: Saved | undefined;
  snapshotting = false;
  /** Term of each proposal that was taken, by index. */
  readonly proposals = new Map<number, number>();
  readonly reads = new Map<string, PendingRead>();
  told: RoleChange | undefined;
  /** Tick at which each other member last answered, and from which silence counts. */
  readonly heard = new Map<string, number>();
  silentSince = 0;
  voters = '';

  constructor(
    readonly id: string,
    readonly number: number,
    configuration: Configuration,
    readonly tickEvery: number,
  ) {
    this.durable = new Durable(configuration);
  }

  get role(): string {
    return this.raft?.status().role ?? 'down';
  }

  /** Everything that does not survive a crash. */
  forget(): void {
    this.raft = undefined;
    this.incarnation++;
    this.writes = [];
    this.frozen = false;
    this.missedTicks = 0;
    this.backlog = [];
    this.turnDue = false;
    this.queue = [];
    this.applying = false;
    this.restoring = undefined;
    this.snapshotting = false;
    this.proposals.clear();
    this.reads.clear();
    this.heard.clear();
    this.silentSince = 0;
    this.ticks = 0;
    this.told = undefined;
  }
}

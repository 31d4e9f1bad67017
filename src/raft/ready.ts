/** What a member asks of its driver after each turn. */
import type { Role } from './core.ts';
import type { Entry, HardState, Message, ReadState, SnapshotMeta } from './message.ts';

/** One job for the disk. Jobs are done in order; `replies` leave, and `appended` is called, when this one is durable. */
export interface Write {
  readonly hardState: HardState | undefined;
  /** Replace everything at and behind the first one's index. */
  readonly entries: readonly Entry[];
  /** A snapshot taken over from the leader: it voids all entries before this job's own. */
  readonly installed: SnapshotMeta | undefined;
  readonly replies: readonly Message[];
  /** The log's end as of this job; it counts only if the term is still the same then. */
  readonly attest: { readonly term: number; readonly index: number; readonly lastTerm: number };
}

export interface RoleChange {
  readonly role: Role;
  readonly term: number;
  readonly leader: string | undefined;
}

/**
 * All that a driver has to do, in this order; then it calls `appended` when the disk has done `write`, and `applied` when
 * the state machine holds what it was given. The state machine may take many turns for both `restore` and `apply`: until
 * it is done (with a `restore`: until the disk has done the `write` beside it as well), reads wait and no snapshot is
 * taken. What is still under way when a `restore` comes is dropped.
 */
export interface Ready {
  /** May leave at once. */
  readonly messages: readonly Message[];
  readonly write: Write | undefined;
  /** The state machine is to be replaced by this snapshot before `apply`. */
  readonly restore: SnapshotMeta | undefined;
  /** Role, term or leader are new: what was proposed in an earlier term ends as unknown unless it is applied. */
  readonly roleChange: RoleChange | undefined;
  /** Committed entries, in order; report them by `applied`, all at once or in parts. The next come when all are reported. */
  readonly apply: readonly Entry[];
  readonly reads: readonly ReadState[];
  /** Reads that will get no answer: ask again under a new id. */
  readonly failedReads: readonly string[];
  /** Indexes of this leader's own changes of membership that are done: they survive whatever happens to a minority. */
  readonly changesDone: readonly number[];
  /** Members that can be helped only by a snapshot newer than the last: take one, and report it by `snapshotTaken`. */
  readonly snapshotWanted: readonly string[];
}

/** One acceptance to each leader says it all: the highest. Each carries the commit index that is durable when it leaves. */
export function coalesced(replies: readonly Message[], commit: number): Message[] {
  const kept: Message[] = [];
  for (const reply of replies) {
    const last = kept.at(-1);
    if (reply.type !== 'appendReply') kept.push(reply);
    else if (last?.type === 'appendReply' && !last.rejected && !reply.rejected && last.to === reply.to && last.term === reply.term) {
      kept[kept.length - 1] = { ...reply, index: Math.max(last.index, reply.index), commit };
    } else kept.push({ ...reply, commit });
  }
  return kept;
}

/** What members of a group say to each other, and what they keep. */

/** One place in the log; `bytes` is encoded once and shared by log, disk and all peers, so nobody may write into it. */
export interface Entry {
  readonly term: number;
  readonly index: number;
  /** A normal entry without bytes starts a term. A configuration entry holds one encoded `Change`. */
  readonly kind: 'normal' | 'configuration';
  readonly bytes: Uint8Array;
}

/** Who takes part. Learners receive the log but count in no quorum. */
export interface Configuration {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** Where members are reached, as far as that is known. */
  readonly addresses?: Readonly<Record<string, string>>;
}

/** What must survive a crash beside the entries. `commit` may lag, but travels with the entries it came with. */
export interface HardState {
  readonly term: number;
  readonly vote: string | undefined;
  readonly commit: number;
}

/** Describes a snapshot; its bytes are the transport's and the disk's business. */
export interface SnapshotMeta {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

interface Addressed {
  readonly from: string;
  readonly to: string;
  readonly term: number;
}

/** The sender's commit position: it lets a member that may not campaign yet apply what it holds. */
interface CommitHint {
  readonly commit: number;
  readonly commitTerm: number;
}

export interface VoteRequest extends Addressed, CommitHint {
  /** A preVote asks for `term` without anybody entering it. */
  readonly type: 'preVote' | 'vote';
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Set when the leader itself asked for the change: skips the check for a live leader. */
  readonly transfer: boolean;
}

export interface VoteReply extends Addressed, CommitHint {
  /** A granted preVoteReply carries the requested term, a refused one the voter's own. */
  readonly type: 'preVoteReply' | 'voteReply';
  readonly granted: boolean;
}

export interface Append extends Addressed {
  readonly type: 'append';
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

/** Accepted: `index` is the last one known equal. Rejected: `index` repeats prevIndex, the hint is a place to go on from. */
export interface AppendReply extends Addressed {
  readonly type: 'appendReply';
  readonly index: number;
  readonly rejected: boolean;
  readonly hintIndex: number;
  readonly hintTerm: number;
  /** The commit index that the sender's disk holds: a change of membership is done when a majority remembers it. */
  readonly commit: number;
}

/** `commit` is never above what the receiver has acknowledged. `readSequence` numbers the leader's read rounds of this term. */
export interface Heartbeat extends Addressed {
  readonly type: 'heartbeat';
  readonly commit: number;
  readonly readSequence: number;
}

export interface HeartbeatReply extends Addressed {
  readonly type: 'heartbeatReply';
  readonly readSequence: number;
}

/** The transport sends the bytes along and steps this message only once they are durable at the receiver. */
export interface InstallSnapshot extends Addressed {
  readonly type: 'snapshot';
  readonly meta: SnapshotMeta;
}

export interface TimeoutNow extends Addressed {
  readonly type: 'timeoutNow';
}

export interface ReadIndex extends Addressed {
  readonly type: 'readIndex';
  /** Carries the sender's incarnation: an answer to a read of its earlier life fits none of this one. */
  readonly requestId: string;
}

export interface ReadIndexReply extends Addressed {
  readonly type: 'readIndexReply';
  readonly requestId: string;
  readonly index: number;
}

export type Message = VoteRequest | VoteReply | Append | AppendReply | Heartbeat | HeartbeatReply | InstallSnapshot | TimeoutNow | ReadIndex | ReadIndexReply;

/** A linearizable read that may go on. */
export interface ReadState {
  readonly requestId: string;
  /** The reader waits until this is applied. */
  readonly index: number;
}

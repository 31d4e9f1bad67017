/** What a leader knows of one member, and how much it may send. */
import { assert } from '#base/assert';

interface Sent {
  readonly lastIndex: number;
  readonly bytes: number;
}

export interface Window {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * probe: one append at a time, until an answer tells where the logs part. replicate: appends leave ahead of their answers.
 * snapshot: nothing is sent until the snapshot arrived or failed.
 */
export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  match = 0;
  next: number;
  /** Highest commit index this member was told. */
  sentCommit = 0;
  /** Highest commit index on the member's disk. */
  durableCommit = 0;
  paused = false;
  pendingSnapshot = 0;
  /** The next turn sends an append even without entries: as a probe, or because something must be answered. */
  askDue = false;
  /** The member has nothing at all: only a snapshot tells it who takes part. */
  needsSnapshot = false;
  /** Heard of since the last check of the quorum. New members start so, else adding one could depose the leader. */
  recentActive = true;
  /** Highest read round this member confirmed. */
  readAcknowledged = 0;
  #sent: Sent[] = [];
  #sentBytes = 0;
  readonly #window: Window;

  constructor(next: number, window: Window) {
    this.next = next;
    this.#window = window;
  }

  get windowFull(): boolean {
    return this.#sent.length >= this.#window.messages || this.#sentBytes >= this.#window.bytes;
  }

  get isPaused(): boolean {
    return this.state === 'snapshot' || this.paused;
  }

  becomeProbe(): void {
    this.next = this.state === 'snapshot' ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#enter('probe');
  }

  becomeReplicate(): void {
    this.next = this.match + 1;
    this.#enter('replicate');
  }

  becomeSnapshot(index: number): void {
    assert(this.state !== 'snapshot', `snapshot ${index} follows ${this.pendingSnapshot}, which is under way`);
    this.#enter('snapshot');
    this.pendingSnapshot = index;
  }

  #enter(state: Progress['state']): void {
    this.state = state;
    this.paused = false;
    this.pendingSnapshot = 0;
    this.needsSnapshot = false;
    this.#sent = [];
    this.#sentBytes = 0;
  }

  /** Notes an append of `count` entries that ends in `lastIndex`. */
  sent(count: number, lastIndex: number, bytes: number): void {
    if (count === 0) {
      // An empty append of a paused member is a probe: one per heartbeat's answer.
      if (this.state === 'probe' || this.windowFull) this.paused = true;
      return;
    }
    if (this.state === 'probe') {
      this.paused = true;
      return;
    }
    this.next = lastIndex + 1;
    this.#sent.push({ lastIndex, bytes });
    this.#sentBytes += bytes;
    this.paused = this.windowFull;
  }

  /** The member holds everything up to `index`; returns whether that is news. */
  acknowledge(index: number): boolean {
    const news = index > this.match;
    this.match = Math.max(this.match, index);
    this.next = Math.max(this.next, index + 1);
    if (news) {
      this.paused = false;
      this.needsSnapshot = false;
    }
    return news;
  }

  /** Gives the window free up to `index`. */
  free(index: number): void {
    const keep = this.#sent.findIndex((one) => one.lastIndex > index);
    const freed = this.#sent.splice(0, keep < 0 ? this.#sent.length : keep);
    for (const one of freed) this.#sentBytes -= one.bytes;
    this.paused = this.windowFull;
  }

  /** A rejection of the append behind `rejected`; returns false for a stale one. `hint` is where the leader would go on. */
  rejected(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.becomeProbe();
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.needsSnapshot = rejected === 0;
    this.paused = false;
    assert(this.match < this.next, `next ${this.next} is not above match ${this.match}`);
    return true;
  }
}

/** Drives the raft core over the disk: the log that the manager proposes to. */
import { assert } from '#base/assert';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { Storage, type Opened } from '#disk/storage';
import type { FileSystem } from '#disk/file-system';
import { defaultLimits } from '#raft/core';
import type { Entry } from '#raft/message';
import { Raft, type Proposed } from '#raft/raft';
import type { Ready, Write } from '#raft/ready';
import type { LeadershipListener, ReplicatedLog, StateMachine } from './replicated-log.ts';

export interface RaftLogOptions {
  /** State folder; made if missing. Another process must not have it open. */
  readonly folder: string;
  readonly nodeId: string;
  readonly tickMs?: number;
  /** Applied entries after which the next snapshot is taken. */
  readonly snapshotEntries?: number;
  readonly segmentBytes?: number;
  /** Largest entry accepted. */
  readonly maxEntryBytes?: number;
}

export interface RaftLogDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stateMachine: StateMachine;
  /** Called once when the disk failed or an invariant broke: the process must end, and never retry. */
  readonly onFatal: (error: Error) => void;
  /** Tests put a faulty disk here. */
  readonly files?: FileSystem;
}

interface Waiting {
  readonly term: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: Refusal) => void;
}

interface Read {
  /** Known once the group confirmed the read. */
  index: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Refusal) => void;
}

const mebibyte = 1024 * 1024;
const noLeader = "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

export class RaftLog implements ReplicatedLog {
  readonly #options: Required<RaftLogOptions>;
  readonly #dependencies: RaftLogDependencies;
  #storage: Storage | undefined;
  #raft: Raft | undefined;
  readonly #proposals = new Map<number, Waiting>();
  readonly #reads = new Map<string, Read>();
  #readCount = 0;
  #scheduled = false;
  #state: 'new' | 'running' | 'stopped' | 'failed' = 'new';
  #cancelTick: (() => void) | undefined;
  #snapshotIndex = 0;
  #snapshotting: Promise<void> | undefined;
  readonly #listeners = new Set<LeadershipListener>();
  /** The term in which this node leads and serves. */
  #leads: number | undefined;
  #starting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(options: RaftLogOptions, dependencies: RaftLogDependencies) {
    const defaults = { tickMs: 50, snapshotEntries: 10_000, segmentBytes: 64 * mebibyte, maxEntryBytes: 64 * mebibyte };
    this.#options = { ...defaults, ...options };
    this.#dependencies = dependencies;
  }

  async start(): Promise<void> {
    assert(this.#state === 'new', 'the log is started once');
    const { folder, nodeId, segmentBytes } = this.#options;
    const configuration = { voters: [nodeId], learners: [] };
    const opened = await Storage.open({
      folder,
      segmentBytes,
      bootstrap: { index: 0, term: 0, configuration },
      ...(this.#dependencies.files && { files: this.#dependencies.files }),
    });
    this.#restore(opened);
    this.#state = 'running';
    this.#tick();
    const leading = new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    this.#raft?.campaign();
    this.#schedule();
    await leading;
  }

  #restore(opened: Opened): void {
    const { nodeId } = this.#options;
    const { random, logger, stateMachine } = this.#dependencies;
    for (const warning of opened.warnings) logger.warn({ folder: this.#options.folder }, warning);
    const { voters } = opened.initial.snapshot.configuration;
    if (!voters.includes(nodeId)) {
      throw new Refusal('failedPrecondition', `the state in ${this.#options.folder} belongs to manager ${voters.join(', ')}, not to ${nodeId}`);
    }
    this.#storage = opened.storage;
    this.#snapshotIndex = opened.initial.snapshot.index;
    if (opened.state) stateMachine.restore(this.#snapshotIndex, opened.state);
    this.#raft = new Raft({ id: nodeId, incarnation: String(random.next()), limits: defaultLimits, random }, opened.initial);
  }

  leadership(listener: LeadershipListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  propose(bytes: Uint8Array, term: number): Promise<number> {
    if (!this.#raft || this.#state !== 'running' || this.#leads !== term) return Promise.reject(new Refusal('unavailable', noLeader));
    if (bytes.length > this.#options.maxEntryBytes) {
      return Promise.reject(new Refusal('invalidArgument', `a change of ${bytes.length} bytes is too large; the limit is ${this.#options.maxEntryBytes}`));
    }
    const proposed = this.#raft.propose(bytes);
    if (typeof proposed === 'string') return Promise.reject(refusalOf(proposed));
    this.#schedule();
    return new Promise((resolve, reject) => this.#proposals.set(proposed.index, { term: proposed.term, resolve, reject }));
  }

  readIndex(): Promise<void> {
    if (!this.#raft || this.#state !== 'running') return Promise.reject(new Refusal('unavailable', noLeader));
    const id = String(++this.#readCount);
    const promise = new Promise<void>((resolve, reject) => this.#reads.set(id, { index: undefined, resolve, reject }));
    this.#raft.readIndex(id);
    this.#schedule();
    return promise;
  }

  leads(): boolean {
    return this.#leads !== undefined;
  }

  async stop(): Promise<void> {
    this.#cancelTick?.();
    if (this.#state === 'running') this.#state = 'stopped';
    await this.#snapshotting;
    await this.#storage?.close().catch((error: unknown) => this.#fail(error as Error));
    // What became durable while closing is applied and answered; the rest is unknown to its callers.
    this.#turn();
    this.#endLeadership();
    this.#rejectAll('the manager is shutting down');
  }

  #tick(): void {
    this.#cancelTick = this.#dependencies.clock.after(this.#options.tickMs, () => {
      this.#raft?.tick();
      this.#schedule();
      this.#tick();
    });
  }

  /** Runs a turn after this one of the event loop, so that all proposals of a turn share one write. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (!this.#raft || this.#state === 'failed') return;
    try {
      const ready = this.#raft.ready();
      assert(ready.messages.length === 0 && !ready.restore, 'a lone voter talks to nobody');
      if (ready.write && this.#state === 'running') this.#write(ready.write);
      if (ready.apply.length > 0) this.#apply(this.#raft, ready.apply);
      this.#answerReads(this.#raft, ready);
      this.#watchLeadership(this.#raft);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #watchLeadership(raft: Raft): void {
    const term = this.#state === 'running' && this.#caughtUp(raft) ? raft.status().term : undefined;
    if (this.#leads === term) return;
    this.#endLeadership();
    this.#leads = term;
    if (term === undefined) return;
    for (const listener of this.#listeners) listener.began(term);
    this.#starting?.resolve();
  }

  #endLeadership(): void {
    if (this.#leads === undefined) return;
    this.#leads = undefined;
    for (const listener of this.#listeners) listener.ended();
  }

  /** A leader serves when the first entry of its term is applied: everything older is then applied too. */
  #caughtUp(raft: Raft): boolean {
    const { applied, role, term } = raft.status();
    return role === 'leader' && raft.termAt(applied) === term;
  }

  #write(write: Write): void {
    this.#storage
      ?.write(write)
      .then(() => {
        this.#raft?.appended(write);
        this.#schedule();
      })
      .catch((error: unknown) => this.#fail(error as Error));
  }

  #apply(raft: Raft, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind === 'normal' && entry.bytes.length > 0) this.#dependencies.stateMachine.apply(entry.index, entry.bytes);
    }
    const last = entries.at(-1)?.index ?? 0;
    raft.applied(last);
    for (const entry of entries) this.#answerProposal(entry);
    this.#snapshotIfDue(raft, last);
    this.#schedule();
  }

  #answerProposal(entry: Entry): void {
    const waiting = this.#proposals.get(entry.index);
    if (!waiting) return;
    this.#proposals.delete(entry.index);
    if (waiting.term === entry.term) waiting.resolve(entry.index);
    else waiting.reject(new Refusal('unavailable', 'the manager lost its leadership before the change was stored'));
  }

  #answerReads(raft: Raft, ready: Ready): void {
    for (const { requestId, index } of ready.reads) {
      const read = this.#reads.get(requestId);
      if (read) read.index = index;
    }
    for (const requestId of ready.failedReads) {
      this.#reads.get(requestId)?.reject(new Refusal('unavailable', noLeader));
      this.#reads.delete(requestId);
    }
    const { applied } = raft.status();
    for (const [requestId, read] of this.#reads) {
      if (read.index === undefined || read.index > applied) continue;
      this.#reads.delete(requestId);
      read.resolve();
    }
  }

  /** The state is taken in this turn; sealing and writing it goes on beside the entries that follow. */
  #snapshotIfDue(raft: Raft, index: number): void {
    if (this.#snapshotting || this.#state !== 'running' || index - this.#snapshotIndex < this.#options.snapshotEntries) return;
    const term = raft.termAt(index);
    assert(term !== undefined && this.#storage, `entry ${index} was applied and is gone`);
    const meta = { index, term, configuration: raft.status().configuration };
    const state = this.#dependencies.stateMachine.snapshot();
    this.#snapshotIndex = index;
    this.#snapshotting = this.#storage
      .snapshot(meta, state)
      .then(() => raft.snapshotTaken(meta, index))
      .catch((error: unknown) => this.#fail(error as Error))
      .finally(() => {
        this.#snapshotting = undefined;
      });
  }

  #fail(error: Error): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#cancelTick?.();
    this.#dependencies.logger.error({ error: error.message, folder: this.#options.folder }, 'the replicated log failed');
    this.#endLeadership();
    this.#rejectAll(`the replicated log failed: ${error.message}`);
    this.#starting?.reject(error);
    this.#dependencies.onFatal(error);
  }

  #rejectAll(reason: string): void {
    for (const waiting of [...this.#proposals.values(), ...this.#reads.values()]) waiting.reject(new Refusal('unavailable', reason));
    this.#proposals.clear();
    this.#reads.clear();
  }
}

function refusalOf(refused: Extract<Proposed, string>): Refusal {
  if (refused === 'full') return new Refusal('unavailable', 'too many changes wait for the disk: try again');
  return new Refusal('unavailable', noLeader);
}

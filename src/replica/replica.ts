/** Drives one member of the group: raft decides, the disk keeps, the transport carries, the state machine takes what is committed. */
import { assert } from '#base/assert';
import { Refusal } from '#base/refusal';
import { defaultLimits } from '#raft/core';
import type { Configuration, Entry, Message, SnapshotMeta } from '#raft/message';
import { Raft } from '#raft/raft';
import type { Ready, Write } from '#raft/ready';
import { Applier } from './applier.ts';
import { Leadership } from './leadership.ts';
import { Members } from './group/members.ts';
import { Pulse } from './group/pulse.ts';
import { withDefaults, type ReplicaOptions, type ReplicaParts } from './options.ts';
import { Proposals, refusalOf } from './proposals.ts';
import { Reads } from './reads.ts';
import type { LeadershipListener, MemberChanges, Outcome, ReplicatedLog, Standing } from './replicated-log.ts';
import { SnapshotExchange } from './snapshot-exchange.ts';
import { SnapshotRhythm } from './snapshot-rhythm.ts';
import { LeadersDisk } from './group/leaders-disk.ts';
import { Contacts, noLeaderRefusal, votesAlone } from './group/standing.ts';
import type { OpenedStorage, StableStorage } from './stable-storage.ts';

interface Running {
  readonly raft: Raft;
  readonly storage: StableStorage;
  readonly applier: Applier;
  readonly rhythm: SnapshotRhythm;
  readonly snapshots: SnapshotExchange;
  readonly members: Members;
  readonly contacts: Contacts;
}

export class Replica implements ReplicatedLog {
  readonly #options: Required<ReplicaOptions>;
  readonly #parts: ReplicaParts;
  readonly #leadership = new Leadership();
  readonly #proposals: Proposals;
  readonly #reads = new Reads();
  /** There from the start on, and together. */
  #running: Running | undefined;
  #state: 'new' | 'running' | 'stopped' | 'failed' = 'new';
  #scheduled = false;
  #inTurn = false;
  /** What the transport knows of who takes part. */
  #told: Configuration | undefined;
  readonly #pulse: Pulse;
  #snapshotting: Promise<void> | undefined;
  #starting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  readonly #disk: LeadersDisk;
  /** The write that puts the snapshot of another member into force. */
  #installed: Promise<void> = Promise.resolve();

  constructor(options: ReplicaOptions, parts: ReplicaParts) {
    this.#options = withDefaults(options);
    this.#parts = parts;
    this.#proposals = new Proposals(parts.clock, parts.meter);
    this.#disk = new LeadersDisk(this.#options.tickMs);
    this.#pulse = new Pulse(parts.clock, this.#options.tickMs, () => this.#tick());
  }

  async start(): Promise<void> {
    assert(this.#state === 'new', 'the log is started once');
    const voters = (this.#parts.founders ?? [this.#options.nodeId]).toSorted();
    const opened = await this.#parts.openStorage({ index: 0, term: 0, configuration: { voters, learners: [] } });
    const raft = await this.#restore(opened);
    this.#state = 'running';
    this.#tellTransport(raft.status().configuration);
    await this.#parts.transport?.start({
      message: (from, message) => this.#receive(from, message),
      snapshot: (from, message, pieces) => (this.#running as Running).snapshots.receive(from, message, pieces),
      unreachable: (id) => raft.unreachable(id),
      reachable: (id) => {
        raft.reachable(id);
        this.#schedule();
      },
    });
    this.#keepTime();
    const served = new Promise<void>((resolve, reject) => (this.#starting = { resolve, reject }));
    if (votesAlone(raft.status().configuration, this.#options.nodeId)) raft.campaign();
    this.#schedule();
    await served;
  }

  async #restore({ storage, initial, state, warnings }: OpenedStorage): Promise<Raft> {
    const { nodeId, address, heartbeatTicks, electionTicks, snapshotEntries, snapshotBytes, keptEntries, keptBytes } = this.#options;
    const { clock, random, logger, stateMachine } = this.#parts;
    for (const warning of warnings) logger.warn({}, warning);
    const { index, configuration } = initial.snapshot;
    if (!this.#parts.transport && !configuration.voters.includes(nodeId)) {
      await storage.close();
      throw new Refusal(
        'failedPrecondition',
        `the state folder belongs to manager ${configuration.voters.join(', ')}, not to ${nodeId}: start the daemon with the state folder of this node`,
      );
    }
    if (state) await stateMachine.restore(index, state);
    const raft = new Raft(
      { id: nodeId, incarnation: Buffer.from(random.bytes(8)).toString('hex'), limits: { ...defaultLimits, heartbeatTicks, electionTicks }, random },
      initial,
    );
    const applier = new Applier(index, {
      machine: stateMachine,
      read: (meta) => storage.read(meta),
      applied: (entry, outcome) => this.#applied(entry, outcome),
      restored: (meta) => this.#restored(meta),
      failed: (error) => this.#fail(error),
    });
    const rhythm = new SnapshotRhythm(index, { entries: snapshotEntries, bytes: snapshotBytes }, { entries: keptEntries, bytes: keptBytes }, this.#parts.pace);
    const snapshots = new SnapshotExchange({
      nodeId,
      transport: this.#parts.transport,
      logger,
      raft,
      storage,
      running: () => this.#state === 'running',
      install: async (from, message) => {
        this.#receive(from, message);
        this.#turn();
        await this.#installed;
      },
      changed: () => this.#schedule(),
    });
    const contacts = new Contacts(clock, this.#electionMs, this.#parts.meter);
    const changed = (): void => this.#schedule();
    const members = new Members({ nodeId, address, raft, contacts, clock, logger, electionMs: this.#electionMs, leads: () => this.leads(), changed });
    this.#running = { raft, storage, applier, rhythm, snapshots, members, contacts };
    return raft;
  }

  leadership(listener: LeadershipListener): () => void {
    return this.#leadership.listen(listener);
  }

  /** Why nothing can be changed: the disk is full. Undefined while there is space. */
  get full(): Refusal | undefined {
    return this.#running?.storage.full;
  }

  leads(): boolean {
    return this.#leadership.term !== undefined;
  }

  get members(): MemberChanges {
    if (!this.#running || this.#state !== 'running') throw noLeaderRefusal(undefined);
    return this.#running.members;
  }

  standing(): Standing | undefined {
    return this.#running?.contacts.standing(this.#running.raft.status());
  }

  /** The longest that an election takes to begin. */
  get #electionMs(): number {
    return 2 * this.#options.electionTicks * this.#options.tickMs;
  }

  propose(bytes: Uint8Array, term: number): Promise<Outcome> {
    if (!this.#running || this.#state !== 'running' || this.#leadership.term !== term) return Promise.reject(this.#noLeader());
    if (bytes.length > this.#options.maxEntryBytes)
      return Promise.reject(new Refusal('invalidArgument', `a change of ${bytes.length} bytes is too large; the limit is ${this.#options.maxEntryBytes}`));
    if (this.#running.storage.full) return Promise.reject(this.#running.storage.full);
    const proposed = this.#running.raft.propose(bytes);
    if (typeof proposed === 'string') return Promise.reject(refusalOf(proposed) ?? this.#noLeader());
    const settled = this.#proposals.add(proposed.index, proposed.term);
    // Whoever proposes has gathered what belongs together: nothing is gained by waiting for more.
    this.#turnNow();
    return settled;
  }

  /** Changes whose outcome is waited for. */
  get proposalsPending(): number {
    return this.#proposals.count;
  }

  readIndex(): Promise<void> {
    if (!this.#running || this.#state !== 'running') return Promise.reject(this.#noLeader());
    if (this.#reads.full) return Promise.reject(new Refusal('unavailable', 'the manager is busy: too many reads wait'));
    const { id, done } = this.#reads.add();
    this.#running.raft.readIndex(id);
    this.#schedule();
    return done;
  }

  async stop(): Promise<void> {
    // The others need not wait until they miss this one.
    if (this.#state === 'running' && this.leads()) await this.#running?.members.transfer();
    this.#pulse.stop();
    if (this.#state === 'running') this.#state = 'stopped';
    await this.#parts.transport?.stop();
    await this.#snapshotting;
    await this.#running?.storage.close().catch((error: unknown) => this.#fail(error as Error));
    // What became durable while closing is applied and answered; the rest is unknown to its callers.
    this.#turn();
    this.#running?.applier.stop();
    this.#leadership.set(undefined);
    this.#rejectAll('the manager is shutting down');
  }

  #tick(): void {
    this.#running?.raft.tick();
    this.#running?.members.tick();
    this.#giveUpIfDiskFails();
    this.#schedule();
    this.#keepTime();
  }

  /** A lone voter that leads waits for nobody. */
  #keepTime(): void {
    if (!this.#running) return;
    const { role, configuration } = this.#running.raft.status();
    const leadsAlone = role === 'leader' && configuration.voters.length === 1 && this.#running.members.atRest;
    this.#pulse.keep(this.#state === 'running' && !leadsAlone);
  }

  #giveUpIfDiskFails(): void {
    if (!this.#running) return;
    const { raft, storage, members } = this.#running;
    const { role, configuration } = raft.status();
    const leadsOthers = role === 'leader' && configuration.voters.length > 1;
    const fault = this.#disk.look(this.#parts.clock.monotonicNow(), { leadsOthers, isFull: storage.full !== undefined, stalledMs: this.#electionMs / 2 });
    if (fault === undefined) return;
    const what = fault === 'full' ? 'is full' : 'has not answered for longer than an election takes';
    this.#parts.logger.warn({}, `the disk ${what}: this manager gives up leadership to the others`);
    if (fault === 'full') void members.transfer();
    else raft.stepDown();
  }

  /** Runs a turn after this one of the event loop, so that all that came in it shares one write and one message to each member. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.soon(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** Runs a turn at once where that does not come amid another one. */
  #turnNow(): void {
    if (this.#inTurn) this.#schedule();
    else this.#turn();
  }

  #turn(): void {
    if (!this.#running || this.#state === 'failed') return;
    const { raft, applier } = this.#running;
    this.#inTurn = true;
    try {
      const ready = raft.ready();
      this.#send(ready.messages);
      const written = ready.write && this.#state === 'running' ? this.#write(ready.write) : Promise.resolve();
      if (ready.restore) {
        this.#installed = written;
        applier.restore(ready.restore, written);
      }
      if (ready.apply.length > 0) applier.apply(ready.apply);
      this.#answerReads(ready);
      if (ready.snapshotWanted.length > 0) this.#running.rhythm.want();
      this.#watchLeadership();
      this.#running.contacts.watch(raft.status());
      this.#running.members.turn(ready);
      this.#tellTransport(raft.status().configuration);
      this.#snapshotIfDue();
      this.#keepTime();
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#inTurn = false;
    }
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.type === 'snapshot') void this.#running?.snapshots.send(message);
      else this.#parts.transport?.send(message);
    }
  }

  /** Each is told once. */
  #tellTransport(configuration: Configuration): void {
    if (configuration === this.#told) return;
    if (this.#told && this.leads()) this.#running?.rhythm.change(this.#told, configuration);
    this.#told = configuration;
    this.#parts.transport?.members(configuration);
  }

  #noLeader(): Refusal {
    return noLeaderRefusal(this.standing());
  }

  #receive(from: string, message: unknown): void {
    if (!this.#running || this.#state !== 'running') return;
    this.#running.contacts.heard(from);
    try {
      this.#step(from, message);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #step(from: string, message: unknown): void {
    const invalid = this.#running?.raft.receive(message, from);
    if (invalid)
      this.#parts.logger.warn(
        { manager: from, reason: invalid.invalid },
        'a message of another manager makes no sense and is dropped: is it of another version?',
      );
    this.#schedule();
  }

  /** Resolves when the job is durable; never when the disk failed. */
  async #write(write: Write): Promise<void> {
    const { raft, storage } = this.#running as Running;
    this.#disk.writes.begin(this.#parts.clock.monotonicNow());
    try {
      await storage.write(write);
      this.#disk.writes.done();
      this.#send(raft.appended(write));
      this.#turnNow();
    } catch (error) {
      this.#fail(error as Error);
      await new Promise(() => {});
    }
  }

  #applied(entry: Entry, outcome: Outcome): void {
    const { raft, rhythm } = this.#running as Running;
    raft.applied(entry.index);
    rhythm.count(entry.bytes.length);
    if (!outcome.applied) {
      this.#parts.logger.warn({ index: entry.index, reason: outcome.reason }, 'an entry of the log took no effect: its request was lost or is asked again');
    }
    this.#proposals.settle(entry.index, entry.term, outcome);
    this.#schedule();
  }

  #restored(meta: SnapshotMeta): void {
    this.#running?.rhythm.taken(meta.index);
    this.#parts.logger.info({ index: meta.index }, 'took over the whole state from the leader');
    this.#schedule();
  }

  #answerReads(ready: Ready): void {
    for (const { requestId, index } of ready.reads) this.#reads.confirmed(requestId, index);
    for (const requestId of ready.failedReads) this.#reads.fail(requestId, this.#noLeader());
    this.#reads.release(this.#running?.applier.index ?? 0);
  }

  /** A leader serves when the first entry of its term is applied: everything older is then applied too. */
  #watchLeadership(): void {
    const { raft, applier } = this.#running as Running;
    const { role, term, configuration } = raft.status();
    const leads = this.#state === 'running' && role === 'leader' && raft.termAt(applier.index) === term;
    this.#leadership.set(leads ? term : undefined);
    if (!leads) this.#proposals.giveUp('the manager lost its leadership while the change was being stored');
    // A lone voter serves when it leads; with others, who may be in the log behind the snapshot alone, it may be long until somebody does.
    if (leads || !votesAlone(configuration, this.#options.nodeId)) this.#starting?.resolve();
  }

  /** The state is taken in this turn; sealing and writing it goes on beside the entries that follow. */
  #snapshotIfDue(): void {
    const { raft, applier, rhythm, storage } = this.#running as Running;
    if (this.#snapshotting || this.#state !== 'running' || !applier.idle || !rhythm.due) return;
    const { index } = applier;
    const meta = raft.snapshotMeta();
    assert(meta.index === index, `the state is that of entry ${index}, and the log says ${meta.index}`);
    const { kept, older } = rhythm;
    rhythm.taken(index);
    this.#snapshotting = storage
      .snapshot(meta, this.#parts.stateMachine.snapshot(), older)
      .then(() => raft.snapshotTaken(meta, index - kept))
      .catch((error: unknown) => {
        if (!(error instanceof Refusal && error.facts['reason'] === 'diskFull')) return this.#fail(error as Error);
        // The log goes on from the snapshot before.
        this.#parts.logger.warn({ index }, `${error.message}; no snapshot was taken, the next is tried after as many entries again`);
      })
      .finally(() => {
        this.#snapshotting = undefined;
        this.#schedule();
      });
  }

  #fail(error: Error): void {
    if (this.#state === 'failed') return;
    if (this.#state === 'stopped') return this.#parts.logger.error({ error: error.message }, 'the log of this manager did not end well');
    this.#state = 'failed';
    this.#pulse.stop();
    this.#running?.applier.stop();
    this.#parts.logger.error({ error: error.message }, 'this manager cannot go on: it ends, and takes up the log again when it is started');
    this.#leadership.set(undefined);
    this.#rejectAll(`the replicated log failed (${error.message})`);
    this.#starting?.reject(error);
    this.#parts.onFatal(error);
  }

  #rejectAll(reason: string): void {
    this.#proposals.giveUp(reason);
    this.#reads.failAll(reason);
    this.#running?.members.stop();
  }
}

/** Follows one repository: looks, renders, plans, carries the plan out, and says what came of it. */
import { randomInt } from 'node:crypto';
import type { Clock } from '#base/clock';
import { nanosecondsPerMillisecond } from '#base/text/duration';
import type { Logger } from '#base/logger';
import { Retries } from '#base/pace/retries';
import { underAny } from '#base/pace/under-any';
import { Refusal } from '#base/refusal';
import { noMeter, type Meter } from '#base/meter';
import type { Cluster } from '#control/cluster';
import type { AskRegistries } from '#control/stack/image-digests';
import { keysFor } from '#control/repository/repository-sealing';
import { sealingOf } from '#control/sealing';
import { followedText, heldLine } from '#control/repository/rewrites';
import type { CommitList } from '#model/git/notify';
import type { RepositorySpec } from '#model/object/repository';
import type { RenderedStack } from '#reconciler/rendered';
import { CarryOut, type SeenCommit, type WaitingChanges } from './apply/carry-out.ts';
import type { Rehearsal } from './apply/rehearsal.ts';
import type { ReconcileEvents } from './events.ts';
import { Rewritten, type GitWorkers } from './git-workers.ts';
import type { CommitRange, HeldLine, MirrorPlace, SealingKeys } from './protocol.ts';
import { RepositoryReader, type PeekedCommit } from './repository-reader.ts';
import type { HeldPart, Shares } from './shares/held-bytes.ts';
import { VaultValues } from './vault/vault-values.ts';

export interface FollowerParts {
  cluster: Cluster;
  events: ReconcileEvents;
  clock: Clock;
  meter?: Meter | undefined;
  logger: Logger;
  workers: GitWorkers;
  registries?: { ask: AskRegistries };
  /** Where the repository is, and its mirror. */
  place: MirrorPlace;
  /** Before each look; false: there is nothing to look at yet. */
  prepare?: () => Promise<boolean>;
  /** Parts of what the leader may hold of it; absent: there is no bound. */
  shares?: Shares;
  /** What the first change would otherwise have to wait for; absent: it waits. */
  rehearsal?: Rehearsal;
  /** The end of whoever followed it before; absent: nobody did. */
  before?: Promise<void>;
  /** From 0 to 1; absent: by chance. */
  chance?: () => number;
}

/** A change of a stack by hand is often several calls: look once they are done. */
const driftQuietMs = 200;
/** What fails for now is tried again soon, and ever more slowly; what only another commit or another word of the operator's can mend waits for the next poll. */
const retry = { firstMs: 1_000, slowestMs: 5 * 60_000 };
/** Repositories that were added together do not ask together. */
const jitter = 0.1;
/** That wait for their turn, or have it. */
const mostPeeks = 16;
/** For retries: there is one look, and one comparison. */
const [lookWord, compareWord] = ['look', 'compare'];
const chanceSteps = 2 ** 32;

export class Follower {
  readonly #spec: RepositorySpec;
  readonly #parts: FollowerParts;
  readonly #chance: () => number;
  readonly #reader: RepositoryReader;
  readonly #stop = new AbortController();
  readonly #carryOut: CarryOut;
  readonly #values: VaultValues;
  /** The commit that the cluster was found equal to, as long as nothing of ours changed since: a look that finds no other is over. */
  #settled: SeenCommit | undefined;
  /** The last comparison found that nothing is to do and nothing waits, and nothing of ours changed since. */
  #isEqual = false;
  /** The end of all that was begun or waits for its turn: looks, comparisons and peeks share a mirror. */
  #turns: Promise<void> = Promise.resolve();
  /** The run that waits for its turn, and what it will do. */
  #next: Promise<void> | undefined;
  #again: 'look' | 'drift' | undefined;
  #peeks = 0;
  #cancelTimer: () => void = () => {};
  /** The comparison that is to come. */
  #drift: { at: number; cancel: () => void } | undefined;
  /** Of the look, and of the comparison. */
  readonly #retries: Retries;

  constructor(spec: RepositorySpec, parts: FollowerParts) {
    this.#spec = spec;
    this.#chance = parts.chance ?? (() => randomInt(chanceSteps) / chanceSteps);
    this.#retries = new Retries(retry, parts.clock);
    this.#parts = parts;
    const { workers, place, cluster } = parts;
    const sealing = async (): Promise<SealingKeys> => {
      const view = await cluster.read();
      const repository = view.byName('repository', spec.Name);
      // For one that is gone meanwhile nothing is opened.
      return repository ? { identity: sealingOf(view)?.Identity, keys: keysFor(view, repository) } : { identity: undefined, keys: undefined };
    };
    const line = async (): Promise<HeldLine | undefined> => heldLine((await cluster.read()).byName('repository', spec.Name));
    const { shares } = parts;
    const reading = { workers, place, sealing, line, signal: this.#stop.signal, changed: () => void this.sync(), ...(shares && { shares }) };
    this.#reader = new RepositoryReader(spec, reading);
    this.#values = new VaultValues({ cluster, clock: parts.clock, signal: this.#stop.signal, repository: spec.Name, place: spec.Vault });
    this.#carryOut = new CarryOut(spec.Name, {
      ...parts,
      values: this.#values,
      followed: followedText(spec),
      renderAt: (commit) => this.#reader.renderAt(commit),
    });
  }

  start(): void {
    void this.sync();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#reader.stop();
    this.#cancelTimer();
    this.#drift?.cancel();
    await this.#turns;
    this.#carryOut.stop();
  }

  /** `sync` for somebody who asks for it. `renews`: values of a vault are asked for anew. */
  lookNow(renews: boolean): Promise<void> {
    this.#values.askNow(renews);
    return this.sync();
  }

  /** One whole look from fetch to status. Calls that come while one runs share the next. */
  sync(): Promise<void> {
    return this.#request('look');
  }

  /** Something of ours changed in the cluster: compare again with the commit at hand, without asking the remote. */
  noticeDrift(): void {
    this.#settled = undefined;
    this.#isEqual = false;
    this.#compareIn(driftQuietMs);
  }

  /** It is known what became of a version of ours: who waited for it may go on. */
  noticeVerdict(): void {
    if (!this.#isEqual) this.noticeDrift();
  }

  /** `ms` from now, or before that. */
  #compareIn(ms: number): void {
    const at = this.#parts.clock.monotonicNow() + ms;
    if (this.#drift !== undefined && this.#drift.at <= at) return;
    this.#drift?.cancel();
    const cancel = this.#parts.clock.after(ms, () => {
      this.#drift = undefined;
      void this.#request('drift');
    });
    this.#drift = { at, cancel };
  }

  /** Gives `use` what `ref` leads to, read between two looks: they share a mirror. */
  async peek<T>(ref: string | undefined, use: (seen: SeenCommit) => Promise<T>): Promise<T> {
    if (this.#peeks >= mostPeeks) throw new Refusal('unavailable', `${mostPeeks} plans of the repository wait already: ask again later`);
    this.#peeks++;
    let done = (): void => {};
    try {
      const peeked = await this.#turn(() => this.#peek(ref));
      ({ done } = peeked);
      const { seen } = peeked;
      // A vault that is away keeps nobody else from the mirror.
      const accepted = ref === undefined || seen.commit === this.#reader.rendered?.commit;
      return await use({ ...seen, stacks: await this.#values.resolved(seen.stacks, accepted ? 'asked' : 'known') });
    } finally {
      done();
      this.#peeks--;
    }
  }

  /** What came with a commit, when all that is under way is done. Throws where that cannot be said within `ms`. */
  commits(range: CommitRange, ms: number): Promise<CommitList> {
    const { workers, place, clock } = this.#parts;
    const end = new AbortController();
    const cancel = clock.after(ms, () => end.abort());
    const asked = underAny([this.#stop.signal, end.signal], (signal) => {
      const late = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Refusal('unavailable', 'the repository is busy')), { once: true });
      });
      const turn = this.#turn(async () => {
        signal.throwIfAborted();
        return workers.commits(place, range, signal);
      });
      return Promise.race([turn, late]);
    });
    return asked.finally(cancel);
  }

  async #peek(ref: string | undefined): Promise<PeekedCommit> {
    if (this.#stop.signal.aborted) throw new Refusal('unavailable', 'the repository is not followed any more');
    if (this.#parts.prepare && !(await this.#parts.prepare())) throw new Refusal('failedPrecondition', 'nothing was pushed to the repository yet');
    return this.#reader.peek(ref);
  }

  /** Stacks of the repository with what they have from a vault. */
  valued(stacks: readonly RenderedStack[]): Promise<readonly RenderedStack[]> {
    return this.#values.resolved(stacks, 'asked');
  }

  /** A part of what the leader may hold, for what would be followed next. */
  coming(): HeldPart {
    return this.#reader.coming();
  }

  /** Begins when all that came before has ended. */
  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work);
    this.#turns = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  async #request(kind: 'look' | 'drift'): Promise<void> {
    if (this.#stop.signal.aborted) return;
    if (this.#again !== 'look') this.#again = kind;
    // A run under way may have fetched before the caller's commit: the one after it counts.
    this.#next ??= this.#turn(async () => {
      const next = this.#again;
      this.#next = undefined;
      this.#again = undefined;
      if (next !== undefined && !this.#stop.signal.aborted) await this.#run(next);
    });
    await this.#next;
  }

  async #run(kind: 'look' | 'drift'): Promise<void> {
    await this.#parts.before;
    if (this.#stop.signal.aborted) return;
    const looks = kind === 'look';
    // A comparison moves nothing of when the repository is asked next.
    if (looks) this.#cancelTimer();
    const began = this.#parts.clock.monotonicNow();
    let retryMs: number | undefined;
    try {
      let trouble: unknown;
      if (this.#parts.prepare && !(await this.#parts.prepare())) return;
      if (looks)
        trouble = await this.#reader.look().then(
          () => undefined,
          (error: unknown) => error ?? new Error('the look failed'),
        );
      // What was seen last stays in force: changes by hand are reverted also while the repository is away.
      // Where that cannot be had either, the trouble with what is new says more.
      if (trouble !== undefined) await this.#reader.recall().catch(() => {});
      await this.#compare(looks && trouble === undefined);
      if (trouble !== undefined) throw trouble;
      if (looks) this.#count('read', began);
      this.#retries.forget(looks ? lookWord : compareWord);
    } catch (error) {
      if (!looks && !this.#stop.signal.aborted) {
        this.#retries.failed(compareWord);
        this.#compareIn(this.#retries.dueInMs(compareWord));
      }
      if (looks && isPassing(error)) {
        this.#retries.failed(lookWord);
        retryMs = this.#retries.dueInMs(lookWord);
      }
      if (looks && !this.#stop.signal.aborted) this.#count('failed', began);
      // What is said now is taken back by the next look that goes well, also where the commit is the same.
      this.#settled = undefined;
      if (!this.#stop.signal.aborted) await this.#carryOut.unavailable(error as Error);
    } finally {
      const nextMs = (retryMs ?? this.#spec.Interval / nanosecondsPerMillisecond) * (1 - jitter + 2 * jitter * this.#chance());
      if (looks && !this.#stop.signal.aborted) this.#cancelTimer = this.#parts.clock.after(nextMs, () => void this.sync());
    }
  }

  #count(result: 'read' | 'failed', began: number): void {
    const { clock, meter = noMeter } = this.#parts;
    const repository = this.#spec.Name;
    meter.count('shoal_repository_syncs_total', { repository, result });
    meter.took('shoal_repository_sync_seconds', (clock.monotonicNow() - began) / 1000, { repository });
    if (result === 'read') meter.note('shoal_repository_last_success_timestamp_seconds', clock.now() / 1000, { repository });
  }

  /** `seen`: the repository was read just now. */
  async #compare(seen: boolean): Promise<void> {
    const { rendered } = this.#reader;
    if (seen && rendered && this.#settled === rendered && !this.#carryOut.follows(rendered) && !this.#values.renews) return;
    this.#isEqual = false;
    // What was noticed before now is seen by this one.
    const isDue = this.#drift !== undefined;
    this.#drift?.cancel();
    this.#drift = undefined;
    try {
      if (rendered) await this.#compareWith(rendered, seen);
      else await this.#carryOut.keep();
    } catch (error) {
      if (isDue) this.#compareIn(driftQuietMs);
      throw error;
    }
    // For what is due later.
    const { againMs } = this.#carryOut;
    if (againMs !== undefined) this.#compareIn(againMs);
  }

  async #compareWith(rendered: SeenCommit, seen: boolean): Promise<void> {
    // What changes meanwhile is heard of, and takes it back.
    this.#settled = rendered;
    const equal = await this.#carryOut.run(rendered, seen);
    if (!equal) this.#settled = undefined;
    this.#isEqual = this.#settled === rendered;
    if (!this.#stop.signal.aborted) this.#parts.rehearsal?.begin(this.#spec.Name, rendered.stacks);
  }

  /** What is not written because the stack or the repository is suspended. */
  get waiting(): ReadonlyMap<string, WaitingChanges> {
    return this.#carryOut.waiting;
  }

  /** The stack as the commit at hand asks for it. */
  async rendered(stack: string): Promise<RenderedStack | undefined> {
    const found = this.#reader.rendered?.stacks.find(({ Name }) => Name === stack);
    return found && (await this.#values.resolved([found], 'drift'))[0];
  }
}

/** Whether the same may go well in a moment, though nobody changed anything. */
function isPassing(error: unknown): boolean {
  if (error instanceof Rewritten) return false;
  return !(error instanceof Refusal) || (error.code === 'unavailable' && error.facts['commit'] !== true);
}

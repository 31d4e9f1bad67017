/** Follows one repository: looks, renders, plans, carries the plan out, and says what came of it. */
import { timeText, type Clock } from '#base/clock';
import { nanosecondsPerMillisecond } from '#base/duration';
import { equal } from '#base/equal';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { Cluster } from '#control/cluster';
import { setRepositoryStatus } from '#control/repository/repositories';
import { deployStack, removeStack, setStackCondition } from '#control/stack/stacks';
import type { RepositorySpec, RepositoryStatus } from '#model/repository';
import { failedStacks, refusedBefore, syncedStatus, unavailableStatus } from '#reconciler/outcome';
import { planRepository, type Step } from '#reconciler/plan';
import type { RenderedStack } from '#reconciler/rendered';
import type { ReconcileEvent, ReconcileEvents } from './events.ts';
import { Mirror } from './git.ts';
import { LocalWatch } from './local-watch.ts';
import { hasStackFolder, renderCommit } from './render.ts';
import { BlobCache, Snapshot } from './snapshot.ts';

export interface FollowerParts {
  cluster: Cluster;
  events: ReconcileEvents;
  clock: Clock;
  logger: Logger;
  /** Folder for this repository's mirror, and git's home. */
  folder: string;
  home: string;
}

/** A change of a stack by hand is often several calls: look once they are done. */
const driftQuietMs = 200;
/** Whoever fights with us, a person or another tool, is answered ever more slowly. */
const driftSlowestMs = 60_000;

export class Follower {
  readonly #spec: RepositorySpec;
  readonly #parts: FollowerParts;
  readonly #mirror: Mirror;
  readonly #cache = new BlobCache();
  readonly #stop = new AbortController();
  readonly #watch: LocalWatch;
  #rendered: { commit: string; stacks: readonly RenderedStack[]; missing: { missing?: string } } | undefined;
  #inForce: ReadonlySet<string> = new Set();
  #running: Promise<void> | undefined;
  #again: 'look' | 'drift' | undefined;
  #cancelTimer: () => void = () => {};
  #cancelDrift: (() => void) | undefined;
  #lastRevert: { at: number; delayMs: number } | undefined;

  constructor(spec: RepositorySpec, parts: FollowerParts) {
    this.#spec = spec;
    this.#parts = parts;
    this.#watch = new LocalWatch(spec.URL, () => void this.sync());
    this.#mirror = new Mirror(parts.folder, parts.home, this.#stop.signal);
  }

  start(): void {
    void this.sync();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#watch.stop();
    this.#cancelTimer();
    this.#cancelDrift?.();
    await this.#running;
  }

  /** One whole look from fetch to status. Calls that come while one runs share the next. */
  sync(): Promise<void> {
    return this.#request('look');
  }

  /** Something of ours changed in the cluster: compare again with the commit at hand, without asking the remote. */
  noticeDrift(): void {
    this.#cancelDrift ??= this.#parts.clock.after(this.#driftDelayMs(), () => {
      this.#cancelDrift = undefined;
      void this.#request('drift');
    });
  }

  /** Doubles with each revert that soon follows another. */
  #driftDelayMs(): number {
    const last = this.#lastRevert;
    if (!last || this.#parts.clock.now() - last.at > 2 * driftSlowestMs) return driftQuietMs;
    return Math.min(driftSlowestMs, last.delayMs);
  }

  async #request(kind: 'look' | 'drift'): Promise<void> {
    if (this.#stop.signal.aborted) return;
    if (this.#again !== 'look') this.#again = kind;
    // A run under way may have fetched before the caller's commit: the one after it counts.
    const run = this.#running;
    if (run) await run;
    if (this.#again === undefined || this.#stop.signal.aborted) return this.#running;
    const next = this.#again;
    this.#again = undefined;
    this.#running = this.#run(next).finally(() => (this.#running = undefined));
    await this.#running;
  }

  async #run(kind: 'look' | 'drift'): Promise<void> {
    this.#cancelTimer();
    try {
      let trouble: unknown;
      const looks = kind === 'look' || !this.#rendered;
      if (looks)
        trouble = await this.#look().then(
          () => undefined,
          (error: unknown) => error ?? new Error('the look failed'),
        );
      // What was seen last stays in force: changes by hand are reverted also while the repository is away.
      if (trouble !== undefined) await this.#recall();
      await this.#reconcile(looks && trouble === undefined);
      if (trouble !== undefined) throw trouble;
    } catch (error) {
      await this.#failed(error as Error);
    } finally {
      const intervalMs = this.#spec.Interval / nanosecondsPerMillisecond;
      if (!this.#stop.signal.aborted) this.#cancelTimer = this.#parts.clock.after(intervalMs, () => void this.sync());
    }
  }

  async #look(): Promise<void> {
    const { URL, Branch } = this.#spec;
    // Before the look: what changes after it is heard of.
    this.#watch.ensure();
    const head = await this.#mirror.remoteHead(URL, Branch);
    if (head === this.#rendered?.commit) return;
    await this.#render(await this.#mirror.fetch(URL, Branch));
  }

  /** After a restart without the repository: the mirror holds what was followed last. */
  async #recall(): Promise<void> {
    if (this.#rendered || this.#stop.signal.aborted) return;
    const commit = await this.#mirror.followed();
    if (commit !== undefined) await this.#render(commit);
  }

  async #render(commit: string): Promise<void> {
    const { Path } = this.#spec;
    const snapshot = new Snapshot(commit, await this.#mirror.tree(commit), this.#mirror, this.#cache);
    this.#rendered = { commit, stacks: await renderCommit(snapshot, Path), missing: hasStackFolder(snapshot, Path) ? {} : { missing: Path } };
  }

  /** `seen`: the repository was read just now. */
  async #reconcile(seen: boolean): Promise<void> {
    const { cluster, clock } = this.#parts;
    if (!this.#rendered) return;
    const { commit, stacks, missing } = this.#rendered;
    const view = await cluster.read();
    const steps = planRepository(view, this.#spec.Name, stacks, { now: clock.now(), inForce: this.#inForce });
    const refused: Record<string, readonly string[]> = {};
    for (const stack of stacks) {
      const errors = refusedBefore(view, this.#spec.Name, stack);
      if (errors && !steps.some((step) => step.name === stack.Name)) refused[stack.Name] = errors;
    }
    for (const step of steps) {
      const errors = await this.#carryOut(step);
      if (errors.length > 0) refused[step.name] = errors;
    }
    this.#inForce = new Set(stacks.map(({ Name }) => Name).filter((name) => !(name in refused)));
    const failed = failedStacks(await cluster.read(), this.#spec.Name);
    const before = view.byName('repository', this.#spec.Name)?.Status.Failed ?? {};
    for (const [name, errors] of Object.entries(failed)) {
      if (!equal(before[name], errors)) this.#emit({ type: 'stack', name, action: 'failed', message: errors.join('; ') });
    }
    if (!seen && view.byName('repository', this.#spec.Name)?.Status.State === 'unavailable') return;
    await this.#setStatus(syncedStatus({ commit, ...missing, stacks: stacks.map((stack) => stack.Name), refused, failed }, clock.now()));
  }

  /** Carries out one step; answers why the stack is refused, if it is. */
  async #carryOut(step: Step): Promise<readonly string[]> {
    const { cluster } = this.#parts;
    if (step.type === 'refuse') return this.#refuse(step);
    try {
      if (step.type === 'remove') {
        await cluster.submit(removeStack(step.name));
        this.#emit({ type: 'stack', name: step.name, action: 'removed', message: step.reason });
        return [];
      }
      if (!('spec' in step.rendered)) return [];
      if (step.drift) this.#lastRevert = { at: this.#parts.clock.now(), delayMs: 2 * this.#driftDelayMs() };
      await cluster.submit(deployStack(step.rendered.spec, { source: step.source, digest: step.rendered.digest, prune: true }));
      this.#emit({
        type: 'stack',
        name: step.name,
        action: step.drift ? 'drift reverted' : 'applied',
        message: `${step.rendered.Commit.slice(0, 12)}: ${step.reason}`,
      });
      return [];
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'unavailable') throw error;
      if (step.type === 'remove') return [error.message];
      const { name, source, rendered } = step;
      const errors = [`${rendered.Path}: ${error.message}`];
      return this.#refuse({ type: 'refuse', name, source, commit: rendered.Commit, errors, foreign: false });
    }
  }

  async #refuse({ name, errors, commit, source, foreign }: Step & { type: 'refuse' }): Promise<readonly string[]> {
    const { cluster, clock } = this.#parts;
    const Since = timeText(clock.now());
    const said = (await cluster.read()).byName('stack', name)?.Condition;
    if (!foreign) await cluster.submit(setStackCondition(name, { State: 'refused', Message: errors[0] ?? '', Errors: errors, Commit: commit, Since }, source));
    // What is refused only when it is carried out is tried with each look, and said once.
    if (said?.State === 'refused' && said.Commit === commit && equal(said.Errors, errors)) return errors;
    this.#emit({ type: 'stack', name, action: 'refused', message: `${commit.slice(0, 12)}: ${errors.join('; ')}` });
    return errors;
  }

  async #failed(error: Error): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { cluster, clock, logger } = this.#parts;
    logger.warn({ repository: this.#spec.Name, error: error.message }, 'the repository cannot be reconciled now');
    try {
      const before = (await cluster.read()).byName('repository', this.#spec.Name)?.Status;
      if (before) await this.#setStatus(unavailableStatus(before, error.message, clock.now()));
    } catch (second) {
      logger.warn({ repository: this.#spec.Name, error: (second as Error).message }, 'its status cannot be stored either');
    }
  }

  async #setStatus(status: RepositoryStatus): Promise<void> {
    const { cluster } = this.#parts;
    const before = (await cluster.read()).byName('repository', this.#spec.Name)?.Status;
    // Removed while we looked.
    if (!before) return;
    await cluster.submit(setRepositoryStatus(this.#spec.Name, status));
    if (before.State === status.State && before.Commit === status.Commit && before.Message === status.Message) return;
    this.#emit({
      type: 'repository',
      name: this.#spec.Name,
      action: status.State === 'unavailable' ? 'unavailable' : 'synced',
      message: status.Message || `at ${status.Commit?.slice(0, 12) ?? 'no commit'}`,
    });
  }

  #emit(event: Omit<ReconcileEvent, 'time'>): void {
    this.#parts.logger.info(event, 'reconciled');
    this.#parts.events.emit({ time: timeText(this.#parts.clock.now()), ...event });
  }
}

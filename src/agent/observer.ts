/** What the engine shows of our containers, kept fresh: all at times, single ones when something happened to them. */
import { isDoneWithin, type Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Engine } from '#engine/engine';
import { mapLimited } from '#engine/limiter';
import { isLineBroken } from '#engine/outcome';
import type { ObservedContainer } from '#task/step';

/** Events can be lost; a full look finds what they did not tell. */
const fullLookMs = 30_000;
/** An engine that is away is asked again so soon, and each time in a row twice as late. */
const retryMs = { first: 500, longest: 4000 };
/** That it is away is said again so often. */
const tellEveryMs = 60_000;
/** For so long an engine may be away, as one that is started again is, and its node keeps its tasks. */
const longestAwayMs = 10_000;
const looksAtOnce = 8;
/** So long the engine may think about one task's container before the others are looked at without its word. */
const thinkingMs = 5000;

export interface ObserverModules {
  engine: Engine;
  clock: Clock;
  logger: Logger;
}

export class Observer {
  readonly containers = new Map<string, ObservedContainer>();
  /** A full look has succeeded: what is not in `containers` does not exist. */
  complete = false;
  readonly #stale = new Set<string>();
  readonly #touched = new Map<string, number>();
  readonly #held = new Set<string>();
  /** What happened to held ones meanwhile. */
  readonly #missed = new Map<string, 'start' | 'any'>();
  /** Those over which the engine hangs: they are looked at when it is through with them. */
  readonly #hanging = new Set<string>();
  #allStale = true;
  #looking = false;
  #round = 0;
  #nextFullLook = 0;
  #retryMs = retryMs.first;
  #toldAt = -Infinity;
  #cancelTimer: (() => void) | undefined;
  /** Since when (monotonic ms) the engine is not reached. */
  #awaySince: number | undefined;

  constructor(
    readonly modules: ObserverModules,
    /** Told after each look: the tasks seen anew, undefined for all; after a full look also the engine's networks. */
    readonly looked: (taskIds: readonly string[] | undefined, networks: readonly string[] | undefined) => void,
    readonly signal: AbortSignal,
  ) {}

  /** The engine was not reached when it was asked last; only a full look ends that, and who else wants something of it waits for that. */
  get away(): boolean {
    return this.#awaySince !== undefined;
  }

  /** Why tasks have to be elsewhere; undefined: they may be here. */
  unable(): string | undefined {
    if (this.#awaySince === undefined || this.modules.clock.monotonicNow() - this.#awaySince < longestAwayMs) return undefined;
    return 'the Docker Engine does not answer: until it does, the managers take this node for down, and its tasks are elsewhere';
  }

  start(): void {
    this.modules.engine.watch((taskId, started) => this.refresh(taskId, started), this.signal);
    this.signal.addEventListener('abort', () => this.#cancelTimer?.(), { once: true });
    this.refresh(undefined);
  }

  /** Something may have happened to this task's container, or to any. `started`: no more than that, which is no news of one that is seen running: its end would be told too. */
  refresh(taskId: string | undefined, started = false): void {
    if (taskId !== undefined && this.#held.has(taskId)) return this.#miss(taskId, started);
    if (taskId !== undefined && started && this.#runs(taskId)) return;
    if (taskId === undefined) this.#allStale = true;
    else this.#stale.add(taskId);
    // One that is away is asked when the wait is over, or when its events come again.
    if (!this.#looking && (taskId === undefined || !this.away)) void this.#look();
  }

  /** Somebody did not reach the engine: a look finds out when it is back. */
  lost(): void {
    if (this.away) return;
    this.#awaySince = this.modules.clock.monotonicNow();
    this.#allStale = true;
    if (!this.#looking) this.#schedule(retryMs.first);
  }

  /** Steps work on this task: what happens to it meanwhile is looked at when they are done. */
  hold(taskId: string): void {
    this.#held.add(taskId);
  }

  /** The steps are done; what happened during the last look is looked at again. */
  release(taskId: string): void {
    this.#held.delete(taskId);
    const missed = this.#missed.get(taskId);
    this.#missed.delete(taskId);
    if (missed) this.refresh(taskId, missed === 'start');
  }

  #miss(taskId: string, started: boolean): void {
    if (!started || !this.#missed.has(taskId)) this.#missed.set(taskId, started ? 'start' : 'any');
  }

  #runs(taskId: string): boolean {
    return this.containers.get(taskId)?.state === 'running';
  }

  /** Steps for it have brought it about: nobody needs to look. */
  made(container: ObservedContainer): void {
    this.touch(container.taskId);
    this.#keep(container.taskId, [container]);
  }

  /** Looks at one held task now, after steps for it. Rejects when the engine does not answer. */
  async lookAt(taskId: string): Promise<void> {
    this.touch(taskId);
    this.#missed.delete(taskId);
    this.#keep(taskId, await this.modules.engine.observe(taskId));
    this.touch(taskId);
  }

  /** Steps work on this task: what an earlier look brings about it is out of date. */
  touch(taskId: string): void {
    this.#touched.set(taskId, this.#round);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      while (!this.signal.aborted && (this.#allStale || this.#stale.size > 0)) {
        if (this.#allStale) await this.#lookAtAll();
        else await this.#lookAtStale();
      }
    } catch (error) {
      this.#allStale = true;
      this.#failed(error);
    } finally {
      this.#looking = false;
      // Looks at single tasks do not put it off: a busy node would never see what no event told.
      this.#schedule(this.#allStale ? this.#retryMs : Math.max(0, this.#nextFullLook - this.modules.clock.monotonicNow()));
      if (this.#allStale) this.#retryMs = Math.min(2 * this.#retryMs, retryMs.longest);
    }
  }

  #failed(error: unknown): void {
    const wasAway = this.away;
    this.#awaySince = isLineBroken(error) ? (this.#awaySince ?? this.modules.clock.monotonicNow()) : undefined;
    this.#tell(error);
    // It answers, though not this: what is asked of it may go well.
    if (wasAway && !this.away) this.looked(undefined, undefined);
  }

  #tell(error: unknown): void {
    const now = this.modules.clock.monotonicNow();
    if (now - this.#toldAt < tellEveryMs) return;
    this.#toldAt = now;
    this.modules.logger.warn({ err: error }, 'the Docker Engine does not answer: containers run on, and none is started or stopped until it does');
  }

  #back(): void {
    if (this.#toldAt > -Infinity) this.modules.logger.info({}, 'the Docker Engine answers again');
    this.#awaySince = undefined;
    this.#retryMs = retryMs.first;
    this.#toldAt = -Infinity;
  }

  async #lookAtAll(): Promise<void> {
    this.#allStale = false;
    this.#stale.clear();
    const round = ++this.#round;
    const [containers, networks] = await Promise.all([this.modules.engine.observe(), this.modules.engine.observeNetworks()]);
    const found = new Map(containers.map((container) => [container.taskId, container]));
    for (const taskId of new Set([...this.containers.keys(), ...found.keys()])) {
      if ((this.#touched.get(taskId) ?? 0) >= round) continue;
      const container = found.get(taskId);
      this.#keep(taskId, container ? [container] : []);
    }
    for (const [taskId, touched] of this.#touched) if (touched < round) this.#touched.delete(taskId);
    this.complete = true;
    this.#back();
    this.#nextFullLook = this.modules.clock.monotonicNow() + fullLookMs;
    this.looked(undefined, networks);
  }

  async #lookAtStale(): Promise<void> {
    const taskIds = [...this.#stale];
    this.#stale.clear();
    const round = ++this.#round;
    await mapLimited(
      taskIds.filter((taskId) => !this.#hanging.has(taskId)),
      looksAtOnce,
      (taskId) => this.#lookAtStaleOne(taskId, round),
    );
    this.looked(taskIds, undefined);
  }

  async #lookAtStaleOne(taskId: string, round: number): Promise<void> {
    const look = this.modules.engine.observe(taskId);
    if (await isDoneWithin(this.modules.clock, look, thinkingMs, this.signal)) {
      const containers = await look;
      if ((this.#touched.get(taskId) ?? 0) < round) this.#keep(taskId, containers);
      return;
    }
    this.#hanging.add(taskId);
    const answered = (): void => {
      this.#hanging.delete(taskId);
      this.refresh(taskId);
    };
    look.then(answered, answered);
  }

  #keep(taskId: string, [container]: readonly ObservedContainer[]): void {
    if (container) this.containers.set(taskId, container);
    else this.containers.delete(taskId);
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    if (!this.signal.aborted) this.#cancelTimer = this.modules.clock.after(delayMs, () => this.refresh(undefined));
  }
}

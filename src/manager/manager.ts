/** The leader's loop: requests and timers in, one entry at a time out. */
import { assert } from '#base/assert';
import type { Clock } from '#base/clock';
import { newId } from '#base/ids';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import type { Cluster, UseCase } from '#control/cluster';
import { swarmTexts } from '#model/swarm-texts';
import type { Action, StoreEvent } from '#store/action';
import { Overlay } from '#store/overlay';
import { Room, type EntryLimits } from '#store/room';
import { levelNeeded } from '#store/feature-level';
import { clusterLevel } from '#stages/dispatcher/feature-level';
import type { Stage } from '#store/stage';
import type { View } from '#store/view';
import { Deadlines } from './deadlines.ts';
import { DirtySet } from './dirty.ts';
import { entryLimits, netActions, requestBytesLimit, sizeOf } from './entries.ts';
import { runPass } from './pass.ts';
import { encodeEntry } from '#replica/entry-format';
import type { ReplicatedLog } from '#replica/replicated-log';
import type { ReplicatedState } from '#replica/state';

export interface ManagerOptions {
  /** What may follow from a request in its entry, the rest comes in further ones; smaller in tests. */
  limits?: EntryLimits;
}

export interface ManagerParts {
  log: ReplicatedLog;
  /** What is decided in this term is proposed in no other. */
  term: number;
  /** The one that `log` applies to. */
  state: ReplicatedState;
  /** Run in this order, again and again until none acts. */
  stages: readonly Stage[];
  clock: Clock;
  random: Random;
  logger: Logger;
  /** The log or a decision failed for good: the process must end and start again from the disk. */
  onFatal(error: unknown): void;
}

interface Request {
  useCase: UseCase<unknown>;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/** Requests that may wait; more are refused rather than held in memory without end. */
const queueLimit = 10_000;
/** A wake-up that is due already must not turn the loop into a busy one. */
const shortestSleepMs = 50;
/** Timers overflow after 24 days; looking once an hour costs nothing. */
const longestSleepMs = 3_600_000;
/** Before a pass is tried again that the log did not take. */
const retryMs = 1000;

export class Manager implements Cluster {
  readonly #parts: ManagerParts;
  readonly #limits: EntryLimits;
  readonly #ids: Random;
  readonly #chance: Random;
  readonly #requests: Request[] = [];
  #dirty = new DirtySet();
  #busy = false;
  #loop: Promise<void> | undefined;
  readonly #deadlines = new Deadlines();
  #wake: { at: number; cancel(): void } | undefined;
  #state: 'new' | 'running' | 'stopped' = 'new';

  constructor(options: ManagerOptions, parts: ManagerParts) {
    this.#parts = parts;
    this.#limits = options.limits ?? entryLimits;
    this.#ids = parts.random.split('ids');
    this.#chance = parts.random.split('stages');
  }

  /** Called when the log holds everything of the terms before; a first full pass follows by itself. */
  start(): void {
    assert(this.#state === 'new', 'a manager serves one term');
    this.#state = 'running';
    this.#dirty.markAll();
    this.#run();
  }

  /** From this turn on nothing is decided; what still waits is refused. */
  revoke(): void {
    this.#state = 'stopped';
    this.#wake?.cancel();
    this.#wake = undefined;
    for (const request of this.#requests.splice(0)) request.reject(unavailable());
  }

  /** Resolves when the entry under way is answered. */
  async stop(): Promise<void> {
    this.revoke();
    await this.#loop;
  }

  async read(): Promise<View> {
    if (this.#state !== 'running') throw unavailable();
    await this.#parts.log.readIndex();
    return this.#parts.state.store;
  }

  submit<R>(useCase: UseCase<R>): Promise<R> {
    if (this.#state !== 'running') return Promise.reject(unavailable());
    if (this.#requests.length >= queueLimit) {
      return Promise.reject(new Refusal('unavailable', `the manager is busy: ${queueLimit} requests wait`));
    }
    return new Promise<R>((resolve, reject) => {
      this.#requests.push({ useCase, resolve: resolve as Request['resolve'], reject });
      this.#run();
    });
  }

  watch(listener: (events: readonly StoreEvent[]) => void): () => void {
    return this.#parts.state.watch(listener);
  }

  #running(): boolean {
    return this.#state === 'running';
  }

  #run(): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#loop = this.#drain();
  }

  async #drain(): Promise<void> {
    // Never inside the caller's own turn: it may be a listener that hears of a commit.
    await Promise.resolve();
    // Looking for work and giving up are one step, so nothing that arrives is overlooked.
    while (this.#running() && (this.#requests.length > 0 || !this.#dirty.empty)) {
      const request = this.#requests.shift();
      try {
        await this.#turn(request);
      } catch (error) {
        this.#fail(error, request);
      }
      await this.#pause();
    }
    this.#busy = false;
  }

  /** One request or none, and the pass over it: one entry. What does not fit stays in the dirty set for the next turn. */
  async #turn(request: Request | undefined): Promise<void> {
    const { clock, state } = this.#parts;
    const now = clock.now();
    const overlay = new Overlay(state.store);
    const answer = request && this.#decide(request, overlay, now);
    if (request && !answer) return;
    const room = new Room(this.#limits);
    room.hold(overlay.actions);
    this.#dirty.touch(state.store, overlay.actions);
    // A deadline that has come is not put off by the request that came first.
    this.#takeDue(now);
    if (!this.#dirty.empty) this.#pass(overlay, room, now);
    refuseUnknown(state.store, overlay.actions);
    const actions = netActions(overlay.actions);
    if (actions.length > 0) {
      await this.#propose(actions, now);
      request?.resolve(answer?.result);
    } else if (request) {
      // An answer without an entry rests on what was read, so that must have been the newest.
      void this.#parts.log.readIndex().then(() => request.resolve(answer?.result), request.reject);
    }
  }

  /** Lays the request's actions; undefined when it was refused. */
  #decide(request: Request, overlay: Overlay, now: number): { result: unknown } | undefined {
    try {
      const context = { now, newId: () => newId(this.#ids), random: this.#chance };
      const { actions, result } = request.useCase(this.#parts.state.store, context);
      const bytes = actions.reduce((sum, action) => sum + sizeOf(action), 0);
      if (bytes > requestBytesLimit) {
        throw new Refusal('invalidArgument', `the request's objects take ${bytes} bytes: at most ${requestBytesLimit} are possible`);
      }
      overlay.lay(actions);
      return { result };
    } catch (error) {
      request.reject(error);
      return undefined;
    }
  }

  #pass(overlay: Overlay, room: Room, now: number): void {
    const dirty = this.#dirty;
    this.#dirty = new DirtySet();
    const context = { now, newId: () => newId(this.#ids), random: this.#chance, room };
    const { settled, more, wakes } = runPass(overlay, this.#parts.stages, context, dirty);
    if (more) this.#dirty = more;
    for (const wake of wakes) this.#deadlines.set(wake);
    if (!settled) {
      this.#parts.logger.error(
        { actions: overlay.actions.length },
        'the rules for services contradict one another: the pass ends here and is tried again in a second',
      );
      this.#retryAt(now + retryMs);
    }
    this.#sleep(now);
  }

  /** Nothing was applied since the decision: this loop alone proposes, and it waits for each entry. */
  async #propose(actions: readonly Action[], now: number): Promise<void> {
    const { log, state, term } = this.#parts;
    const outcome = await log.propose(encodeEntry({ actions, now, base: state.store.index, term }), term);
    if (!outcome.applied) throw new Refusal('unavailable', `the change took no effect, for ${outcome.reason}: try again`);
  }

  /** Lets the event loop turn. */
  #pause(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.soon(resolve));
  }

  /** A refusal of the log concerns this request only; anything else means that we cannot go on. */
  #fail(error: unknown, request: Request | undefined): void {
    request?.reject(error);
    if (this.#state !== 'running') return;
    // Nobody knows whether the entry will come to be, so everything is looked at again.
    const now = this.#parts.clock.now();
    this.#retryAt(now + retryMs);
    this.#sleep(now);
    if (error instanceof Refusal) {
      this.#parts.logger.warn({ error: error.message }, 'the log did not take an entry');
      return;
    }
    this.revoke();
    this.#parts.onFatal(error);
  }

  #retryAt(at: number): void {
    this.#deadlines.set({ kind: 'all', id: '', at });
  }

  /** What is due at `time` (ms) is looked at in the next pass. */
  #takeDue(time: number): void {
    for (const { kind, id } of this.#deadlines.take(time)) {
      if (kind === 'all') this.#dirty.markAll();
      else this.#dirty.add(kind === 'service' ? { services: new Set([id]) } : { nodes: new Set([id]) });
    }
  }

  /** Keeps one timer at the earliest deadline. */
  #sleep(now: number): void {
    const at = this.#deadlines.next();
    if (this.#wake?.at === at) return;
    this.#wake?.cancel();
    this.#wake = undefined;
    if (at === undefined) return;
    const delayMs = at > now ? Math.min(at - now, longestSleepMs) : shortestSleepMs;
    const cancel = this.#parts.clock.after(delayMs, () => {
      this.#wake = undefined;
      const later = this.#parts.clock.now();
      // A clock that was set back since must not put off what it was waited for long enough.
      this.#takeDue(delayMs === longestSleepMs ? later : Math.max(at, later));
      this.#sleep(later);
      this.#run();
    });
    this.#wake = { at, cancel };
  }
}

function unavailable(): Refusal {
  return new Refusal('unavailable', swarmTexts.starting);
}

/** What some node does not know must never reach the log: every manager would meet it at every start. */
function refuseUnknown(view: View, actions: readonly Action[]): void {
  const level = clusterLevel(view);
  for (const action of actions) {
    const needed = levelNeeded(action);
    if (needed === undefined) throw new Refusal('unimplemented', `this manager does not know how to ${action.type} a ${action.kind}`);
    if (needed <= level) continue;
    throw new Refusal(
      'failedPrecondition',
      `a ${action.kind} needs feature level ${needed}, and the cluster is at ${level}: it rises when every node runs the newer version`,
    );
  }
}

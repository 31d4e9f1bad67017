/** The leader's loop: requests and timers in, one entry at a time out. */
import { assert } from '#base/assert';
import { nextTurn, type Clock } from '#base/clock';
import { newId } from '#base/ids';
import { harmless } from '#base/listeners';
import type { Logger } from '#base/logger';
import { noMeter, type Meter } from '#base/meter';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { inTurns } from '#base/pace/steps';
import type { Cluster, RequestName, UseCase } from '#control/cluster';
import { swarmTexts } from '#model/swarm-texts';
import type { RestingAddresses } from '#stages/allocator/resting';
import type { StoreEvent } from '#store/action';
import type { Overlay } from '#store/overlay';
import { Room, type EntryLimits } from '#store/room';
import type { Stage } from '#store/stage';
import type { View } from '#store/view';
import { Deadlines } from './deadlines.ts';
import { DirtySet } from './dirty.ts';
import { entryLimits, EntryGrowth, netActions } from './entries.ts';
import { Group, type Request } from './group.ts';
import { runPass } from './pass.ts';
import { manyActions, Proposer } from './proposer.ts';
import type { ReplicatedLog } from '#replica/replicated-log';
import type { ReplicatedState } from '#replica/state';

export interface ManagerOptions {
  /** What may follow from a request in its entry, the rest comes in further ones; smaller in tests. */
  limits?: EntryLimits;
  /** Requests are answered; no nodes are served, and no further duty begins. */
  onlyRequests?: boolean;
}

export interface ManagerParts {
  log: ReplicatedLog;
  /** What is decided in this term is proposed in no other. */
  term: number;
  /** The one that `log` applies to. */
  state: ReplicatedState;
  /** Of the entries of all terms that this node leads. */
  growth?: EntryGrowth;
  /** Of what the entries of all terms freed. */
  resting?: RestingAddresses;
  /** Run in this order, again and again until none acts. */
  stages: readonly Stage[];
  clock: Clock;
  random: Random;
  meter?: Meter | undefined;
  logger: Logger;
  /** The log or a decision failed for good: the process must end and start again from the disk. */
  onFatal(error: unknown): void;
}

/** Requests that may wait; more are refused rather than held in memory without end. */
const queueLimit = 10_000;
const longestId = 128;
/** A wake-up that is due already must not turn the loop into a busy one. */
const shortestSleepMs = 50;
/** Timers overflow after 24 days; looking once an hour costs nothing. */
const longestSleepMs = 3_600_000;
/** What takes longer keeps heartbeats and requests waiting. */
const longTurnMs = 20;
/** Before a pass is tried again that the log did not take. */
const retryMs = 1000;

export class Manager implements Cluster {
  readonly #parts: ManagerParts;
  readonly #limits: EntryLimits;
  readonly #growth: EntryGrowth;
  readonly #ids: Random;
  readonly #chance: Random;
  readonly #requests: Request[] = [];
  readonly #proposer: Proposer;
  #dirty = new DirtySet();
  #busy = false;
  #loop: Promise<void> | undefined;
  readonly #deadlines = new Deadlines();
  #wake: { at: number; cancel(): void } | undefined;
  #state: 'new' | 'running' | 'stopped' = 'new';

  constructor(options: ManagerOptions, parts: ManagerParts) {
    this.#parts = parts;
    this.#limits = options.limits ?? entryLimits;
    this.#growth = parts.growth ?? new EntryGrowth();
    this.#ids = parts.random.split('ids');
    this.#chance = parts.random.split('stages');
    const { log, state, term, clock } = parts;
    this.#proposer = new Proposer({ log, store: state.store, term, clock });
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

  submit<R>(useCase: UseCase<R>, ...[id, asked]: RequestName): Promise<R> {
    if (this.#state !== 'running') return Promise.reject(unavailable());
    if (this.#requests.length >= queueLimit) {
      return Promise.reject(new Refusal('unavailable', `the manager is busy: ${queueLimit} requests wait`));
    }
    if (id !== undefined && (id.length === 0 || id.length > longestId)) {
      return Promise.reject(new Refusal('invalidArgument', `a request id has 1 to ${longestId} characters, and this one has ${id.length}`));
    }
    return new Promise<R>((resolve, reject) => {
      this.#requests.push({ useCase, resolve: resolve as Request['resolve'], reject, ...(id !== undefined && { id }), ...(asked !== undefined && { asked }) });
      this.#run();
    });
  }

  watch(listener: (events: readonly StoreEvent[]) => void): () => void {
    return this.#parts.state.watch(harmless(listener, this.#parts.logger, 'the cluster'));
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
      const group = new Group(this.#parts.state.store);
      let written = 0;
      try {
        written = await this.#turn(group);
      } catch (error) {
        this.#fail(error, group);
      }
      // Many who were answered together ask again together, and share an entry if they are let in first. One alone waits for nobody,
      // but what follows from its entry is another turn's: this one has had the entry's apply and what the nodes are told of it. After a large one also who asks next waits.
      if (group.members.length !== 1 || written > manyActions || (this.#requests.length === 0 && !this.#dirty.empty)) await nextTurn(this.#parts.clock);
    }
    this.#busy = false;
  }

  /** The requests that wait, or none, and the pass over them: one entry. What does not fit stays in the dirty set for the next turn. Resolves with how many actions were written. */
  async #turn(group: Group): Promise<number> {
    const { clock, state } = this.#parts;
    const now = clock.now();
    this.#decide(group, now);
    const { overlay } = group;
    const room = new Room(this.#growth.of(this.#limits));
    room.hold(overlay.actions);
    this.#dirty.touch(state.store, overlay.actions);
    // A deadline that has come is not put off by the request that came first.
    this.#takeDue(now);
    if (!this.#dirty.empty && !(await this.#pass(overlay, room, now))) {
      if (!this.#running()) throw unavailable();
      this.#decideAnew(group);
      return 0;
    }
    const actions = netActions(overlay.actions);
    // What a request asks for and a stage undoes at once leaves nothing to write, and an answer all the same.
    if (actions.length === 0 && group.members.length === 0) return 0;
    const outcome = await this.#proposer.propose(actions, group.answers, now);
    this.#growth.wrote(actions.length);
    if (outcome.applied) group.settle();
    else this.#decideAnew(group);
    return actions.length;
  }

  /** An entry of which nobody expected anything any more came in between: all is decided again, on what it has made. */
  #decideAnew(group: Group): void {
    this.#requests.unshift(...group.members.map(({ request }) => request));
    this.#dirty.markAll();
  }

  /** Takes requests in the order in which they came, until one has to wait for the next entry. */
  #decide(group: Group, now: number): void {
    const { clock } = this.#parts;
    const began = clock.monotonicNow();
    const context = { now, newId: () => newId(this.#ids), random: this.#chance };
    for (let request = this.#requests[0]; request && !group.full(clock.monotonicNow() - began); request = this.#requests[0]) {
      try {
        const taken = group.take(request, context);
        if (taken === 'later') return;
        if (taken !== 'taken') this.#confirm(request, () => request.resolve(taken.read));
      } catch (error) {
        this.#confirm(request, () => request.reject(error));
      }
      this.#requests.shift();
    }
  }

  /** An answer without an entry, a refusal too, rests on what was read: another may lead by now, and have made what was not found. */
  #confirm(request: Request, answer: () => void): void {
    void this.#parts.log.readIndex().then(answer, request.reject);
  }

  /** Takes as many turns as it needs; what is asked for meanwhile waits. False when the state is not the one that it began with, or leadership is gone. */
  async #pass(overlay: Overlay, room: Room, now: number): Promise<boolean> {
    const { state, stages, clock, logger, resting, meter = noMeter } = this.#parts;
    const dirty = this.#dirty;
    this.#dirty = new DirtySet();
    const { index } = state.store;
    const began = clock.monotonicNow();
    const context = { now, newId: () => newId(this.#ids), random: this.#chance, room, resting: resting?.at(began) };
    const turned = (ms: number): void => {
      if (ms > longTurnMs) meter.count('shoal_pass_long_turns_total');
    };
    const goOn = (): boolean => this.#running() && state.store.index === index;
    const result = await inTurns(runPass(overlay, stages, context, dirty), clock, { goOn, turned, goesFirst: true });
    meter.took('shoal_pass_seconds', (clock.monotonicNow() - began) / 1000);
    if (!result) return false;
    const { settled, more, wakes } = result;
    if (more) this.#dirty.add(more.scope);
    for (const wake of wakes) this.#deadlines.set(wake);
    if (!settled) {
      logger.error({ actions: overlay.actions.length }, 'the rules for services contradict one another: the pass ends here and is tried again in a second');
      this.#retryAt(now + retryMs);
    }
    this.#sleep(now);
    return true;
  }

  /** A refusal of the log concerns this request only; anything else means that we cannot go on. */
  #fail(error: unknown, { members }: Group): void {
    for (const { request } of members) request.reject(error);
    if (this.#state !== 'running') return;
    // Nobody knows whether the entry will come to be, so everything is looked at again.
    const now = this.#parts.clock.now();
    this.#retryAt(now + retryMs);
    this.#sleep(now);
    if (error instanceof Refusal) {
      this.#parts.logger.warn(
        { error: error.message },
        'a change could not be written to the log: who asked for it is told, and all services are looked at again in a second',
      );
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

/** The task loop: observe, decide, carry out; each task's steps in order, those of different tasks side by side. */
import { setMaxListeners } from 'node:events';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repetition } from '#base/pace/repetition';
import { compareStates, isTerminal } from '#model/object/task-state';
import type { Task } from '#model/object/task';
import type { Engine } from '#engine/engine';
import { createLimiter, type Limiter } from '#engine/limiter';
import { isLineBroken } from '#engine/outcome';
import { adoptAttempt, afterSteps, isDue, retryDelayMs, type Attempt } from '#task/attempt';
import { decideTask, removalSteps, type Decision } from '#task/decide';
import type { NodeNetwork } from '#network/contract';
import type { TemplateNode } from '#task/expand';
import { decideNetworks } from '#task/networks';
import { placesOf, type NetworkState, type NodeFacts } from '#task/prepare';
import type { ObservedContainer, Step, StepOutcome } from '#task/step';
import type { AssignmentSet } from './assignment-set.ts';
import { Attachments } from './attachments.ts';
import { drained } from './draining.ts';
import { NetworkLoop } from './network-loop.ts';
import { Observer } from './observer.ts';
import type { StatusReporter } from './status-reporter.ts';

/** More moves than a task has states, in one go: it would turn in a circle. */
const movesInARow = 16;
/** Stops wait most of the time for programs that end, so more of them may wait together. */
const stopsAtOnce = 64;
const pullsAtOnce = 64;
/** Steps of one service that fail alike are told again so often. */
const tellEveryMs = 30_000;
/** What a step comes to while the engine is away. */
const engineAway: StepOutcome = { ok: false, permanent: false, message: 'the Docker Engine does not answer', away: true };

export interface LoopModules {
  engine: Engine;
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
  assignments: AssignmentSet;
  reporter: StatusReporter;
  /** Resolves when no other node leads anybody to the task, or cannot be waited for. */
  leftElsewhere(taskId: string): Promise<void>;
  /** Resolves when every other node that lives goes by what it was told of this one, or cannot be waited for. */
  knownElsewhere(): Promise<void>;
  /** Ports were taken, given up or looked at. */
  served(): void;
  /** The node is cut off, and the task's service must not run twice. */
  mayNotRun(task: Task): boolean;
}

export interface LoopOptions {
  /** Steps that make or start containers at a time. */
  concurrency: number;
  node(): TemplateNode;
}

interface Work {
  controller: AbortController;
  /** It ends the task: nothing cancels it. */
  ending: boolean;
}

export class TaskLoop {
  readonly attempts = new Map<string, Attempt>();
  readonly observer: Observer;
  readonly networkLoop: NetworkLoop;
  readonly #attachments: Attachments;
  readonly #working = new Map<string, Work>();
  /** Tasks that get no traffic any more, from when the promise resolves. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #dirty = new Set<string>();
  readonly #removeAt = new Map<string, number>();
  readonly #failures = new Repetition(tellEveryMs);
  readonly #lanes: Readonly<Record<'work' | 'stop' | 'pull', Limiter>>;
  #cancelPass: (() => void) | undefined;
  #wakeAt = Infinity;
  #cancelWake: (() => void) | undefined;

  constructor(
    readonly options: LoopOptions,
    readonly modules: LoopModules,
    readonly signal: AbortSignal,
  ) {
    this.#lanes = { work: createLimiter(options.concurrency), stop: createLimiter(stopsAtOnce), pull: createLimiter(pullsAtOnce) };
    this.observer = new Observer(modules, (taskIds, networks) => this.#looked(taskIds, networks), signal);
    const { assignments } = modules;
    const calls = {
      endpoints: () => [...assignments.endpoints.values()],
      peers: () => assignments.peers,
      port: () => assignments.dataPathPort,
      assigned: () => assignments.networks,
      knownElsewhere: () => modules.knownElsewhere(),
      served: () => modules.served(),
      changed: () => this.wakeAll(),
    };
    this.networkLoop = new NetworkLoop(modules, calls, signal);
    const { networkLoop } = this;
    this.#attachments = new Attachments(
      modules,
      {
        upToDate: () => networkLoop.upToDate(),
        whyNot: () => networkLoop.failure,
        goesOn: (id) => (modules.assignments.tasks.get(id)?.Spec.ContainerSpec?.DNSConfig?.Nameservers ?? []).length > 0,
        changed: (id) => this.wake([id]),
      },
      signal,
    );
    // Many tasks may wait for something at once, and each listens to it.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', () => this.#abort(), { once: true });
  }

  /** These tasks are to be decided again. */
  wake(taskIds: Iterable<string>): void {
    for (const id of taskIds) this.#dirty.add(id);
    this.#cancelPass ??= this.modules.clock.after(0, () => {
      this.#cancelPass = undefined;
      this.#pass();
    });
  }

  wakeAll(): void {
    const { tasks, departed } = this.modules.assignments;
    this.wake([...tasks.keys(), ...departed.keys(), ...this.observer.containers.keys()]);
  }

  /** Before a manager has said what is to run here: stops containers that must not run on. They stay, and whoever comes decides about their tasks. */
  stopUntold(mustStop: (container: ObservedContainer) => boolean): void {
    if (this.modules.assignments.complete || !this.observer.complete) return;
    for (const [id, container] of this.observer.containers) {
      if (container.state !== 'running' || this.#working.has(id) || !mustStop(container)) continue;
      this.modules.logger.warn({ task: id }, 'no manager was heard since this daemon began: a task that must not run twice stops here');
      void this.#stopUntold(id, container.containerId);
    }
  }

  /** At once: names and ports of an earlier life are led elsewhere when a manager says so, and nobody can be asked. */
  async #stopUntold(id: string, containerId: string): Promise<void> {
    this.#working.set(id, { controller: new AbortController(), ending: true });
    await this.modules.engine.carryOut({ type: 'stopContainer', taskId: id, containerId }, this.signal);
    if (!this.signal.aborted) await this.observer.lookAt(id).catch((error: unknown) => this.#missed(error));
    this.#working.delete(id);
    this.wake([id]);
  }

  /** True while steps are being carried out. */
  get busy(): boolean {
    return this.#working.size > 0;
  }

  /** A step of this task is being carried out. */
  isBusy(id: string): boolean {
    return this.#working.has(id);
  }

  #looked(taskIds: readonly string[] | undefined, networks: readonly string[] | undefined): void {
    // What one look misses is looked for again at once.
    if (networks && this.networkLoop.observed(networks)) this.observer.refresh(undefined);
    this.#attachments.seen(this.observer.containers, taskIds ?? this.observer.containers.keys());
    if (taskIds) this.wake(taskIds);
    else this.wakeAll();
  }

  #pass(): void {
    const { assignments } = this.modules;
    // Without both halves of the picture anything would look like a stranger or a loss.
    if (!assignments.complete || !this.observer.complete || this.signal.aborted) return;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    this.#attachments.seen(this.observer.containers, dirty);
    for (const id of dirty) {
      const work = this.#working.get(id);
      if (!work) this.#advance(id);
      else if (!work.ending && this.#unwanted(id)) work.controller.abort();
    }
    this.#decideNetworks();
  }

  #unwanted(id: string): boolean {
    const task = this.modules.assignments.tasks.get(id);
    return !task || compareStates(task.DesiredState, 'shutdown') >= 0 || this.modules.mayNotRun(task);
  }

  #advance(id: string): void {
    for (let move = 0; move < movesInARow; move++) {
      const assigned = this.modules.assignments.tasks.get(id);
      const container = this.observer.containers.get(id);
      if (!assigned) return this.#dismiss(id);
      // Its container is somebody else's.
      if (assigned.Shoal.Attachment) return;
      const task: Task = this.modules.mayNotRun(assigned) ? { ...assigned, DesiredState: 'shutdown' } : assigned;
      const attempt = adoptAttempt(task, this.attempts.get(id));
      this.attempts.set(id, attempt);
      const decision = decideTask({ task, attempt, container, facts: this.#facts(), unattached: this.#attachments.waits(id), now: this.modules.clock.now() });
      this.#remember(id, attempt, decision);
      if (decision.steps.length > 0) return this.#begin(id, decision.steps);
      if (!decision.status) return;
    }
  }

  #remember(id: string, attempt: Attempt, { status, unhealthy, wakeAt }: Decision): void {
    this.attempts.set(id, { ...attempt, ...(status && { status }), ...(unhealthy && { unhealthy }) });
    if (wakeAt !== undefined) this.#wakeLater(wakeAt);
    if (!status) return;
    this.modules.reporter.report(id, status);
    this.modules.logger.debug({ task: id, state: status.State, error: status.Err }, status.Message);
    if (isTerminal(status.State)) void this.#withdraw(id);
  }

  /** The task is not ours any more: whatever is left of it goes. */
  #dismiss(id: string): void {
    const { departed } = this.modules.assignments;
    const container = this.observer.containers.get(id);
    const removeAt = this.#removeAt.get(id) ?? 0;
    if (!isDue(removeAt, this.modules.clock.now())) return this.#wakeLater(removeAt);
    if (container) return this.#begin(id, removalSteps(container, departed.get(id)));
    if (departed.has(id)) return this.#begin(id, [{ type: 'unmountFiles', taskId: id }]);
    this.attempts.delete(id);
    const wasComing = this.#attachments.gone(id);
    if (this.#leaving.delete(id) || wasComing) this.modules.network.detached(id);
  }

  /** One wait for an engine that is away is enough: every task is decided again when it is back. */
  #begin(id: string, steps: readonly Step[]): void {
    if (!this.observer.away) void this.#carryOut(id, steps);
  }

  async #carryOut(id: string, steps: readonly Step[]): Promise<void> {
    const work: Work = { controller: new AbortController(), ending: steps.some((step) => step.type === 'stopContainer' || step.type === 'removeContainer') };
    this.#working.set(id, work);
    this.observer.hold(id);
    let outcome: StepOutcome = { ok: true };
    for (const step of steps) {
      if (work.controller.signal.aborted) break;
      outcome = await this.#step(id, step, work.controller.signal);
      if (!outcome.ok) break;
    }
    if (outcome.ok && outcome.container) this.observer.made(outcome.container);
    else if (steps.some(({ type }) => type !== 'pull') && !this.signal.aborted && !this.observer.away)
      await this.observer.lookAt(id).catch((error: unknown) => this.#missed(error));
    this.#attachments.seen(this.observer.containers, [id]);
    this.#working.delete(id);
    this.observer.release(id);
    if (this.signal.aborted) return;
    this.#recordOutcome(id, steps, outcome, work.controller.signal.aborted);
    this.wake([id]);
  }

  #missed(error: unknown): void {
    if (isLineBroken(error)) this.observer.lost();
    else this.observer.refresh(undefined);
  }

  async #step(id: string, step: Step, signal: AbortSignal): Promise<StepOutcome> {
    if (step.type === 'startContainer') await this.#attachments.coming(id, placesOf(step.task));
    if (step.type === 'stopContainer') {
      await Promise.all([this.#withdraw(id), this.modules.leftElsewhere(id)]);
      const task = this.modules.assignments.tasks.get(id);
      await drained(task, this.modules, () => this.#isHurried(id), signal);
    }
    const lane = step.type === 'pull' ? 'pull' : step.type === 'stopContainer' ? 'stop' : 'work';
    this.observer.touch(id);
    // Whoever waited for his turn does not learn one after the other that the engine is away.
    const work = async (): Promise<StepOutcome> => (this.observer.away ? engineAway : this.modules.engine.carryOut(step, signal));
    const service = this.modules.assignments.tasks.get(id)?.ServiceID ?? '';
    const outcome = await this.#lanes[lane].run(work, service);
    if (!outcome.ok && !signal.aborted) this.#tellFailure(id, service, step.type, outcome);
    return outcome;
  }

  /** It must not run on: others may be about to take its place. */
  #isHurried(id: string): boolean {
    const task = this.modules.assignments.tasks.get(id);
    return !task || this.modules.mayNotRun(task);
  }

  /** A thousand tasks that fail alike are one piece of news. */
  #tellFailure(id: string, service: string, step: Step['type'], outcome: StepOutcome & { ok: false }): void {
    if (outcome.away) return this.observer.lost();
    const others = this.#failures.tell(`${service} ${step} ${outcome.permanent}`, this.modules.clock.monotonicNow());
    if (others === undefined) return;
    const follows = outcome.permanent ? 'its task is given up, and the manager decides what comes next' : 'it is tried again in a second';
    const facts = { task: id, ...(service !== '' && { service }), step, reason: outcome.message, ...(others > 0 && { othersSinceTold: others }) };
    this.modules.logger.info(facts, `a step of a task failed: ${follows}`);
  }

  /** What was cancelled has not failed. */
  #recordOutcome(id: string, steps: readonly Step[], result: StepOutcome, cancelled: boolean): void {
    const outcome: StepOutcome = cancelled ? { ok: true } : result;
    const attempt = this.attempts.get(id);
    const now = this.modules.clock.now();
    if (attempt) this.attempts.set(id, afterSteps(attempt, outcome, now, cancelled ? [] : steps));
    if (this.modules.assignments.tasks.has(id)) return;
    // A stranger has no attempt: the wait before its next removal is kept apart.
    if (outcome.ok) this.#removeAt.delete(id);
    else this.#removeAt.set(id, now + retryDelayMs);
    if (outcome.ok && !cancelled) this.modules.assignments.departed.delete(id);
  }

  /** No new connection reaches the task from when this resolves. */
  #withdraw(id: string): Promise<void> {
    const leaving = this.#leaving.get(id) ?? this.networkLoop.withdraw(id);
    this.#leaving.set(id, leaving);
    return leaving;
  }

  #decideNetworks(): void {
    if (this.observer.away) return;
    const { assignments, clock } = this.modules;
    const decision = decideNetworks({
      tasks: assignments.tasks,
      attempts: this.attempts,
      containers: this.observer.containers,
      assigned: assignments.networks,
      states: this.networkLoop.states,
      present: this.networkLoop.present,
      now: clock.now(),
    });
    this.networkLoop.carryOut(decision);
    if (decision.wakeAt !== undefined) this.#wakeLater(decision.wakeAt);
    void this.networkLoop.begin();
  }

  #facts(): NodeFacts {
    const { secrets, configs, networks } = this.modules.assignments;
    const states = new Map<string, NetworkState>();
    for (const [id, { Network: network, Gateway: gateway }] of networks) states.set(id, this.networkLoop.states.get(id) ?? { network, gateway, ready: false });
    return { node: this.options.node(), secrets, configs, networks: states };
  }

  #wakeLater(at: number): void {
    if (at >= this.#wakeAt) return;
    this.#cancelWake?.();
    this.#wakeAt = at;
    this.#cancelWake = this.modules.clock.after(Math.max(0, at - this.modules.clock.now()), () => {
      this.#wakeAt = Infinity;
      this.wakeAll();
    });
  }

  #abort(): void {
    this.#cancelPass?.();
    this.#cancelWake?.();
    for (const work of this.#working.values()) work.controller.abort();
  }
}

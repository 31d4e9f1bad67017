/** The leader's side of the nodes' sessions: assignments out, statuses and heartbeats in. */
import type { Clock } from '#base/clock';
import { finish, inTurns } from '#base/pace/steps';
import { turnOf } from '#base/pace/turn';
import { Gate } from '#base/pace/gate';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { swarmTexts } from '#model/swarm-texts';
import { changeAttachment } from '#control/attachments';
import type { UseCase } from '#control/cluster';
import { addressIn } from '#stages/allocator/allocator';
import type { RestingAddresses } from '#stages/allocator/resting';
import { Catalog } from '#stages/dispatcher/catalog';
import { itemKey, type ItemKey } from '#stages/dispatcher/item';
import { awaitNode, Heartbeats, notedAtOnce, noteLeaving } from '#stages/dispatcher/heartbeat';
import { bounded, checkAttachment, checkReports, takenDescription } from '#stages/dispatcher/foreign';
import { describeNode, registerNode } from '#stages/dispatcher/registration';
import { peerId, type DispatcherSession, type OpenSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { Action, StoreEvent } from '#store/action';
import { Descriptions } from './line/descriptions.ts';
import { Openings } from './line/openings.ts';
import { periodOf } from './line/period.ts';
import { Unanswered } from './line/unanswered.ts';
import { Withdrawals } from './line/withdrawals.ts';
import { Session } from './session.ts';
import type { ReplicatedState } from '#replica/state';
import { StatusIntake } from './status-intake.ts';

export interface SessionsParts {
  /** Brings use cases into the log. */
  submit: <R>(useCase: UseCase<R>) => Promise<R>;
  state: ReplicatedState;
  resting?: RestingAddresses | undefined;
  clock: Clock;
  random: Random;
  meter?: Meter | undefined;
  logger: Logger;
}

/** A look at the deadlines that comes this late says that we slept, not that the nodes did. */
const latenessMs = 1000;
/** Sessions that send in one turn of the event loop, each half a millisecond's work and soon a report that comes back; when there are more, not in that of the commit, which had enough to do. */
const wokenAtOnce = 10;
/** Nodes that hear in one turn of the event loop that their session is open, or their reports are written: each is a message, and an entry is for hundreds. */
const answeredAtOnce = 10;

export class Sessions {
  readonly #parts: SessionsParts;
  readonly #heartbeats: Heartbeats;
  readonly #statuses: StatusIntake;
  readonly #gate: Gate;
  readonly #openings = new Openings();
  readonly #withdrawals = new Withdrawals();
  readonly #unanswered: Unanswered;
  readonly #sessions = new Map<string, Session>();
  /** Sessions that have something to send and were not told yet. */
  readonly #toWake = new Set<Session>();
  /** Who waits for a node that has no session. */
  readonly #arrivals = new Set<() => void>();
  #waking = false;
  /** Absent before the term begins and after it has ended. */
  #catalog: Catalog | undefined;
  /** Resolves when the catalog is whole. */
  #gathered: Promise<void> = Promise.resolve();
  #stops: (() => void)[] = [];
  #timer: { at: number; cancel(): void } | undefined;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
    this.#heartbeats = new Heartbeats(parts.random.split('heartbeats'));
    this.#gate = new Gate(parts.clock, answeredAtOnce);
    this.#statuses = new StatusIntake(parts.submit, (answer) => void this.#gate.pass().then(answer));
    this.#unanswered = new Unanswered(parts.clock, parts.logger);
  }

  /** Begins this leader's term, once the manager runs: nodes are unknown until they come. */
  async start(): Promise<void> {
    const { state, clock, submit } = this.#parts;
    this.#stops = [state.watch((events) => this.#push(events)), state.onRestore(() => this.#renew())];
    this.#gathered = this.#gather();
    await this.#gathered;
    this.#heartbeats.takeOver(state.store, periodOf(state.store), { now: clock.now(), monotonic: clock.monotonicNow() });
    for (let left = true; left;) {
      left = await submit((view, { now }) => {
        const actions = this.#heartbeats.unheard(view, now);
        return { actions, result: actions.length === notedAtOnce };
      });
    }
    this.#watchDeadlines(clock.monotonicNow());
  }

  /** Many tasks are many turns: commits come in between. */
  async #gather(): Promise<void> {
    const { state, clock } = this.#parts;
    const catalog = new Catalog(state.store);
    this.#catalog = catalog;
    await inTurns(catalog.fill(), clock, { goOn: () => this.#catalog === catalog, goesFirst: true });
  }

  /** Ends all sessions: from this turn on no beat counts, and no node is told anything but that, some in each turn. */
  stop(): void {
    this.#catalog = undefined;
    this.#heartbeats.end();
    for (const stop of this.#stops.splice(0)) stop();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const session of this.#sessions.values()) void this.#gate.pass().then(() => session.end());
    this.#sessions.clear();
    this.#toWake.clear();
    this.#arrived();
  }

  /** Makes the node ready with what it says of itself; an older session of it ends. Refuses `notFound` for a stranger. */
  readonly open: OpenSession = (...asked) =>
    this.#open(...asked).catch(async (error: unknown) => {
      // When a term ends all who wait hear of it.
      await this.#gate.pass();
      throw error;
    });

  readonly #open: OpenSession = async (nodeId, said, address, wanted = () => true) => {
    const { state, clock, submit } = this.#parts;
    const description = takenDescription(said);
    // A node that got half of its tasks would end the others.
    await this.#gathered;
    const catalog = this.#catalog;
    if (!catalog) throw new Refusal('unavailable', swarmTexts.starting);
    const number = await submit((view) => {
      // Whoever gave up asks again: a leader that works for those who have gone falls ever further behind.
      if (!wanted()) throw gone(nodeId);
      this.#openings.count(nodeId, clock.monotonicNow());
      const actions = registerNode(view, nodeId, description, address ?? view.get('node', nodeId)?.Status.Addr ?? '');
      // Opened as it is decided: a deadline that comes while the entry is written is not this session's.
      return { actions, result: this.#heartbeats.open(nodeId, periodOf(state.store), clock.monotonicNow()) };
    });
    this.#watchDeadlines(clock.monotonicNow());
    await this.#gate.pass();
    if (!this.#catalog) throw new Refusal('unavailable', swarmTexts.starting);
    if (!wanted()) throw gone(nodeId);
    if (!this.#heartbeats.isOpen(nodeId, number)) throw new Refusal('unavailable', `node ${nodeId} has opened another session meanwhile`);
    this.#sessions.get(nodeId)?.end();
    const session: Session = new Session(
      nodeId,
      number,
      () => (this.#catalog ?? catalog).itemsOf(nodeId),
      () => {
        this.#toWake.add(session);
        this.#wakeLater();
      },
    );
    this.#sessions.set(nodeId, session);
    this.#arrived();
    this.#parts.logger.info({ node: nodeId }, 'a node connected: it gets its tasks from this manager');
    return this.#lineOf(session);
  };

  #lineOf(session: Session): DispatcherSession {
    const { state, clock, submit, meter } = this.#parts;
    const { nodeId, number } = session;
    const check = (): void => {
      if (!this.#heartbeats.isOpen(nodeId, number)) throw new Refusal('invalidArgument', 'session invalid');
    };
    const descriptions = new Descriptions(clock, async (description) => {
      check();
      return await submit((view) => {
        const actions = describeNode(view, nodeId, description);
        return { actions, result: actions.length > 0 };
      });
    });
    return {
      assignments: () => session.messages(),
      updateTaskStatus: async (updates) => {
        check();
        // Reports of several nodes are decided on together: what is none must not spoil those of others.
        checkReports(updates);
        // Those of others' tasks take no place that others wait for.
        const own = updates.filter(({ taskId }) => state.store.get('task', taskId)?.NodeID === nodeId);
        await this.#statuses.report(
          nodeId,
          own.map(({ taskId, status }) => ({ taskId, status: bounded(status) })),
        );
      },
      heartbeat: async () => {
        const nextMs = this.#heartbeats.beat(nodeId, number, periodOf(state.store), clock.monotonicNow());
        meter?.count('shoal_heartbeats_received_total');
        return nextMs;
      },
      updateDescription: async (next: NodeDescription) => {
        check();
        await descriptions.say(takenDescription(next));
      },
      pause: async () => {
        check();
        await submit((view, { now }) => answer(awaitNode(view, nodeId, now)));
        this.#heartbeats.pause(nodeId, number, clock.monotonicNow());
      },
      leave: async () => {
        check();
        await submit((view, { now }) => answer(noteLeaving(view, nodeId, now)));
        const tasks = Array.from(state.store.tasksOfNode(nodeId), ({ ID }) => itemKey('backend', ID));
        await this.#withdrawals.ask(`${nodeId} leaves`, () => this.#appliedElsewhere(nodeId, [...this.#peerKeys(nodeId), ...tasks]));
        this.#heartbeats.pause(nodeId, number, clock.monotonicNow());
      },
      acknowledge: async (resultsIn) => session.acknowledged(resultsIn),
      withdrawn: async (taskId) => {
        check();
        const owner = taskId === nodeId ? nodeId : state.store.get('task', taskId)?.NodeID;
        if (owner === undefined) return;
        if (owner !== nodeId) throw new Refusal('invalidArgument', `task ${taskId} is not one of node ${nodeId}`);
        await this.#withdrawals.ask(`${nodeId} ${taskId}`, () =>
          this.#appliedElsewhere(nodeId, taskId === nodeId ? this.#peerKeys(nodeId) : [itemKey('backend', taskId)]),
        );
      },
      changeAttachment: async (change) => {
        check();
        checkAttachment(change);
        const resting = this.#parts.resting?.at(clock.monotonicNow());
        return await submit(changeAttachment(nodeId, change, (view, network, now, asked) => addressIn(view, network, now, asked, resting)));
      },
      close: () => session.end(),
    };
  }

  /** Under which others know the node itself. */
  #peerKeys(nodeId: string): ItemKey[] {
    const networks = Object.keys(this.#parts.state.store.get('node', nodeId)?.Shoal?.Gateways ?? {});
    return networks.map((id) => itemKey('peer', peerId(id, nodeId)));
  }

  /** Every other node that was told of one of these items and lives has in force what it was told up to now. */
  async #appliedElsewhere(nodeId: string, keys: readonly ItemKey[]): Promise<void> {
    const told = keys.map((key) => this.#catalog?.audienceOf(key) ?? new Set<string>());
    const nodes = told.includes('all')
      ? Array.from(this.#parts.state.store.list('node'), ({ ID }) => ID)
      : told.flatMap((ids) => (ids === 'all' ? [] : [...ids]));
    const applied = [...new Set(nodes)].filter((id) => id !== nodeId).map((id) => this.#appliedBy(id));
    this.#wakeSome();
    await Promise.all(applied);
  }

  /** A node that is away leads people by what it knew: it is waited for until it is back and was told, or is down. */
  async #appliedBy(nodeId: string): Promise<void> {
    for (;;) {
      const session = this.#sessions.get(nodeId);
      const node = this.#parts.state.store.get('node', nodeId);
      // One that joined and never came was told nothing, and leads nobody.
      if (!session && (!node?.Description || node.Status.State === 'down')) return;
      if (!this.#catalog) throw new Refusal('unavailable', swarmTexts.starting);
      if (!session) {
        await new Promise<void>((resolve) => this.#arrivals.add(resolve));
        continue;
      }
      this.#toWake.add(session);
      const answered = this.#unanswered.ask(session);
      // In the turn that asks they are woken together, later each by itself.
      this.#wakeLater();
      // One that does not answer is waited for no longer.
      if ((await answered) !== false) return;
      if (this.#sessions.get(nodeId) === session) this.#sessions.delete(nodeId);
    }
  }

  /** A node came, or is down now. */
  #arrived(): void {
    const waiting = [...this.#arrivals];
    this.#arrivals.clear();
    for (const resolve of waiting) resolve();
  }

  /** In the turn of the commit: every session that it concerns gets its part, and the first ones send it. */
  #push(events: readonly StoreEvent[]): void {
    for (const { changes, to } of this.#catalog?.commit(this.#parts.state.store, events) ?? []) {
      for (const session of to === 'all' ? this.#sessions.values() : this.#among(to)) {
        session.add(changes, to === 'all' || to.size > 1);
        this.#toWake.add(session);
      }
    }
    for (const event of events) if (event.kind === 'node' && !event.object) this.#end(event.id);
    if (events.some(({ kind }) => kind === 'node')) this.#arrived();
    if (this.#toWake.size > wokenAtOnce) this.#wakeLater();
    else this.#wakeSome();
  }

  *#among(nodes: ReadonlySet<string>): Iterable<Session> {
    for (const nodeId of nodes) {
      const session = this.#sessions.get(nodeId);
      if (session) yield session;
    }
  }

  /** Lets some of the sessions send what waits, and the others in turns to come: a thousand of them at once would hold up everything else. */
  #wakeSome(): void {
    if (this.#waking || !this.#catalog) return;
    const { clock } = this.#parts;
    const turn = turnOf(clock);
    const end = turn.endOf(turn.begin());
    let left = wokenAtOnce;
    for (const session of this.#toWake) {
      if (left === 0 || clock.monotonicNow() >= end) break;
      this.#toWake.delete(session);
      // Whoever is still busy with the message before asks for the next one itself.
      if (session.wake()) left--;
    }
    if (this.#toWake.size > 0) this.#wakeLater();
  }

  #wakeLater(): void {
    if (this.#waking) return;
    this.#waking = true;
    this.#parts.clock.soon(() => {
      this.#waking = false;
      this.#wakeSome();
    });
  }

  #renew(): void {
    const catalog = new Catalog(this.#parts.state.store);
    finish(catalog.fill());
    this.#catalog = catalog;
    for (const session of this.#sessions.values()) {
      session.renew();
      this.#toWake.add(session);
    }
    this.#wakeSome();
  }

  #end(nodeId: string): void {
    const session = this.#sessions.get(nodeId);
    if (!session) return;
    session.end();
    this.#sessions.delete(nodeId);
    this.#toWake.delete(session);
  }

  /** Keeps one timer at the earliest deadline. */
  #watchDeadlines(now: number): void {
    const next = this.#heartbeats.nextDeadline();
    if (next === undefined || (this.#timer && this.#timer.at <= next)) return;
    this.#setTimer(next, now);
  }

  #setTimer(at: number, now: number): void {
    this.#timer?.cancel();
    const cancel = this.#parts.clock.after(Math.max(at - now, 1), () => this.#lookAtDeadlines(at));
    this.#timer = { at, cancel };
  }

  #lookAtDeadlines(plannedAt: number): void {
    const { clock, state } = this.#parts;
    this.#timer = undefined;
    const now = clock.monotonicNow();
    if (now - plannedAt > latenessMs) {
      // The beats are as late as we are; they get one period to come in.
      this.#setTimer(now + periodOf(state.store), now);
      return;
    }
    // Beats that have come and wait to be read count: a timer comes before them.
    clock.soon(() => this.#expire());
  }

  #expire(): void {
    const { clock, state, submit, logger } = this.#parts;
    if (this.#stops.length === 0) return;
    const now = clock.monotonicNow();
    // All have beaten since that was planned. An entry of nothing waits for the other managers' word, and whoever falls silent would wait with it.
    if ((this.#heartbeats.nextDeadline() ?? Infinity) > now) return this.#watchDeadlines(now);
    void submit((view, context) => answer(this.#heartbeats.expire(view, { now: context.now, monotonic: clock.monotonicNow() })))
      .then(() => {
        this.#heartbeats.forgetDown(state.store);
        for (const { nodeId, number } of this.#sessions.values()) if (!this.#heartbeats.isOpen(nodeId, number)) this.#end(nodeId);
        this.#watchDeadlines(clock.monotonicNow());
      })
      .catch((error: unknown) => {
        logger.warn(
          { error: String(error) },
          'nodes that are silent cannot be noted as down: their tasks stay where they are until that is written; it is tried again',
        );
        if (this.#stops.length > 0) this.#setTimer(clock.monotonicNow() + periodOf(state.store), clock.monotonicNow());
      });
  }
}

function gone(nodeId: string): Refusal {
  return new Refusal('unavailable', `node ${nodeId} has given up on this session`);
}

function answer(actions: readonly Action[]): { actions: readonly Action[]; result: undefined } {
  return { actions, result: undefined };
}

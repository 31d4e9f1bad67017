/** The worker side of a node: takes assignments from its dispatcher, makes them run, tells how they do. */
import { type Clock, isDoneWithin, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Meter } from '#base/meter';
import { isDenial, Refusal } from '#base/refusal';
import { seededRandom } from '#base/random';
import { endpointDigest } from '#model/doctor/examination';
import type { AssignmentMessage, DispatcherSession, OpenSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import { fenceOf } from '#model/options/fence';
import type { Task, TaskStatus } from '#model/object/task';
import type { NodeNetwork, Peer } from '#network/contract';
import type { Engine, LogLine, LogOptions } from '#engine/engine';
import type { GuestEngine } from '#engine/guests';
import { announceLeave, announcePause, type Announcing } from './announce.ts';
import { AssignmentSet, needsNetwork, type NodePlace } from './assignment-set.ts';
import { fitting } from './description.ts';
import { Fence } from './fence.ts';
import { Guests } from './guests/guests.ts';
import { runSessions, withLimit } from './session-loop.ts';
import { StatusReporter } from './status-reporter.ts';
import { TaskLoop } from './task-loop.ts';

export interface AgentOptions {
  nodeId: string;
  /** Steps that make and start containers at a time; 16 by default. */
  concurrency?: number;
}

export interface AgentModules {
  engine: Engine;
  /** Containers that are no task's; absent: none may be on the cluster's networks. */
  guests?: GuestEngine;
  /** What the node says of itself; absent: what its engine says. `inHaste`: without what takes long to find out. */
  describe?: (inHaste: boolean) => Promise<NodeDescription>;
  network: NodeNetwork;
  openSession: OpenSession;
  /** Told what the managers say of the node's own place, whenever they may have said something new. */
  placed?: (place: Place) => void;
  clock: Clock;
  meter?: Meter;
  logger: Logger;
}

export type Place = NodePlace;

/** A node that is new to its cluster begins its network when it has something to run, or after this time: hosts join one after the other, and each of these beginnings is processes that the next one would wait for. */
const calmMs = 3000;
const announceAgainMs = 20;
/** How long a task waits for other nodes' word before it is stopped, and a node before it leads clients: longer than it takes until one that is gone counts as down. */
const leaveLimitMs = 20_000;
const lookForUntoldMs = 1000;
/** Ports that somebody else has: more are the same piece of news. */
const clashesTold = 32;
/** How long `stop` waits for steps that are being carried out. */
const settleLimitMs = 5000;

export class Agent {
  readonly #options: AgentOptions;
  readonly #modules: AgentModules;
  readonly #ending = new AbortController();
  /** Ends with the agent, or before: when the managers know that the node leaves. */
  readonly #serving = new AbortController();
  readonly #assignments = new AssignmentSet();
  readonly #reporter: StatusReporter;
  readonly #loop: TaskLoop;
  readonly #fence: Fence;
  /** Absent: only tasks are on the cluster's networks. */
  readonly guests: Guests | undefined;
  #description: NodeDescription | undefined;
  #session: DispatcherSession | undefined;
  #left = false;
  #clashesTold = '[]';
  /** Of the engine's, that managers do not hear of: said once. */
  #labelsLeft = 0;
  #refused: string | undefined;
  readonly #connected: Promise<void>;
  #connect: () => void = () => {};
  #sessions: Promise<void> = Promise.resolve();
  /** The node is new to its cluster, and its network is not up yet. */
  #inHaste = false;
  /** Settled when the node's network is up, or will not be. */
  #networkBegun: Promise<unknown> = Promise.resolve();
  /** Aborted when the network of a node that is new waits no longer. */
  readonly #needed = new AbortController();

  constructor(options: AgentOptions, modules: AgentModules) {
    this.#options = options;
    this.#modules = modules;
    this.#connected = new Promise((resolve) => (this.#connect = resolve));
    this.#reporter = new StatusReporter(modules.clock, modules.logger);
    const node = () => ({
      ID: options.nodeId,
      Hostname: this.#description?.Hostname ?? '',
      Platform: this.#description?.Platform ?? { Architecture: '', OS: '' },
    });
    const leftElsewhere = (taskId: string) => this.#leftElsewhere(taskId);
    this.#fence = new Fence(
      modules.clock,
      () => this.#assignments.tasks.values(),
      () => this.#fenced(),
    );
    const mayNotRun = (task: Task) => this.#fence.holds(task) || (this.#left && fenceOf(task) !== undefined);
    const served = () => this.#tellClashes();
    const parts = {
      ...modules,
      served,
      assignments: this.#assignments,
      reporter: this.#reporter,
      leftElsewhere,
      knownElsewhere: () => this.#knownElsewhere(),
      mayNotRun,
    };
    this.#loop = new TaskLoop({ concurrency: options.concurrency ?? 16, node }, parts, this.#ending.signal);
    const { tasks } = this.#assignments;
    const seen = { network: modules.network, clock: modules.clock, logger: modules.logger, tasks, networks: this.#loop.networkLoop.states };
    this.guests = modules.guests && new Guests({ ...seen, guests: modules.guests, session: () => this.#session }, this.#ending.signal);
  }

  /**
   * Resolves when the node's network is up. A node that was here before lets its managers hear of it only then.
   * @param entered resolves when a node that is new to its cluster is in: it seeks its managers first, and its network comes after that, as soon as it is needed
   */
  async start(entered?: Promise<void>): Promise<void> {
    const { openSession, clock, meter, logger } = this.#modules;
    const { nodeId } = this.#options;
    this.#inHaste = entered !== undefined;
    const networkIsUp = this.#startNetwork(entered);
    this.#networkBegun = Promise.allSettled([networkIsUp]);
    // Each node draws from its own stream, so that nodes do not come back all at once.
    const modules = { openSession, describe: () => this.#describe(), clock, random: seededRandom(0, nodeId), meter, logger };
    const calls = this.#sessionCalls(networkIsUp, entered !== undefined);
    this.#sessions = runSessions(nodeId, modules, calls, AbortSignal.any([this.#ending.signal, this.#serving.signal]));
    try {
      await networkIsUp;
    } catch (error) {
      this.#ending.abort();
      throw error;
    }
    this.#loop.observer.start();
    void this.#stopUntold();
    this.guests?.start();
    this.#inHaste = false;
    if (entered) void this.describeAgain().catch(() => undefined);
  }

  async #startNetwork(entered: Promise<void> | undefined): Promise<void> {
    await entered;
    if (entered) await pause(this.#modules.clock, calmMs, AbortSignal.any([this.#needed.signal, this.#ending.signal]));
    this.#ending.signal.throwIfAborted();
    await this.#loop.networkLoop.start();
  }

  /** Again and again, until a manager has said what is to run here. */
  async #stopUntold(): Promise<void> {
    const { signal } = this.#ending;
    while (!this.#assignments.complete && !signal.aborted) {
      this.#loop.stopUntold((container) => this.#fence.holdsFor(container));
      await pause(this.#modules.clock, lookForUntoldMs, signal);
    }
  }

  /** Resolves when a manager has opened the first session. */
  get connected(): Promise<void> {
    return this.#connected;
  }

  /** What the managers say against this node; undefined while they serve it, or cannot be reached. */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** The managers are told that this node comes back soon, if they can be reached: its tasks are left to it meanwhile. */
  announcePause(): Promise<boolean> {
    return announcePause(this.#announcing());
  }

  #announcing(): Announcing {
    return { ...this.#modules, session: () => this.#session, signal: this.#ending.signal };
  }

  /** Ends work on tasks and the session; containers run on and the next agent finds them. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#fence.stop();
    await this.#sessions;
    await this.#networkBegun;
    await this.#settled();
    await this.#modules.network.stop();
  }

  /** For a node that leaves its cluster: assignments count no more, every container and network of ours is removed. Resolves when they are gone, or after `limitMs`. */
  async removeAll(limitMs: number): Promise<void> {
    this.#left = true;
    this.#needed.abort();
    await this.#networkBegun;
    const end = this.#modules.clock.monotonicNow() + limitMs;
    await this.#endFenced(end);
    // One that hears again of a node that has left would take it for one that is back.
    if (await announceLeave(this.#announcing(), leaveLimitMs)) this.#serving.abort();
    await this.guests?.letGo();
    this.#loop.wake(this.#assignments.clear().tasks);
    this.#loop.wakeAll();
    const remains = () => this.#loop.busy || this.#loop.observer.containers.size > 0 || this.#loop.networkLoop.present.size > 0;
    while ((remains() || (await this.#isLeft())) && this.#modules.clock.monotonicNow() < end) await pause(this.#modules.clock, 50);
    await this.#modules.engine.carryOut({ type: 'pruneFiles', keep: [] }, this.#ending.signal);
  }

  /** As soon as the managers know that the node leaves, others run in the place of its tasks: what must not run twice ends before that. */
  async #endFenced(end: number): Promise<void> {
    const { clock } = this.#modules;
    const fenced = [...this.#assignments.tasks.values()].filter((task) => fenceOf(task) !== undefined).map(({ ID }) => ID);
    this.#loop.wake(fenced);
    const runs = (id: string): boolean => this.#loop.observer.containers.get(id)?.state === 'running' || this.#loop.isBusy(id);
    while ((fenced.some(runs) || (fenced.length > 0 && this.#reporter.waits)) && clock.monotonicNow() < end) await pause(clock, 50);
  }

  /** Tells the managers at once what the node has become; where that cannot be, they hear it with the next session. */
  async describeAgain(): Promise<void> {
    await this.#session?.updateDescription(await this.#describe());
  }

  /** The same; resolves when every other node that lives goes by it. Refuses where no manager hears it. */
  async describeToAll(): Promise<void> {
    const session = this.#session;
    if (!session) throw new Refusal('unavailable', 'no manager can be reached');
    await session.updateDescription(await this.#describe());
    await session.withdrawn(this.#options.nodeId);
  }

  /** With what is in the way of published ports, as it is now. */
  async #describe(): Promise<NodeDescription> {
    const { engine, describe = () => engine.describe(), network } = this.#modules;
    const description = await describe(this.#inHaste);
    const Clashes = network.ports.clashes().slice(0, clashesTold);
    const { description: told, left } = fitting(Clashes.length === 0 ? description : { ...description, Shoal: { ...description.Shoal, Clashes } });
    if (left.length > 0 && left.length !== this.#labelsLeft)
      this.#modules.logger.warn({ labels: left.slice(0, 10), count: left.length }, 'the labels of the engine are longer than managers take: these go untold');
    this.#labelsLeft = left.length;
    return told;
  }

  /** Who deploys waits for this. */
  #tellClashes(): void {
    const clashes = JSON.stringify(this.#modules.network.ports.clashes());
    if (clashes === this.#clashesTold) return;
    this.#clashesTold = clashes;
    // Where nobody hears it now, the next session begins with it.
    void this.describeAgain().catch(() => undefined);
  }

  /** Whether a container, by its whole id, is that of a task of this node. */
  runs(containerId: string): boolean {
    for (const container of this.#loop.observer.containers.values()) if (container.containerId === containerId) return true;
    return false;
  }

  /** The other nodes on one of this node's networks. */
  neighbours(networkId: string): Peer[] {
    return this.#assignments.peers.filter((peer) => peer.networkId === networkId);
  }

  /** Service → what this node holds of it, by its digest. */
  heldServices(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#assignments.endpoints].map(([id, endpoint]) => [id, endpointDigest(endpoint)]));
  }

  /** The log of one task's container, oldest line first. Refuses when the task has none here. */
  async *logs(taskId: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    const containerId = this.#loop.observer.containers.get(taskId)?.containerId;
    if (!containerId) throw new Refusal('notFound', `task ${taskId} has no container on this node`);
    yield* this.#modules.engine.logs(containerId, options, signal);
  }

  #sessionCalls(networkIsUp: Promise<void>, entering: boolean): Parameters<typeof runSessions>[2] {
    return {
      ready: entering ? Promise.resolve() : networkIsUp,
      able: async (message) => {
        if (entering && !needsNetwork(message)) return;
        this.#needed.abort();
        await networkIsUp;
      },
      opened: (session, description) => {
        this.#description = description;
        this.#session = session;
        this.#refused = undefined;
        this.#connect();
        this.#reporter.use(session);
      },
      assigned: (message) => this.#assigned(message),
      heard: (sentAt, nextMs) => this.#fence.heard(sentAt, nextMs),
      unable: () => this.#loop.observer.unable(),
      closed: () => {
        this.#session = undefined;
        this.#reporter.use(undefined);
      },
      failed: (error) => (this.#refused = isDenial(error) ? error.message : undefined),
    };
  }

  #assigned(message: AssignmentMessage): void {
    if (this.#left) {
      // Nobody waits for a node that leads nobody any more.
      if (message.acknowledge) void this.#acknowledge(message.resultsIn, this.#loop.networkLoop.publish());
      return;
    }
    const touched = this.#assignments.apply(message);
    if (message.type === 'complete') this.#afterComplete();
    if (touched.tasks.size > 0) this.#fence.plan();
    this.#loop.wake(touched.tasks);
    if (touched.tasks.size > 0) this.guests?.look();
    if (message.acknowledge) void this.#acknowledge(message.resultsIn, this.#loop.networkLoop.publish());
    else if (touched.network) this.#loop.networkLoop.publishSoon(touched.ways);
    if (message.changes.some(({ kind }) => kind === 'node' || kind === 'managers')) this.#modules.placed?.(this.#assignments.place(this.#options.nodeId));
  }

  /** Whoever stops a task elsewhere waits for this. */
  async #acknowledge(resultsIn: number, published: Promise<void>): Promise<void> {
    const session = this.#session;
    await published;
    // Who asks waits twice as long, and goes on then.
    const pending = this.#loop.networkLoop.upToDate();
    if (pending) await isDoneWithin(this.#modules.clock, pending, leaveLimitMs / 2, this.#ending.signal);
    // A session that ends is answer enough.
    await session?.acknowledge(resultsIn).catch(() => undefined);
  }

  #fenced(): void {
    const tasks = [...this.#assignments.tasks.values()].filter((task) => fenceOf(task) !== undefined).map(({ ID }) => ID);
    if (this.#fence.isOut()) {
      this.#modules.logger.warn({ tasks: tasks.length }, 'no manager has been heard for longer than shoal.fence allows: tasks of such services stop here');
    }
    this.#loop.wake(tasks);
  }

  /** Nodes that cannot be reached keep no task from ending for long; the managers wait for them until they are down. */
  async #leftElsewhere(taskId: string): Promise<void> {
    const cutOff = (): boolean => {
      const task = this.#assignments.tasks.get(taskId);
      return task !== undefined && this.#fence.holds(task);
    };
    const reason = await this.#heardElsewhere(taskId, cutOff);
    if (reason !== undefined)
      this.#modules.logger.info({ task: taskId, reason }, 'not every node has said that it sends nobody to a task any more: the task is stopped all the same');
  }

  async #knownElsewhere(): Promise<void> {
    const reason = await this.#heardElsewhere(this.#options.nodeId);
    if (reason !== undefined)
      this.#modules.logger.info(
        { reason },
        'not every node has said that it knows this one’s new address: clients of this node may wait for tasks of such nodes',
      );
  }

  /** Resolves when all other nodes go by what they were told of a task, or of this node, or are not to be waited for; after a while with the reason why not. Another leader is asked anew. */
  async #heardElsewhere(id: string, cutOff = (): boolean => false): Promise<string | undefined> {
    const { clock } = this.#modules;
    let reason = 'no manager can be reached';
    for (const end = clock.monotonicNow() + leaveLimitMs; clock.monotonicNow() < end; await pause(clock, announceAgainMs)) {
      if (this.#ending.signal.aborted || this.#serving.signal.aborted || this.#assignments.peers.length === 0 || cutOff()) return undefined;
      if (!this.#session) continue;
      try {
        await withLimit(this.#session.withdrawn(id), clock, this.#ending.signal);
        return undefined;
      } catch (error) {
        reason = (error as Error).message;
      }
    }
    return reason;
  }

  /** A new dispatcher may know less than we told the last one; and a crash may have left files of tasks that are gone. */
  #afterComplete(): void {
    const { tasks } = this.#assignments;
    for (const [id, task] of tasks) {
      const status = this.#loop.attempts.get(id)?.status;
      if (status && !sameStatus(status, task.Status)) this.#reporter.report(id, status);
    }
    this.#loop.wakeAll();
    void this.#modules.engine.carryOut({ type: 'pruneFiles', keep: [...tasks.keys()] }, this.#ending.signal);
  }

  /** Whether the engine has a container of ours after all: what was known of it may be old. */
  async #isLeft(): Promise<boolean> {
    const left = await this.#modules.engine.observe().catch(() => []);
    if (left.length > 0) this.#loop.observer.refresh(undefined);
    return left.length > 0;
  }

  async #settled(): Promise<void> {
    const end = this.#modules.clock.monotonicNow() + settleLimitMs;
    while (this.#loop.busy && this.#modules.clock.monotonicNow() < end) await pause(this.#modules.clock, 10);
  }
}

function sameStatus(a: TaskStatus, b: TaskStatus): boolean {
  return a.State === b.State && a.Message === b.Message && a.Err === b.Err;
}

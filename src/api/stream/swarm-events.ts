/** Commits as `docker events` shows them: scope swarm, with what changed; and what the reconciler did. Keeps the last ones for `--since`. */
import { timeOf } from '#base/clock';
import type { Cluster } from '#control/cluster';
import { nameOf } from '#model/object/object';
import type { Network } from '#model/object/network';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import { taskName, type Task } from '#model/object/task';
import type { Dependencies, EventLog, ReconcileEvent, StoreEvent } from '../dependencies.ts';

export interface SwarmEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Readonly<Record<string, string>> };
  scope: 'swarm';
  /** Seconds. */
  time: number;
  timeNano: number;
}

/** Four times as many as dockerd keeps. */
export const keptEvents = 1024;
const kinds: ReadonlySet<string> = new Set(['node', 'service', 'secret', 'config', 'network']);

export interface EventTimes {
  now: () => number;
  /** Of the log entry that was applied last. */
  index: () => number;
}

export class SwarmEvents {
  readonly #listeners = new Set<(event: SwarmEvent) => void>();
  readonly #log: EventLog;
  readonly #index: () => number;
  readonly #now: () => number;
  readonly #stops: readonly (() => void)[];

  /** @param log what was kept of an earlier daemon, and keeps what comes */
  constructor(cluster: Cluster, reconciler: Dependencies['reconcileEvents'], { now, index }: EventTimes, log: EventLog = new MemoryLog()) {
    this.#log = log;
    this.#index = index;
    this.#now = now;
    const commits = cluster.watch((events) => {
      // Told before this daemon started: it reads the log once more.
      if (log.had?.(index())) return;
      for (const event of events) {
        const made = swarmEvent(event, now());
        if (made) this.#publish(made);
      }
    });
    this.#stops = [commits, reconciler.watch((event) => this.#publish(reconcilerEvent(event)))];
  }

  /** Somebody ran `command` in a task's container from another host: what its own engine tells is heard there alone. */
  ran(task: Task, command: string): void {
    const Attributes = { name: taskName(task), service: task.Shoal.ServiceName, node: task.NodeID, command };
    const ms = this.#now();
    this.#publish({ Type: 'task', Action: 'exec', Actor: { ID: task.ID, Attributes }, scope: 'swarm', time: Math.floor(ms / 1000), timeNano: ms * 1e6 });
  }

  /** The kept ones, oldest first. */
  recent(): SwarmEvent[] {
    return this.#log.lines.flatMap((line) => readEvent(line) ?? []);
  }

  listen(listener: (event: SwarmEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#listeners.clear();
  }

  #publish(event: SwarmEvent): void {
    this.#log.keep(JSON.stringify({ ...event, index: this.#index() }));
    for (const listener of this.#listeners) listener(event);
  }
}

class MemoryLog implements EventLog {
  readonly lines: string[] = [];

  keep(line: string): void {
    this.lines.push(line);
    if (this.lines.length > keptEvents) this.lines.shift();
  }
}

/** Undefined for what a file holds that is no event. */
function readEvent(line: string): SwarmEvent | undefined {
  try {
    const event = JSON.parse(line) as (Partial<SwarmEvent> & { index?: number }) | null;
    const { index: _index, ...shown } = event ?? {};
    return typeof shown.timeNano === 'number' && typeof shown.Actor?.Attributes === 'object' ? (shown as SwarmEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** What the reconciler did, in the words of its own event. */
function reconcilerEvent({ time, type, name, action, message }: ReconcileEvent): SwarmEvent {
  const ms = timeOf(time);
  const Attributes = { name, ...(message !== '' && { message }) };
  return { Type: type, Action: action, Actor: { ID: name, Attributes }, scope: 'swarm', time: Math.floor(ms / 1000), timeNano: ms * 1e6 };
}

/**
 * Undefined for kinds that Docker has no events for (tasks, the cluster) and for our own, but for stacks that somebody deploys or removes by hand.
 * @internal
 */
export function swarmEvent(event: StoreEvent, now: number): SwarmEvent | undefined {
  if (event.kind === 'stack') return stackEvent(event, now);
  if (!kinds.has(event.kind)) return undefined;
  const object = event.object ?? event.previous;
  if (!object) return undefined;
  const Action = event.object === undefined ? 'remove' : event.previous === undefined ? 'create' : 'update';
  const name = nameOf(event.kind, object as never);
  const Attributes = { name, ...(Action === 'update' && changes(event)) };
  const ms = event.object ? timeOf(event.object.UpdatedAt) || now : now;
  return { Type: event.kind, Action, Actor: { ID: event.id, Attributes }, scope: 'swarm', time: Math.floor(ms / 1000), timeNano: ms * 1e6 };
}

/** In the reconciler's own words, who tells of a repository's stacks himself; how a stack fares is no change of it. */
function stackEvent({ object, previous }: StoreEvent & { kind: 'stack' }, now: number): SwarmEvent | undefined {
  const stack = object ?? previous;
  if (stack?.Source.Kind !== 'deploy' || (object && object.Digest === previous?.Digest)) return undefined;
  const { Name } = stack.Spec;
  const ms = object ? timeOf(object.UpdatedAt) || now : now;
  const Actor = { ID: Name, Attributes: { name: Name } };
  return { Type: 'stack', Action: object ? 'applied' : 'removed', Actor, scope: 'swarm', time: Math.floor(ms / 1000), timeNano: ms * 1e6 };
}

function changes(event: StoreEvent): Record<string, string> {
  if (!event.object || !event.previous) return {};
  if (event.kind === 'service') return serviceChanges(event.previous, event.object);
  if (event.kind === 'node') return nodeChanges(event.previous, event.object);
  return event.kind === 'network' ? networkChanges(event.object) : {};
}

function networkChanges(network: Network): Record<string, string> {
  return { type: network.Spec.Driver ?? 'overlay' };
}

function serviceChanges(before: Service, after: Service): Record<string, string> {
  const image = (service: Service) => service.Spec.TaskTemplate.ContainerSpec?.Image;
  const replicas = (service: Service) => service.Spec.Mode?.Replicated?.Replicas?.toString();
  return {
    ...change('image', image(before), image(after)),
    ...change('replicas', replicas(before), replicas(after)),
    ...change('updatestate', before.UpdateStatus?.State, after.UpdateStatus?.State),
  };
}

function nodeChanges(before: Node, after: Node): Record<string, string> {
  return {
    ...change('availability', before.Spec.Availability, after.Spec.Availability),
    ...change('role', before.Spec.Role, after.Spec.Role),
    ...change('state', before.Status.State, after.Status.State),
  };
}

function change(key: string, before: string | undefined, after: string | undefined): Record<string, string> {
  if (before === after) return {};
  return { ...(before !== undefined && { [`${key}.old`]: before }), ...(after !== undefined && { [`${key}.new`]: after }) };
}

/** Which nodes live: sessions, their deadlines, and what becomes of a node that misses one. */
import { timeText } from '#base/clock';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { roleOf } from '#model/manager-address';
import { mostSilent, paceOf } from '#model/options/silence';
import { longestAwayMs, type Node, type NodeStatus } from '#model/object/node';
import { update, type Action } from '#store/action';
import type { View } from '#store/view';

/** A beat is due up to a tenth of its time earlier, by chance, so that nodes do not beat in step; never later. */
const jitter = 0.1;
/** A new leader gives nodes time to find it, in periods. */
const takeOverFactor = 6;
/** While they keep coming, the others are on their way too: what is missing is counted from the last one that came. */
const betweenArrivals = 3;
/** Of many they come ever more seldom the longer it takes, for each waits longer before it asks again: one in so long a part of the time since the first could come. */
const betweenMany = 1 / 3;
/** However many there are. */
const longestTakeOver = 60;
/** Of so many workers half are not missing by themselves: it is the leader whom they do not reach, or a machine that is busy. */
const manyWorkers = 10;
/** Yet a rack can go together with the leader: its tasks are not left there longer than an election and a takeover last elsewhere. */
const longestMostMissing = 30;

/** A daemon that said that it comes back is waited for so long: a restart or another version takes a fraction of it. */
const awayMs = 20_000;

/** Nodes that are noted in one entry: of a thousand the others come in the next ones. */
export const notedAtOnce = 100;

interface Line {
  /** Undefined while the node has no session with this leader. */
  session?: number;
  /** Monotonic time (ms) at which the node counts as down. */
  deadline: number;
  /** A worker of the leader before, of which this one has not heard a beat: one that only opened a session may have given up on it. */
  awaited?: boolean;
  /** Held to its deadline whoever else is on the way to a new leader. */
  manager?: boolean;
}

/** One moment, by both clocks, in milliseconds. */
export interface Moment {
  /** Since 1970: what is written down. */
  now: number;
  /** Since whenever: what deadlines go by, for a clock that is set says nothing of a node. */
  monotonic: number;
}

/**
 * Sessions and deadlines of one leader, in memory alone: a new leader starts with `takeOver`. All times are
 * milliseconds, and monotonic where nothing else is said; `periodMs` is the cluster's Dispatcher.HeartbeatPeriod.
 */
export class Heartbeats {
  readonly #random: Random;
  readonly #lines = new Map<string, Line>();
  #sessions = 0;
  /** Until when nodes that are awaited are so at least: nodes that come put it off, to `#awaitedEnd` at most. */
  #awaitedUntil = 0;
  #awaitedEnd = 0;
  #awaitedFrom = 0;
  #mostMissingEnd = 0;
  /** Workers that are awaited, and those of them that have opened no session yet. */
  #awaited = 0;
  #missing = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Begins a leader's term: nodes that were not down are unknown until they come, six periods, thirty while most of many are missing, and as long as others keep coming, at most sixty; managers as long as they may be silent. Nodes that are back are not judged either while others keep coming. `unheard` notes them. */
  takeOver(view: View, periodMs: number, { now, monotonic }: Moment): void {
    this.#lines.clear();
    this.#awaitedUntil = monotonic;
    this.#awaitedFrom = monotonic;
    this.#awaitedEnd = monotonic + longestTakeOver * periodMs;
    this.#mostMissingEnd = monotonic + longestMostMissing * periodMs;
    for (const node of view.list('node')) {
      if (node.Status.State === 'down') continue;
      // A manager knows from its own log who leads, and its agent asks it first: it is given no more time than between beats.
      const awaited = roleOf(node) !== 'manager';
      const patienceMs = Math.round((awaited ? takeOverFactor : mostSilent) * periodMs);
      const stillAwayMs = Math.min((node.Shoal?.AwayUntil ?? now) - now, longestAwayMs);
      this.#lines.set(node.ID, { deadline: monotonic + Math.max(patienceMs, stillAwayMs), awaited, manager: !awaited });
    }
    this.#awaited = [...this.#lines.values()].reduce((sum, { awaited }) => sum + Number(awaited), 0);
    this.#missing = this.#awaited;
  }

  /** Nodes that are waited for and not noted as unknown yet: some of them, until there are none. */
  unheard(view: View, now: number): Action[] {
    const actions: Action[] = [];
    for (const [id, { session }] of this.#lines) {
      if (actions.length === notedAtOnce) break;
      const node = session === undefined ? view.get('node', id) : undefined;
      if (!node || node.Status.State === 'unknown' || node.Status.State === 'down' || node.Shoal?.AwayUntil !== undefined) continue;
      actions.push(withStatus(node, 'unknown', 'Node moved to "unknown" state due to leadership change in cluster', now));
    }
    return actions;
  }

  /** Opens a session for the node and returns its number; an older one of that node is over. The first beat is due at once. */
  open(nodeId: string, periodMs: number, monotonic: number): number {
    const session = ++this.#sessions;
    const { awaited = false, manager = false, deadline = 0, session: before } = this.#lines.get(nodeId) ?? {};
    if (awaited && before === undefined) {
      this.#missing--;
      this.#came(periodMs, monotonic);
    }
    this.#lines.set(nodeId, { session, deadline: Math.max(monotonic + Math.round(mostSilent * periodMs), awaited ? deadline : 0), awaited, manager });
    return session;
  }

  #came(periodMs: number, monotonic: number): void {
    const ofMany = this.#awaited >= manyWorkers ? Math.round(betweenMany * (monotonic - this.#awaitedFrom)) : 0;
    this.#awaitedUntil = Math.min(monotonic + Math.max(betweenArrivals * periodMs, ofMany), this.#awaitedEnd);
  }

  /** The term is over: so are all sessions. */
  end(): void {
    this.#lines.clear();
  }

  /** True while `session` is the node's newest and has not expired. */
  isOpen(nodeId: string, session: number): boolean {
    return this.#lines.get(nodeId)?.session === session;
  }

  /** Takes a beat in and returns the milliseconds until the next is due. Refuses `invalidArgument` when the session is over. */
  beat(nodeId: string, session: number, periodMs: number, monotonic: number): number {
    if (!this.isOpen(nodeId, session)) throw new Refusal('invalidArgument', 'session invalid');
    const { awaited = false, manager = false } = this.#lines.get(nodeId) ?? {};
    if (awaited) this.#came(periodMs, monotonic);
    const pace = paceOf(this.#lines.size);
    this.#lines.set(nodeId, { session, deadline: monotonic + Math.round(pace.silent * periodMs), manager });
    return Math.round(pace.beat * periodMs * (1 - jitter * this.#random.next()));
  }

  /** The session ends, and the node is waited for longer than usual. */
  pause(nodeId: string, session: number, monotonic: number): void {
    if (this.isOpen(nodeId, session)) this.#lines.set(nodeId, { deadline: monotonic + awayMs });
  }

  /** When `expire` has to be called next; undefined when no node is waited for. */
  nextDeadline(): number | undefined {
    let earliest: number | undefined;
    for (const line of this.#lines.values()) earliest = Math.min(earliest ?? Infinity, this.#due(line));
    return earliest;
  }

  /** Those that are back are as patient as those on the way: who receives a thousand is late with their beats too. */
  #due({ deadline, awaited, manager }: Line): number {
    if (manager) return deadline;
    const mostMissing = this.#awaited >= manyWorkers && 2 * this.#missing > this.#awaited;
    return Math.max(deadline, this.#awaitedUntil, awaited && mostMissing ? this.#mostMissingEnd : 0);
  }

  /** Ends the sessions whose deadline is past, some of many; their nodes are down. Until `forgetDown` they are noted again whenever this is asked: an entry may not come to be. */
  expire(view: View, { now, monotonic }: Moment): Action[] {
    const actions: Action[] = [];
    for (const [id, line] of this.#lines) {
      if (this.#due(line) > monotonic) continue;
      if (actions.length === notedAtOnce) break;
      this.#lines.set(id, { deadline: line.deadline, ...(line.manager && { manager: true }) });
      const node = view.get('node', id);
      if (!node || node.Status.State === 'down') continue;
      const wasUnknown = node.Status.State === 'unknown';
      const failure = `heartbeat failure${wasUnknown ? ' for node in "unknown" state' : ''}`;
      actions.push(withStatus(node, 'down', node.Shoal?.AwayUntil === undefined ? failure : 'its daemon was stopped and has not come back', now));
    }
    return actions;
  }

  /** Nodes without a session that are noted as down in what is committed, or gone, are waited for no more. */
  forgetDown(view: View): void {
    for (const [id, { session }] of this.#lines) {
      if (session === undefined && (view.get('node', id)?.Status.State ?? 'down') === 'down') this.#lines.delete(id);
    }
  }
}

/** The actions that note that the node's daemon ends and comes back soon. */
export function awaitNode(view: View, nodeId: string, now: number): Action[] {
  const node = view.get('node', nodeId);
  if (!node) return [];
  const Message = 'its daemon was stopped: its tasks run on, and it is waited for';
  return [update('node', { ...node, Status: { Addr: node.Status.Addr, State: 'disconnected', Message }, Shoal: { ...node.Shoal, AwayUntil: now + awayMs } })];
}

/** The actions that note that the node leaves the cluster: what runs there is replaced at once. */
export function noteLeaving(view: View, nodeId: string, now: number): Action[] {
  const node = view.get('node', nodeId);
  return node && node.Status.State !== 'down' ? [withStatus(node, 'down', 'it left the cluster', now)] : [];
}

/** The node as one of which nothing is waited for. */
export function arrived(node: Node): Node {
  if (node.Shoal?.AwayUntil === undefined) return node;
  const { AwayUntil: _over, ...rest } = node.Shoal;
  return { ...node, Shoal: rest };
}

/** The time is set here too: stages of the same pass reckon from it how long the node has been down. */
function withStatus(node: Node, State: NodeStatus['State'], Message: string, now: number): Action {
  return update('node', { ...arrived(node), UpdatedAt: timeText(now), Status: { Addr: node.Status.Addr, State, Message } });
}

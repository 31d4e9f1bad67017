/** Many nodes in one process, with everything between them and the managers as it is: joining, certificates, sessions, reports. Only the engine is missing: what is to run, runs. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { TLSSocket } from 'node:tls';
import { isTerminal, compareStates, type TaskState } from '#model/object/task-state';
import { timeText } from '#base/clock';
import { seededRandom } from '#base/random';
import { runSessions } from '#agent/session-loop';
import { StatusReporter } from '#agent/status-reporter';
import type { AssignmentMessage, DispatcherSession } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import { certificates } from '#identity/certificates';
import { askToJoin, fetchRoot } from '#rpc/ca-client';
import { LiveTls } from '#rpc/credentials';
import { managersLine } from '#rpc/to-leader/managers-line';
import { testDescription } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';

/** First the nodes' keys are made, which on hosts of their own would cost the managers' nothing; then they join. */
export type FleetOrder = { kind: 'prepare'; first: number; count: number } | { kind: 'join'; token: string; remotes: readonly string[] } | { kind: 'phase' };

/** What is asked for by any message, and sent back. */
export interface FleetState {
  prepared: number;
  joined: number;
  /** Nodes that have a session now. */
  connected: number;
  /** Sessions that were opened, since the beginning. */
  opened: number;
  running: number;
  /** Tasks that were told to run, since the beginning. */
  begun: number;
  /** Tasks that were told to stop. */
  ended: number;
  /** Processor time of this process, milliseconds. */
  cpuMs: number;
  /** The longest turn of this process since the phase began: so long all of its nodes were silent. */
  turnMs: number;
  failure: string;
}

const joinsAtOnce = 4;
const state: FleetState = { prepared: 0, joined: 0, connected: 0, opened: 0, running: 0, begun: 0, ended: 0, cpuMs: 0, turnMs: 0, failure: '' };
const turns = monitorEventLoopDelay({ resolution: 10 });
turns.enable();
/** Of the nodes in this process. */
let firstNumber = 0;
const prepared: { key: string; request: string }[] = [];

class FleetNode {
  readonly #states = new Map<string, TaskState>();
  readonly #reporter = new StatusReporter(realClock, silentLogger);
  #session: DispatcherSession | undefined;

  constructor(
    readonly nodeId: string,
    readonly tls: LiveTls,
    /** Whoever led when it joined comes first. */
    public managers: readonly string[],
  ) {}

  run(hostname: string): void {
    const random = seededRandom(0, this.nodeId);
    const openSession = managersLine({
      local: () => undefined,
      addresses: () => this.managers,
      leader: this.managers[0],
      tls: () => this.tls,
      connected: (tunnel) => tunnel.destroy(),
      random: random.split('managers'),
    });
    const describe = async () => ({ ...testDescription, Hostname: hostname });
    const calls: Parameters<typeof runSessions>[2] = {
      ready: Promise.resolve(),
      able: async () => undefined,
      opened: (session) => {
        this.#session = session;
        state.connected++;
        state.opened++;
        this.#reporter.use(session);
      },
      assigned: (message) => this.#assigned(message),
      heard: () => undefined,
      unable: () => undefined,
      closed: () => {
        this.#session = undefined;
        state.connected--;
        this.#reporter.use(undefined);
      },
      failed: () => undefined,
    };
    void runSessions(this.nodeId, { openSession, describe, clock: realClock, random, logger: silentLogger }, calls, new AbortController().signal);
  }

  #assigned(message: AssignmentMessage): void {
    const whole = new Set<string>();
    for (const change of message.changes) {
      if (change.kind === 'managers' && change.action === 'update') this.managers = change.item.Addresses;
      if (change.kind !== 'task') continue;
      if (change.action === 'remove') this.#forget(change.id);
      else {
        whole.add(change.item.ID);
        this.#take(change.item);
      }
    }
    if (message.type === 'complete') for (const id of this.#states.keys()) if (!whole.has(id)) this.#forget(id);
    if (message.acknowledge) void this.#session?.acknowledge(message.resultsIn).catch(() => undefined);
  }

  #take(task: Task): void {
    const known = this.#states.get(task.ID);
    if (known === undefined) state.begun++;
    const wanted = task.DesiredState;
    if (known !== undefined && isTerminal(known)) return;
    if (compareStates(wanted, 'running') > 0) return this.#become(task.ID, 'shutdown');
    const next = wanted === 'ready' ? 'ready' : 'running';
    if (known !== next && known !== 'running') this.#become(task.ID, next);
  }

  #become(id: string, next: TaskState): void {
    const before = this.#states.get(id);
    if (before === 'running') state.running--;
    if (next === 'running') state.running++;
    if (next === 'shutdown') state.ended++;
    this.#states.set(id, next);
    this.#reporter.report(id, { Timestamp: timeText(Date.now()), State: next, Message: next });
  }

  #forget(id: string): void {
    if (this.#states.get(id) === 'running') state.running--;
    this.#states.delete(id);
  }
}

async function prepare(first: number, count: number): Promise<void> {
  firstNumber = first;
  for (; state.prepared < count; state.prepared++) {
    const key = certificates.newKey();
    prepared.push({ key, request: await certificates.request(key) });
  }
}

async function joinAll(token: string, remotes: readonly string[]): Promise<void> {
  let next = 0;
  const options = { token, availability: 'active' as const, advertised: '', replaces: '', unheard: '' };
  const remote = remotes[0] ?? '';
  const root = await fetchRoot(remote);
  await Promise.all(
    Array.from({ length: joinsAtOnce }, async () => {
      for (let number = next++; prepared[number]; number = next++) {
        const { key, request } = prepared[number] as (typeof prepared)[number];
        const { nodeId, certificate, roots, managers } = await insist((tries) =>
          askToJoin(remotes[tries % remotes.length] ?? '', root, { ...options, request }),
        );
        state.joined++;
        new FleetNode(nodeId, new LiveTls({ certificate, key, roots }), managers).run(`sim-${firstNumber + number}`);
      }
    }),
  );
}

/** A leader may change meanwhile. */
async function insist<T>(ask: (tries: number) => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask(tries);
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

// To look at a manager's names Node makes objects of all who vouch for it, at each connection: a sixth of what a thousand nodes in one process cost, and on hosts of their own nothing to anybody. The names are enough.
const shownBy = Object.getOwnPropertyDescriptor(TLSSocket.prototype, 'getPeerCertificate')?.value as TLSSocket['getPeerCertificate'];
const leafAlone = function (this: TLSSocket): unknown {
  return shownBy.call(this, false);
};
Object.defineProperty(TLSSocket.prototype, 'getPeerCertificate', { value: leafAlone, configurable: true, writable: true });

// Each call that fails has a stack, and a map of the sources would be asked for every line of it: as in a daemon, there is none.
process.setSourceMapsEnabled(false);
process.on('message', (order: FleetOrder | 'state') => {
  if (order === 'state') {
    const { user, system } = process.cpuUsage();
    return void process.send?.({ ...state, cpuMs: (user + system) / 1000, turnMs: turns.max / 1e6 });
  }
  if (order.kind === 'phase') return turns.reset();
  const work = order.kind === 'prepare' ? prepare(order.first, order.count) : joinAll(order.token, order.remotes);
  work.catch((error: unknown) => (state.failure = String(error)));
});
process.on('disconnect', () => process.exit());

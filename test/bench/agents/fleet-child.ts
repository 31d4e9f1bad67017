/** Many nodes in one process, with everything between them and the managers as it is: joining, certificates, sessions, reports. Only the engine is missing: what is to run, runs. */
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
import { managersLine } from '#rpc/managers-line';
import { testDescription } from '#test/support/memory-cluster';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';

export interface FleetOrder {
  token: string;
  remotes: readonly string[];
  count: number;
}

/** What is asked for by any message, and sent back. */
export interface FleetState {
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
  failure: string;
}

const joinsAtOnce = 16;
const state: FleetState = { joined: 0, connected: 0, opened: 0, running: 0, begun: 0, ended: 0, failure: '' };

class FleetNode {
  readonly #states = new Map<string, TaskState>();
  readonly #reporter = new StatusReporter(realClock, silentLogger);
  #session: DispatcherSession | undefined;

  constructor(
    readonly nodeId: string,
    readonly tls: LiveTls,
    public managers: readonly string[],
  ) {}

  run(hostname: string): void {
    const random = seededRandom(0, this.nodeId);
    const openSession = managersLine({
      local: () => undefined,
      addresses: () => this.managers,
      tls: () => this.tls,
      connected: (tunnel) => tunnel.destroy(),
      random: random.split('managers'),
    });
    const describe = async () => ({ ...testDescription, Hostname: hostname });
    const calls: Parameters<typeof runSessions>[2] = {
      ready: Promise.resolve(),
      able: Promise.resolve(),
      opened: (session) => {
        this.#session = session;
        state.connected++;
        state.opened++;
        this.#reporter.use(session);
      },
      assigned: (message) => this.#assigned(message),
      heard: () => undefined,
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

async function joinAll({ token, remotes, count }: FleetOrder): Promise<void> {
  let next = 0;
  const options = { token, availability: 'active' as const, advertised: '', replaces: '', unheard: '' };
  const remote = remotes[0] ?? '';
  const root = await fetchRoot(remote);
  await Promise.all(
    Array.from({ length: joinsAtOnce }, async () => {
      while (next < count) {
        const number = next++;
        const key = certificates.newKey();
        const request = await certificates.request(key);
        const { nodeId, certificate, roots, managers } = await insist((tries) =>
          askToJoin(remotes[tries % remotes.length] ?? '', root, { ...options, request }),
        );
        state.joined++;
        new FleetNode(nodeId, new LiveTls({ certificate, key, roots }), managers).run(`sim-${number}`);
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

// Each call that fails has a stack, and a map of the sources would be asked for every line of it: as in a daemon, there is none.
process.setSourceMapsEnabled(false);
process.on('message', (order: FleetOrder | 'state') => {
  if (order === 'state') return void process.send?.(state);
  joinAll(order).catch((error: unknown) => (state.failure = String(error)));
});
process.on('disconnect', () => process.exit());

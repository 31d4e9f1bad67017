/** What Prometheus reads: counts by state, the log's index, the event loop's delay, memory. Labels are bounded by the number of objects. */
import { gathered, inTurns, type Steps } from '#base/pace/steps';
import { flagsOf } from '#model/object/states';
import { taskStates } from '#model/object/task-state';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Meter } from '#base/meter';
import { pendingReasonOf, pendingReasons, type PendingReason } from '#model/health/pending-reason';
import type { Context } from '../context.ts';
import type { NetworkFigures, StoreEvent, View } from '../dependencies.ts';
import { countCommit, namesGone } from './cluster-counts.ts';
import { addProcessMetrics, LoopDelay } from './process-metrics.ts';
import { PrometheusMeter } from './prometheus-meter.ts';
import { repositoryState } from '../view/repository.ts';
import { serviceStatus } from '../view/service-status.ts';
import { stackSummaries, type StackSummary } from '../view/stack-summary.ts';

const allStates = { node: ['unknown', 'down', 'ready', 'disconnected'], stack: ['pending', 'held', 'refused', 'applied'] } as const;

export class Metrics {
  readonly #registry = new Registry();
  readonly #delay: LoopDelay;
  readonly #requests: Counter;
  readonly #meter: PrometheusMeter;
  readonly #unwatch: () => void;
  #gathering: Promise<string> | undefined;
  readonly #services: Readonly<Record<'wanted' | 'running', Gauge>>;
  readonly #commits: Gauge;
  readonly #context: Pick<Context, 'cluster' | 'swarm' | 'metrics' | 'clock' | 'reconciler'>;
  readonly #pending: Gauge;
  readonly #bytes: Gauge;
  readonly #byState: Readonly<Record<'node' | 'task' | 'stack', Gauge>>;
  /** One series for each stack or repository and what it is: the others are absent. */
  readonly #states: Readonly<Record<'stack' | 'health' | 'flag' | 'repository', Gauge>>;
  readonly #network: { readonly counted: Counter; readonly problems: Gauge };
  readonly #counted: Readonly<Record<'connections' | 'refusals' | 'resets' | 'lookups', Counter>>;
  readonly #counts: Readonly<Record<'service' | 'network' | 'secret' | 'config' | 'repository', Gauge>>;

  constructor(context: Pick<Context, 'cluster' | 'swarm' | 'metrics' | 'clock' | 'reconciler'>) {
    this.#context = context;
    this.#delay = new LoopDelay(() => context.clock.monotonicNow());
    this.#byState = {
      node: this.#gauge('shoal_nodes', 'Nodes by state.', ['state']),
      task: this.#gauge('shoal_tasks', 'Tasks by observed state.', ['state']),
      stack: this.#gauge('shoal_stacks', 'Stacks by outcome of their last reconcile.', ['state']),
    };
    this.#states = {
      stack: this.#gauge('shoal_stack_state', '1 for the state that the stack is in.', ['stack', 'state']),
      health: this.#gauge('shoal_stack_health', '1 for the health of the stack.', ['stack', 'health']),
      flag: this.#gauge('shoal_stack_flag', '1 for each of drifted, suspended, leaving and quarantined that holds of the stack.', ['stack', 'flag']),
      repository: this.#gauge('shoal_repository_state', '1 for the state that the repository is in.', ['repository', 'state']),
    };
    this.#counts = {
      service: this.#gauge('shoal_services', 'Services.'),
      network: this.#gauge('shoal_networks', 'Cluster networks.'),
      secret: this.#gauge('shoal_secrets', 'Secrets.'),
      config: this.#gauge('shoal_configs', 'Configs.'),
      repository: this.#gauge('shoal_repositories', 'Git repositories that are followed.'),
    };
    this.#network = {
      counted: this.#counter('shoal_network_total', 'What the parts of this node’s network count: names answered, rules loaded, repairs.', ['part', 'what']),
      problems: this.#gauge('shoal_network_problems', 'Ports, names and bridges of this node that cannot be served.', ['part']),
    };
    this.#counted = {
      connections: this.#counter(
        'shoal_service_connections_total',
        'Connections through this node’s published ports, and by its host and its containers to services’ own addresses.',
        ['service'],
      ),
      refusals: this.#counter('shoal_service_refusals_total', 'Connections of that kind that were refused: no task of the service was ready.', ['service']),
      resets: this.#counter(
        'shoal_service_resets_total',
        'Resets by tasks of connections that came through this node’s published ports, or from its containers to services’ own addresses.',
        ['service'],
      ),
      lookups: this.#counter('shoal_service_lookups_total', 'Look-ups of the service’s names by containers of this node.', ['service']),
    };
    this.#measured('shoal_raft_applied_index', 'Index of the log entry applied last.', () => context.metrics.raftIndex());
    this.#measured('shoal_safe_mode', '1 while only the API runs.', () => (context.swarm.status().SafeMode === undefined ? 0 : 1));
    this.#measured('shoal_leader', '1 while this node decides.', () => (context.metrics.leads() ? 1 : 0));
    this.#measured('shoal_read_only', '1 while the disk of the state folder is full: nothing is changed until there is space.', () =>
      context.metrics.readOnly() ? 1 : 0,
    );
    this.#services = {
      wanted: this.#gauge('shoal_service_tasks_wanted', 'Tasks that the service is to have.', ['service']),
      running: this.#gauge('shoal_service_tasks_running', 'Tasks of the service that run.', ['service']),
    };
    this.#commits = this.#gauge('shoal_repository_commit', '1 for the commit that the repository was read at last.', ['repository', 'commit']);
    this.#requests = new Counter({
      name: 'shoal_api_requests_total',
      help: 'Requests that were answered, by route and status; what goes to the engine is one route.',
      labelNames: ['method', 'route', 'code'],
      registers: [this.#registry],
    });
    this.#pending = this.#gauge('shoal_tasks_pending', 'Tasks that have no node yet, by the reason that most nodes give.', ['reason']);
    this.#bytes = this.#gauge('shoal_raft_disk_bytes', 'Bytes of this manager’s log and snapshots on the disk.', ['what']);
    this.#measured(
      'shoal_raft_proposals_pending',
      'Changes that this manager proposed and that are not committed yet.',
      () => context.metrics.log?.()?.proposalsPending ?? 0,
    );
    this.#measured('shoal_raft_term', 'The term that this manager is in: each election begins another.', () => context.metrics.log?.()?.term ?? 0);
    this.#meter = new PrometheusMeter(this.#registry);
    addProcessMetrics(this.#registry, this.#delay);
    this.#unwatch = context.cluster.watch((events) => this.#committed(events));
  }

  /** For what the parts of the daemon count themselves. */
  get meter(): Meter {
    return this.#meter;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  start(): void {
    this.#delay.start();
  }

  stop(): void {
    this.#delay.stop();
    this.#unwatch();
  }

  /** `route`: the pattern, never a path: paths are without number. */
  answered(method: string, route: string, code: number): void {
    this.#requests.inc({ method, route, code });
  }

  /** Whoever asks while it is being gathered gets the same: a count that is begun anew in between would be wrong for both. */
  text(): Promise<string> {
    this.#gathering ??= this.#gather().finally(() => (this.#gathering = undefined));
    return this.#gathering;
  }

  async #gather(): Promise<string> {
    const { LocalNodeState, ControlAvailable } = this.#context.swarm.status();
    // Without a leader the counts stay as they were; the process's own numbers matter the more.
    const view = LocalNodeState === 'active' && ControlAvailable ? await this.#context.cluster.read().catch(() => undefined) : undefined;
    // A summary goes through all tasks of its stack.
    if (view) this.#count(view, await inTurns(gathered(stackSummaries(view, this.#context)), this.#context.clock));
    if (view) await inTurns(this.#countServices(view), this.#context.clock);
    if (view) await inTurns(this.#countPending(view), this.#context.clock);
    for (const [what, bytes] of Object.entries((await this.#context.metrics.log?.()?.bytes()) ?? {})) this.#bytes.set({ what }, bytes);
    this.#tellNetwork(await this.#context.metrics.network());
    this.#tellCounts((await this.#context.metrics.services?.()) ?? {});
    return this.#registry.metrics();
  }

  /** Nobody may ever scrape: what was told of an object goes with it. */
  #committed(events: readonly StoreEvent[]): void {
    countCommit(events, this.#meter);
    for (const kind of ['service', 'repository'] as const) this.#meter.forget(kind, namesGone(events, kind));
  }

  #count(view: View, stacks: readonly StackSummary[]): void {
    this.#countStates(view, stacks);
    const states = {
      node: [...view.list('node')].map((node) => node.Status.State),
      stack: stacks.map((stack) => stack.Condition.State),
    };
    for (const kind of ['node', 'stack'] as const) {
      // What nothing is in is 0 and not absent: a rule can tell that from a daemon that says nothing.
      for (const state of allStates[kind]) this.#byState[kind].set({ state }, 0);
      for (const state of states[kind]) this.#byState[kind].inc({ state });
    }
    const counts = view.taskStates();
    for (const state of taskStates) this.#byState.task.set({ state }, counts.get(state) ?? 0);
    this.#commits.reset();
    this.#meter.keepOnly('repository', new Set(Array.from(view.list('repository'), ({ Spec }) => Spec.Name)));
    for (const { Spec, Status } of view.list('repository')) {
      if (Status.Commit !== undefined) this.#commits.set({ repository: Spec.Name, commit: Status.Commit }, 1);
    }
    for (const kind of ['service', 'network', 'secret', 'config', 'repository'] as const) this.#counts[kind].set(view.count(kind));
  }

  *#countPending(view: View): Steps<void> {
    const counts = new Map<PendingReason, number>(pendingReasons.map((reason) => [reason, 0]));
    const waiting = (['new', 'pending'] as const).flatMap((state) => [...view.find('task', 'waiting', state)]);
    for (const task of waiting) {
      yield;
      const reason = pendingReasonOf(task);
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    for (const [reason, count] of counts) this.#pending.set({ reason }, count);
  }

  *#countServices(view: View): Steps<void> {
    for (const gauge of Object.values(this.#services)) gauge.reset();
    // Taken now: the state may change between the turns.
    const services = [...view.list('service')];
    this.#meter.keepOnly('service', new Set(services.map(({ Spec }) => Spec.Name)));
    for (const service of services) {
      yield;
      const { DesiredTasks, RunningTasks } = serviceStatus(service, view.tasksOfService(service.ID));
      this.#services.wanted.set({ service: service.Spec.Name }, DesiredTasks);
      this.#services.running.set({ service: service.Spec.Name }, RunningTasks);
      this.#meter.begin(service.Spec.Name);
    }
  }

  #countStates(view: View, stacks: readonly StackSummary[]): void {
    for (const gauge of Object.values(this.#states)) gauge.reset();
    for (const summary of stacks) {
      const { Name: stack, Condition, Health } = summary;
      this.#states.stack.set({ stack, state: Condition.State }, 1);
      if (Health) this.#states.health.set({ stack, health: Health.State }, 1);
      for (const flag of flagsOf(summary)) this.#states.flag.set({ stack, flag }, 1);
    }
    for (const repository of view.list('repository')) {
      this.#states.repository.set({ repository: repository.Spec.Name, state: repositoryState(repository, stacks, this.#context.clock.now()) }, 1);
    }
  }

  #tellNetwork(figures: readonly NetworkFigures[]): void {
    for (const told of Object.values(this.#network)) told.reset();
    for (const { part, counters, problems } of figures) {
      this.#network.problems.set({ part }, problems);
      for (const [what, count] of Object.entries(counters)) this.#network.counted.inc({ part, what }, count);
    }
  }

  /** Of the services that this node has to do with; those that are gone are told no more. */
  #tellCounts(services: Readonly<Record<string, Readonly<Record<string, number>>>>): void {
    for (const [what, counter] of Object.entries(this.#counted)) {
      counter.reset();
      for (const [service, counts] of Object.entries(services)) if (counts[what] !== undefined) counter.inc({ service }, counts[what]);
    }
  }

  #measured(name: string, help: string, measure: () => number): void {
    const gauge = this.#gauge(name, help, [], () => gauge.set(measure()));
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[] = [], collect?: () => void): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry], ...(collect && { collect }) });
  }
}

/** What Prometheus reads: counts by state, the log's index, the event loop's delay, memory. Labels are bounded by the number of objects. */
import { gathered, inTurns } from '#base/pace/steps';
import { flagsOf } from '#model/object/states';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { Gauge, Registry } from 'prom-client';
import type { Context } from '../context.ts';
import type { NetworkFigures, View } from '../dependencies.ts';
import { repositoryState } from '../view/repository.ts';
import { stackSummaries, type StackSummary } from '../view/stack-summary.ts';

/** The loop is looked at so often, by which it wakes up. What delays a look by so much would delay a request. */
const resolutionMs = 100;
const quantiles = [50, 99, 100];

/** Seconds beyond the time that lies between two looks anyway. Before the first look the histogram holds nonsense. */
function delaySeconds(delay: IntervalHistogram, percentile: number): number {
  return delay.count === 0 ? 0 : Math.max(0, delay.percentile(percentile) / 1e9 - resolutionMs / 1000);
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #context: Pick<Context, 'cluster' | 'swarm' | 'metrics' | 'clock' | 'reconciler'>;
  readonly #byState: Readonly<Record<'node' | 'task' | 'stack', Gauge>>;
  /** One series for each stack or repository and what it is: the others are absent. */
  readonly #states: Readonly<Record<'stack' | 'health' | 'flag' | 'repository', Gauge>>;
  readonly #network: Readonly<Record<'counted' | 'problems', Gauge>>;
  readonly #counts: Readonly<Record<'service' | 'network' | 'secret' | 'config' | 'repository', Gauge>>;

  constructor(context: Pick<Context, 'cluster' | 'swarm' | 'metrics' | 'clock' | 'reconciler'>) {
    this.#context = context;
    this.#byState = {
      node: this.#gauge('shoal_nodes', 'Nodes by state.', ['state']),
      task: this.#gauge('shoal_tasks', 'Tasks by observed state.', ['state']),
      stack: this.#gauge('shoal_stacks', 'Stacks by outcome of their last reconcile.', ['state']),
    };
    this.#states = {
      stack: this.#gauge('shoal_stack_state', '1 for the state that the stack is in.', ['stack', 'state']),
      health: this.#gauge('shoal_stack_health', '1 for the health of the stack.', ['stack', 'health']),
      flag: this.#gauge('shoal_stack_flag', '1 for each of drifted, suspended and quarantined that holds of the stack.', ['stack', 'flag']),
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
      counted: this.#gauge('shoal_network_total', 'What the parts of this node’s network count: names answered, rules loaded, repairs.', ['part', 'what']),
      problems: this.#gauge('shoal_network_problems', 'Ports, names and bridges of this node that cannot be served.', ['part']),
    };
    this.#measured('shoal_raft_applied_index', 'Index of the log entry applied last.', () => context.metrics.raftIndex());
    this.#measured('shoal_safe_mode', '1 while only the API runs.', () => (context.swarm.status().SafeMode === undefined ? 0 : 1));
    this.#measured('shoal_leader', '1 while this node decides.', () => (context.metrics.leads() ? 1 : 0));
    this.#measured('shoal_read_only', '1 while the disk of the state folder is full: nothing is changed until there is space.', () =>
      context.metrics.readOnly() ? 1 : 0,
    );
    this.#measured('process_resident_memory_bytes', 'Resident memory of the daemon.', () => process.memoryUsage.rss());
    this.#measured('process_heap_bytes', 'Used heap of the daemon.', () => process.memoryUsage().heapUsed);
    this.#measured('process_uptime_seconds', 'Seconds since the daemon started.', () => process.uptime());
    this.#addDelay();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  async text(): Promise<string> {
    const { LocalNodeState, ControlAvailable } = this.#context.swarm.status();
    // Without a leader the counts stay as they were; the process's own numbers matter the more.
    const view = LocalNodeState === 'active' && ControlAvailable ? await this.#context.cluster.read().catch(() => undefined) : undefined;
    // A summary goes through all tasks of its stack.
    if (view) this.#count(view, await inTurns(gathered(stackSummaries(view, this.#context)), this.#context.clock));
    this.#tellNetwork(await this.#context.metrics.network());
    return this.#registry.metrics();
  }

  #count(view: View, stacks: readonly StackSummary[]): void {
    this.#countStates(view, stacks);
    const states = {
      node: [...view.list('node')].map((node) => node.Status.State),
      stack: stacks.map((stack) => stack.Condition.State),
    };
    for (const kind of ['node', 'stack'] as const) {
      this.#byState[kind].reset();
      for (const state of states[kind]) this.#byState[kind].inc({ state });
    }
    this.#byState.task.reset();
    for (const [state, count] of view.taskStates()) this.#byState.task.set({ state }, count);
    for (const kind of ['service', 'network', 'secret', 'config', 'repository'] as const) this.#counts[kind].set(view.count(kind));
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
    for (const gauge of Object.values(this.#network)) gauge.reset();
    for (const { part, counters, problems } of figures) {
      this.#network.problems.set({ part }, problems);
      for (const [what, count] of Object.entries(counters)) this.#network.counted.set({ part, what }, count);
    }
  }

  #addDelay(): void {
    const gauge = this.#gauge('shoal_event_loop_delay_seconds', 'Delay of the event loop since the last look.', ['percentile'], () => {
      for (const percentile of quantiles) gauge.set({ percentile }, delaySeconds(this.#delay, percentile));
      this.#delay.reset();
    });
  }

  #measured(name: string, help: string, measure: () => number): void {
    const gauge = this.#gauge(name, help, [], () => gauge.set(measure()));
  }

  #gauge(name: string, help: string, labelNames: string[] = [], collect?: () => void): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry], ...(collect && { collect }) });
  }
}

/** What Prometheus reads of the daemon's own process, under the names that every program has for it. */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { Counter, Gauge, type MetricType, type Registry } from 'prom-client';

/** The loop is looked at so often, by which it wakes up. What delays a look by so much would delay a request. */
const resolutionMs = 100;
/** What is told is of the last one to two of these: who else reads it changes nothing. */
const windowMs = 60_000;
const quantiles = [0.5, 0.99, 1];

type DelayHistogram = Pick<IntervalHistogram, 'count' | 'percentile' | 'reset' | 'enable' | 'disable'>;

export class LoopDelay {
  readonly #histogram: DelayHistogram;
  readonly #now: () => number;
  #before: readonly number[] = quantiles.map(() => 0);
  #since: number;

  /** @param now milliseconds of a clock that nobody sets */
  constructor(now: () => number, histogram: DelayHistogram = monitorEventLoopDelay({ resolution: resolutionMs })) {
    this.#histogram = histogram;
    this.#now = now;
    this.#since = now();
  }

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** Seconds beyond the time that lies between two looks anyway, by quantile. */
  seconds(): readonly (readonly [quantile: number, seconds: number])[] {
    const current = quantiles.map((quantile) => this.#delay(quantile));
    const shown = quantiles.map((quantile, at) => [quantile, Math.max(current[at] ?? 0, this.#before[at] ?? 0)] as const);
    if (this.#now() - this.#since >= windowMs) {
      this.#before = current;
      this.#since = this.#now();
      this.#histogram.reset();
    }
    return shown;
  }

  /** Before the first look the histogram holds nonsense. */
  #delay(quantile: number): number {
    const { count } = this.#histogram;
    return count === 0 ? 0 : Math.max(0, this.#histogram.percentile(quantile * 100) / 1e9 - resolutionMs / 1000);
  }
}

/** Quantiles that were measured elsewhere, told as what they are: readers take that label for a summary's. */
class Quantiles extends Gauge<'quantile'> {
  override async get(): ReturnType<Gauge<'quantile'>['get']> {
    return { ...(await super.get()), type: 'summary' as unknown as MetricType };
  }
}

export function addProcessMetrics(registry: Registry, delay: LoopDelay): void {
  const registers = [registry];
  const gauge = (name: string, help: string, measure: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(measure()) });
  };
  gauge('process_resident_memory_bytes', 'Resident memory of the daemon.', () => process.memoryUsage.rss());
  gauge('process_heap_bytes', 'Used heap of the daemon.', () => process.memoryUsage().heapUsed);
  gauge('process_uptime_seconds', 'Seconds since the daemon started.', () => process.uptime());
  const startedAt = Date.now() / 1000 - process.uptime();
  gauge('process_start_time_seconds', 'When the daemon started, in seconds since 1970.', () => startedAt);
  gauge('process_open_fds', 'Descriptors that the daemon has open.', () => readdirSync('/proc/self/fd').length);
  const cpu: Counter = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Seconds of a processor that the daemon took.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
  const loop = new Quantiles({
    name: 'shoal_event_loop_delay_seconds',
    help: 'Delay of the event loop within the last minute or two.',
    labelNames: ['quantile'],
    registers,
    collect() {
      for (const [quantile, seconds] of delay.seconds()) loop.set({ quantile }, seconds);
    },
  });
}

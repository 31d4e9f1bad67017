/** The meter that the parts of the daemon are given: what they count and time, as Prometheus reads it. */
import { counters, notes, timers, type Counted, type Labels, type Measure, type Meter, type Noted, type Timed } from '#base/meter';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From a sync of a quick disk to a pull over a slow line. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const noLabels: Labels = {};

interface Series {
  inc?: (labels: Labels, by?: number) => void;
  observe?: (labels: Labels, seconds: number) => void;
  set?: (labels: Labels, value: number) => void;
  remove: (labels: Labels) => void;
}

export class PrometheusMeter implements Meter {
  readonly #series = new Map<string, Series>();
  /** What was told of each, so that it can be forgotten with the object that it names. */
  readonly #told = new Map<string, Map<string, Labels>>();

  constructor(registry: Registry) {
    const registers = [registry];
    for (const [name, { help, labels, values = [] }] of Object.entries<Measure>(counters)) {
      const counter = new Counter({ name, help, labelNames: [...labels], registers });
      for (const value of values) counter.inc({ [labels[0] ?? '']: value }, 0);
      this.#series.set(name, { inc: (of, by = 1) => counter.inc(of, by), remove: (of) => counter.remove(of) });
    }
    for (const [name, { help, labels }] of Object.entries(timers)) {
      const histogram = new Histogram({ name, help, labelNames: [...labels], buckets, registers });
      this.#series.set(name, { observe: (of, seconds) => histogram.observe(of, seconds), remove: (of) => histogram.remove(of) });
    }
    for (const [name, { help, labels }] of Object.entries(notes)) {
      const gauge = new Gauge({ name, help, labelNames: [...labels], registers });
      this.#series.set(name, { set: (of, value) => gauge.set(of, value), remove: (of) => gauge.remove(of) });
    }
  }

  count(name: Counted, labels: Labels = noLabels): void {
    this.#seriesOf(name, labels)?.inc?.(labels);
  }

  took(name: Timed, seconds: number, labels: Labels = noLabels): void {
    this.#seriesOf(name, labels)?.observe?.(labels, Math.max(0, seconds));
  }

  note(name: Noted, value: number, labels: Labels = noLabels): void {
    this.#seriesOf(name, labels)?.set?.(labels, value);
  }

  /** What is counted of a service is told from when it is first seen: a rate knows no beginning. */
  begin(service: string): void {
    const labels = { service };
    for (const [name, measure] of Object.entries<Measure>(counters)) if (measure.labels.join() === 'service') this.#seriesOf(name, labels)?.inc?.(labels, 0);
  }

  /** Forgets what was told of objects that are gone: names come and go without number. */
  keepOnly(label: 'service' | 'repository', names: ReadonlySet<string>): void {
    this.#drop(label, (name) => !names.has(name));
  }

  forget(label: 'service' | 'repository', names: ReadonlySet<string>): void {
    if (names.size > 0) this.#drop(label, (name) => names.has(name));
  }

  #drop(label: 'service' | 'repository', isGone: (name: string) => boolean): void {
    for (const [name, told] of this.#told) {
      for (const [key, labels] of told) {
        const named = labels[label];
        if (named === undefined || !isGone(named)) continue;
        this.#series.get(name)?.remove(labels);
        told.delete(key);
      }
    }
  }

  #seriesOf(name: string, labels: Labels): Series | undefined {
    if (labels === noLabels) return this.#series.get(name);
    const told = this.#told.get(name) ?? new Map<string, Labels>();
    this.#told.set(name, told);
    told.set(JSON.stringify(labels), labels);
    return this.#series.get(name);
  }
}

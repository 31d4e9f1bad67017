/** Says when the health of a repository's stack turns: also what time alone shows, such as a task that waits for long. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { nodesOf, stackHealth } from '#control/stack/stack-health';
import { namespaceLabel } from '#model/object/meta';
import type { HealthState } from '#model/object/states';
import type { ReconcileEvents } from './events.ts';

export interface HealthTellerParts {
  cluster: Cluster;
  events: ReconcileEvents;
  clock: Clock;
  logger: Logger;
}

type View = Awaited<ReturnType<Cluster['read']>>;

/** Tasks change in flocks: one look serves them all. */
const quietMs = 1_000;
/** While a stack is not healthy its verdict may turn without an event. */
const againMs = 5_000;

export class HealthTeller {
  readonly #parts: HealthTellerParts;
  readonly #known = new Map<string, HealthState>();
  /** That something happened to since the last look: names of stacks, and ids of services. */
  readonly #touched = { stacks: new Set<string>(), services: new Set<string>() };
  /** That were not healthy then. */
  #unsettled: readonly string[] = [];
  /** All are looked at. */
  #all = true;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: HealthTellerParts) {
    this.#parts = parts;
  }

  /** What may change a verdict, and whose. */
  heard(events: Parameters<Parameters<Cluster['watch']>[0]>[0]): void {
    let told = false;
    for (const event of events) {
      const { kind, object, previous } = event;
      if (kind === 'task') for (const task of [object, previous]) if (task) this.#touched.services.add(task.ServiceID);
      if (kind === 'service') for (const service of [object, previous]) this.#touched.stacks.add(service?.Spec.Labels?.[namespaceLabel] ?? '');
      if (kind === 'stack') this.#touched.stacks.add((object ?? previous)?.Spec.Name ?? '');
      if (kind === 'node') this.#all = true;
      told ||= kind === 'task' || kind === 'service' || kind === 'stack' || kind === 'node';
    }
    if (told) this.notice();
  }

  notice(afterMs = quietMs): void {
    if (this.#stopped) return;
    this.#cancel ??= this.#parts.clock.after(afterMs, () => {
      this.#cancel = undefined;
      this.#look().catch((error: unknown) => this.#parts.logger.debug({ error: (error as Error).message }, 'the health of stacks is not seen now'));
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #look(): Promise<void> {
    const { cluster, clock, events } = this.#parts;
    const view = await cluster.read();
    const nodes = nodesOf(view);
    const unsettled: string[] = [];
    for (const Name of this.#asked(view)) {
      const stack = view.byName('stack', Name);
      const health = stack?.Source.Kind === 'repository' ? stackHealth(view, stack, nodes, clock.now()) : undefined;
      if (!health) {
        this.#known.delete(Name);
        continue;
      }
      const before = this.#known.get(Name);
      this.#known.set(Name, health.State);
      if (health.State !== 'healthy') unsettled.push(Name);
      const bad = health.State === 'failing' || health.State === 'degraded';
      if (before === health.State || (before === undefined && !bad)) continue;
      events.tell({ type: 'stack', name: Name, action: health.State, message: health.Reasons.join('; ') });
    }
    this.#unsettled = unsettled;
    if (unsettled.length > 0) this.notice(againMs);
  }

  /** The stacks whose verdict may be another one now. */
  #asked(view: View): ReadonlySet<string> {
    const { stacks, services } = this.#touched;
    const names = new Set([...stacks, ...this.#unsettled]);
    for (const id of services) names.add(view.get('service', id)?.Spec.Labels?.[namespaceLabel] ?? '');
    if (this.#all) for (const name of [...this.#known.keys(), ...[...view.list('stack')].map(({ Spec }) => Spec.Name)]) names.add(name);
    stacks.clear();
    services.clear();
    this.#all = false;
    return names;
  }
}

/** Says when the health of a repository's stack turns: also what time alone shows, such as a task that waits for long. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { nodesOf, stackHealth } from '#control/stack/stack-health';
import type { HealthState } from '#model/object/states';
import type { ReconcileEvents } from './events.ts';

export interface HealthTellerParts {
  cluster: Cluster;
  events: ReconcileEvents;
  clock: Clock;
  logger: Logger;
}

/** Tasks change in flocks: one look serves them all. */
const quietMs = 1_000;
/** While a stack is not healthy its verdict may turn without an event. */
const againMs = 5_000;

export class HealthTeller {
  readonly #parts: HealthTellerParts;
  readonly #known = new Map<string, HealthState>();
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: HealthTellerParts) {
    this.#parts = parts;
  }

  /** Something changed that may change a verdict. */
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
    const seen = new Set<string>();
    let unsettled = false;
    for (const stack of view.list('stack')) {
      const health = stack.Source.Kind === 'repository' ? stackHealth(view, stack, nodes, clock.now()) : undefined;
      if (!health) continue;
      const { Name } = stack.Spec;
      seen.add(Name);
      const before = this.#known.get(Name);
      this.#known.set(Name, health.State);
      if (health.State !== 'healthy') unsettled = true;
      const bad = health.State === 'failing' || health.State === 'degraded';
      if (before === health.State || (before === undefined && !bad)) continue;
      events.tell({ type: 'stack', name: Name, action: health.State, message: health.Reasons.join('; ') });
    }
    for (const name of this.#known.keys()) if (!seen.has(name)) this.#known.delete(name);
    if (unsettled) this.notice(againMs);
  }
}

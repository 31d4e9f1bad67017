/**
 * Whom clients are led to while nobody of a service is ready but tasks of nodes that the managers do not hear: these, for a while.
 * Managers that are starved or cut off miss nodes that run on, and what takes the place of their tasks is not there yet: to refuse would be an outage that
 * the managers alone have made. Swarm is led by what the nodes hear of one another, not by its managers, and goes on in the same case. A node that has
 * really gone costs its clients a wait until then; afterwards a service without a ready task refuses at once, as always.
 */
import type { Clock } from '#base/clock';
import type { ServiceEndpoint } from '#model/object/assignment';

/** What takes their place is there by then, or there is no place for it. */
const limitMs = 60_000;

export class LastKnown {
  readonly #clock: Clock;
  /** Called when somebody has been led to for so long. */
  readonly #over: () => void;
  /** By task, since its node is not heard; monotonic. */
  #since: ReadonlyMap<string, number> = new Map();
  #cancel: () => void = () => {};

  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  /** The same objects where nothing is to be added, so that those who compare see no change. */
  of(services: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] {
    const now = this.#clock.monotonicNow();
    const since = new Map<string, number>();
    for (const { Tasks } of services) for (const { TaskID, Lost } of Tasks) if (Lost) since.set(TaskID, this.#since.get(TaskID) ?? now);
    this.#since = since;
    const fresh = new Set([...since].flatMap(([id, at]) => (now - at < limitMs ? [id] : [])));
    this.#cancel();
    if (fresh.size === 0) return services;
    const ends = [...fresh].map((id) => (since.get(id) ?? now) + limitMs - now);
    this.#cancel = this.#clock.after(Math.min(...ends), this.#over);
    return services.map((service) => withLost(service, fresh));
  }

  stop(): void {
    this.#cancel();
  }
}

function withLost(service: ServiceEndpoint, fresh: ReadonlySet<string>): ServiceEndpoint {
  if (service.Tasks.some(({ Ready }) => Ready) || !service.Tasks.some(({ TaskID }) => fresh.has(TaskID))) return service;
  return { ...service, Tasks: service.Tasks.map((task) => (fresh.has(task.TaskID) ? { ...task, Ready: true } : task)) };
}

/** An existing Docker Swarm as a cluster: its objects are read from the Engine API and written there; stacks and repositories are kept in our own log. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '#base/clock';
import { newId } from '#base/ids';
import { Listeners } from '#base/listeners';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import type { Cluster, UseCase } from '#control/cluster';
import { create, remove, update, type Action, type StoreEvent } from '#store/action';
import { Store } from '#store/store';
import type { View } from '#store/view';
import { changesBetween } from './changes.ts';
import { CombinedView, isOurs } from './combined-view.ts';
import type { Endpoint } from '#http/endpoint';
import { EngineApi } from './engine-api.ts';
import { isOutOfSequence } from './failure.ts';
import { Reader } from './reader.ts';
import { withIds } from './docker-json.ts';
import { Writer } from './writer.ts';
import { writtenRecord } from './write-record.ts';

export interface DockerSwarmParts {
  /** Our own log: holds stacks, repositories, and how services were asked for. Started by the caller. */
  records: Cluster;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** Requests that may wait for those before them. */
const queueLimit = 1_000;
/** Decisions on one request, when others keep changing what it is about. */
const mostAttempts = 5;
/** Events come in flocks: one look serves them all. */
const quietMs = 50;
const reconnectMs = 1_000;
const eventFilters = encodeURIComponent(JSON.stringify({ scope: ['swarm'], type: ['service', 'network', 'secret', 'config', 'node'] }));

export class DockerSwarm implements Cluster {
  readonly #parts: DockerSwarmParts;
  readonly #endpoint: Endpoint;
  readonly #api: EngineApi;
  readonly #reader: Reader;
  readonly #listeners: Listeners<readonly StoreEvent[]>;
  readonly #stop = new AbortController();
  #docker: View = new Store();
  #looking: Promise<void> = Promise.resolve();
  #nextLook: Promise<void> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #following: Promise<void> = Promise.resolve();
  #unwatch: () => void = () => {};
  #cancelLook: (() => void) | undefined;

  constructor(endpoint: Endpoint, parts: DockerSwarmParts) {
    this.#endpoint = endpoint;
    this.#parts = parts;
    this.#listeners = new Listeners(parts.logger, 'the engine’s swarm');
    this.#api = new EngineApi(endpoint);
    this.#reader = new Reader(this.#api);
  }

  /** Refuses when there is no engine, it is too old, or it manages no swarm. */
  async start(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const text = error.message.includes(this.#endpoint.url)
        ? error.message
        : `the Docker Engine at ${this.#endpoint.url} cannot be reconciled: ${error.message}`;
      throw new Refusal(error.code, text);
    }
    this.#unwatch = this.#parts.records.watch((events) => this.#tell(events.filter((event) => isOurs(event.kind))));
    this.#following = this.#followEvents();
  }

  /** Finishes the request under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#unwatch();
    this.#cancelLook?.();
    await Promise.allSettled([this.#queue, this.#following, this.#looking]);
  }

  async read(): Promise<View> {
    await this.#look();
    return new CombinedView(this.#docker, await this.#parts.records.read());
  }

  /** Not all or nothing: a refusal of the engine leaves what was written before it. The same request again goes on from there. */
  submit<R>(useCase: UseCase<R>): Promise<R> {
    if (this.#stop.signal.aborted) return Promise.reject(new Refusal('unavailable', 'the daemon is shutting down'));
    if (this.#waiting >= queueLimit) return Promise.reject(new Refusal('unavailable', `the reconciler is busy: ${queueLimit} requests wait`));
    this.#waiting += 1;
    const turn = this.#queue.then(() => this.#attempt(useCase, 1)).finally(() => (this.#waiting -= 1));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  watch(listener: (events: readonly StoreEvent[]) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Decides on what is there now, and again when another client was faster. */
  async #attempt<R>(useCase: UseCase<R>, attempt: number): Promise<R> {
    const { clock, random } = this.#parts;
    const view = await this.read();
    const { actions, result } = useCase(view, { now: clock.now(), newId: () => newId(random), random });
    const ours = actions.filter((action) => isOurs(action.kind));
    const theirs = actions.filter((action) => !isOurs(action.kind));
    const writer = new Writer({ ...this.#parts, api: this.#api, reader: this.#reader });
    try {
      await writer.run(theirs, view);
    } catch (error) {
      await this.#keep(
        ours.flatMap((action) => halfWay(action, view, writer)),
        writer,
      );
      if (isOutOfSequence(error) && attempt < mostAttempts) return this.#attempt(useCase, attempt + 1);
      throw error;
    }
    await this.#keep(ours, writer);
    if (theirs.length > 0) await this.#look();
    return withIds(result, writer.ids);
  }

  /** Writes what is ours, with how services were asked for; records of services that are gone go too. */
  async #keep(ours: readonly Action[], writer: Writer): Promise<void> {
    if (ours.length === 0 && writer.written.size === 0) return;
    await this.#parts.records.submit((records) => {
      const services = [...writer.written].map(([id, spec]) => {
        const earlier = records.get('service', id);
        const record = writtenRecord(id, spec, earlier);
        return earlier ? update('service', record) : create('service', record);
      });
      const gone = [...records.list('service')].filter(({ ID }) => !writer.written.has(ID) && !this.#docker.get('service', ID));
      const own = withIds(ours, writer.ids);
      return { actions: [...own, ...services, ...gone.map(({ ID }) => remove('service', ID))], result: undefined };
    });
  }

  /** Reads everything; calls that come while a look is under way share the next one. */
  #look(): Promise<void> {
    this.#nextLook ??= this.#looking
      .catch(() => {})
      .then(() => {
        const look = this.#readAll();
        this.#looking = look;
        this.#nextLook = undefined;
        return look;
      });
    return this.#nextLook;
  }

  async #readAll(): Promise<void> {
    const before = this.#docker;
    this.#docker = await this.#reader.read(await this.#parts.records.read(), this.#parts.clock.now());
    this.#tell(changesBetween(before, this.#docker));
  }

  #tell(events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    this.#listeners.tell(events);
  }

  /** Listens to the engine for what others do; after each silence of it everything is looked at again. */
  async #followEvents(): Promise<void> {
    const { logger } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const stream = await this.#api.stream(`/events?filters=${eventFilters}`, signal);
        this.#lookSoon();
        for await (const _chunk of stream) this.#lookSoon();
      } catch (error) {
        if (!signal.aborted)
          logger.warn(
            { error: (error as Error).message },
            'the events of the Docker Engine cannot be followed now: changes by others are noticed late; it is tried again every second',
          );
      }
      await pause(reconnectMs, undefined, { signal }).catch(() => {});
    }
  }

  #lookSoon(): void {
    this.#cancelLook ??= this.#parts.clock.after(quietMs, () => {
      this.#cancelLook = undefined;
      this.#look().catch((error: unknown) =>
        this.#parts.logger.warn({ error: (error as Error).message }, 'the Docker Swarm cannot be read now: what was read last is shown until it answers'),
      );
    });
  }
}

/** Of a stack's record, when its writes broke off: what was made so far is the stack's own. */
function halfWay(action: Action, view: View, writer: Writer): Action[] {
  if (action.kind !== 'stack' || action.type === 'remove' || !action.object.Inventory) return [];
  const before = view.byName('stack', action.object.Spec.Name);
  const own = new Map((before?.Inventory ?? []).map((item) => [item.ID, item]));
  for (const item of action.object.Inventory) if (writer.ids.has(item.ID)) own.set(item.ID, item);
  const Inventory = [...own.values()];
  if (before) return Inventory.length > (before.Inventory ?? []).length ? [update('stack', { ...before, Inventory })] : [];
  if (Inventory.length === 0) return [];
  const Condition = { State: 'pending', Message: 'the Docker Engine took a part of it only', Since: action.object.Condition.Since } as const;
  return [create('stack', { ...action.object, Digest: '', Services: [], Inventory, Condition })];
}

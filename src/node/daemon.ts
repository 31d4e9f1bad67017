/** The daemon: one process from its start to its end; serves the API, and has the node's life in clusters. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ReconcileEvent } from '#api/dependencies';
import type { HttpDoor } from '#api/door/http-door';
import { ApiServer } from '#api/server';
import { keptEvents } from '#api/stream/swarm-events';
import { Listeners } from '#base/listeners';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { programVersion } from '#base/version';
import { apiDependencies } from './api-dependencies.ts';
import { ClusterDoor } from './cluster-door.ts';
import { ClusterLife } from './cluster-life.ts';
import { Fitness } from './founding/fitness.ts';
import { rehearse } from './join/rehearsal.ts';
import type { DaemonOptions } from './options.ts';
import type { ReleaseKeeper } from './release/release-keeper.ts';
import { readIdentity } from './state/identity.ts';
import { KeptEvents } from './state/kept-events.ts';
import { makePassable } from './state/run-folder.ts';
import { countStarts, livedMs, safetyOf, startsThatDied } from './state/starts.ts';
import { lockState } from './state/state-lock.ts';
import { systemClock } from './system.ts';
import { webhookDoor } from './webhooks/webhook-door.ts';

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #logger: Logger;
  readonly #release: ReleaseKeeper;
  readonly #life: ClusterLife;
  readonly #api: ApiServer;
  readonly #webhooks: HttpDoor | undefined;
  readonly #kept: KeptEvents;
  readonly #fitness = new Fitness();
  #unlock: () => Promise<void> = async () => {};
  /** Why only the API runs. */
  #safety: string | undefined;
  #endCount: () => void = () => {};
  readonly #ending = new AbortController();

  constructor(options: DaemonOptions, logger: Logger, onFatal: (error: unknown) => void, release: ReleaseKeeper) {
    this.#options = options;
    this.#logger = logger;
    this.#release = release;
    this.#kept = new KeptEvents(options.state, keptEvents, logger);
    const door = new ClusterDoor(logger);
    const events = new Listeners<ReconcileEvent>(logger, 'the reconciler');
    const life = new ClusterLife(options, {
      logger,
      door,
      fitness: this.#fitness,
      kept: this.#kept,
      release,
      api: () => this.#api,
      safety: () => this.#safety,
      onFatal,
      onReconcile: (event) => events.tell(event),
    });
    this.#life = life;
    this.#webhooks = webhookDoor(options, async () => life.managing().seat.view(), logger.child({ part: 'webhooks' }));
    const { socket: socketPath, group: socketGroup, metrics: metricsPlace } = options;
    this.#api = new ApiServer(
      { socketPath, socketGroup, version: programVersion, ...(metricsPlace && { metricsPlace }) },
      apiDependencies(options, logger, { door, life, events, kept: this.#kept }),
    );
  }

  /** Resolves when the API answers; in a cluster, when its state is there. Refuses what cannot work. */
  async start(): Promise<void> {
    const { state, run, socket } = this.#options;
    mkdirSync(state, { recursive: true, mode: 0o711 });
    for (const folder of [run, dirname(socket)]) makePassable(folder);
    this.#unlock = await lockState(state);
    const died = startsThatDied(state);
    this.#safety = safetyOf(this.#options.safeMode, died);
    const identity = readIdentity(state);
    try {
      if (this.#safety === undefined) countStarts(this.#options.state, died + 1, this.#logger);
      await this.#life.begin(identity);
    } catch (error) {
      // A refusal says what to do: it is no death.
      if (error instanceof Refusal && this.#safety === undefined) countStarts(this.#options.state, died, this.#logger);
      throw error;
    }
    await this.#api.start();
    await this.#webhooks?.start();
    if (this.#safety === undefined) this.#endCount = systemClock.after(livedMs, () => countStarts(this.#options.state, 0, this.#logger));
    if (this.#safety === undefined) void (this.#life.member?.served() ?? Promise.resolve()).then(() => this.#release.proven());
    this.#logger.info({ socket, state, swarm: identity ? 'active' : 'inactive' }, this.#safety ?? 'the daemon is ready');
    if (!identity && this.#safety === undefined) void this.#rehearse();
  }

  #rehearse(): Promise<void> {
    const unasked = (): boolean => this.#life.unasked;
    return rehearse(this.#options, { fitness: this.#fitness, logger: this.#logger, unasked, signal: this.#ending.signal });
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#endCount();
    await this.#life.stop(async () => {
      await this.#webhooks?.stop();
      await this.#api.stop();
    });
    await this.#kept.stop();
    // An orderly end is no death; after a safe life the next start is whole again.
    countStarts(this.#options.state, 0, this.#logger);
    await this.#unlock();
  }
}

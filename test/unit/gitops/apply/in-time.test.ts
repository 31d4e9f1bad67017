/** What users are promised within so many seconds, in simulated time: a repository's reconciler over a manager and an agent as they run in production, and images that do what their names say. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import { Looks } from '#api/door/deliveries';
import { integerBetween, seededRandom } from '#base/random';
import { second } from '#base/text/duration';
import { initCluster } from '#control/clusters';
import { createRepository } from '#control/repository/repositories';
import { updateService } from '#control/service/services';
import { newestRevision } from '#control/stack/revisions';
import { ReconcileEvents } from '#gitops/events';
import { Follower } from '#gitops/follower';
import type { GitWorkers } from '#gitops/git-workers';
import type { MirrorPlace } from '#gitops/protocol';
import { RevisionJudge } from '#gitops/revision-judge';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import type { ServiceSpec } from '#model/object/service-spec';
import type { AppliedStack } from '#reconciler/step';
import { ReplicatedState } from '#replica/state';
import { testDescription } from '#test/support/memory-cluster';
import { MemoryLog } from '#test/support/memory-log';
import { RecordingNetwork } from '#test/support/recording-network';
import { SimulatedEngine, type SimulatedImage } from '#test/support/simulated-engine';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const monitorMs = 5_000;
/** What git takes to bring a commit. */
const fetchMs = 800;
const images: Readonly<Record<string, SimulatedImage>> = {
  sick: { health: { afterMs: 2_000, verdict: 'unhealthy' } },
  breaks: { exit: { afterMs: 1_000, code: 1 } },
  slow: { pullMs: 3_600_000 },
};
const Labels = { 'com.docker.stack.namespace': 'a' };

class World {
  readonly clock = new VirtualClock();
  readonly #state = new ReplicatedState();
  readonly #events = new ReconcileEvents({ clock: this.clock, logger: silentLogger });
  readonly manager: ManagerSeat;
  readonly #agent: Agent;
  follower!: Follower;
  #judge!: RevisionJudge;
  #unwatch = (): void => {};
  #count = 0;
  #image = '';

  constructor() {
    const { clock } = this;
    const onFatal = (error: unknown): void => {
      throw error;
    };
    const parts = { clock, random: seededRandom(1), logger: silentLogger };
    this.manager = new ManagerSeat({}, { ...parts, log: new MemoryLog(this.#state), state: this.#state, stages, onFatal });
    const image = (reference: string): SimulatedImage => images[reference.split(':')[0] ?? ''] ?? {};
    const engine = new SimulatedEngine({ description: testDescription, image }, clock);
    this.#agent = new Agent({ nodeId: 'node' }, { ...parts, engine, network: new RecordingNetwork(), openSession: this.manager.openSession });
  }

  async start(): Promise<this> {
    const { clock, manager } = this;
    const events = this.#events;
    await manager.start();
    await manager.submit(initCluster({ nodeId: 'node', address: '192.168.7.1', description: testDescription }));
    await this.#agent.start();
    await manager.submit(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: 3600 * second, Trust: 'full' }));
    const spec = this.store.byName('repository', 'main')?.Spec;
    if (!spec) throw new Error('no repository');
    const workers = {
      fetch: async () => {
        await new Promise<void>((done) => void clock.after(fetchMs, done));
        return this.#commit;
      },
      render: async () => ({
        missing: false,
        declared: {},
        stacks: [{ stack: this.#stack, digest: this.#image, bytes: 1 }],
        same: [],
        wanting: [],
        author: '',
      }),
    } as unknown as GitWorkers;
    const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
    this.#judge = new RevisionJudge({ cluster: manager, events, clock, logger: silentLogger });
    this.follower = new Follower(spec, { cluster: manager, events, clock, logger: silentLogger, workers, place });
    this.#unwatch = manager.watch((told) => {
      this.#judge.notice();
      if (told.some(({ kind }) => kind === 'service')) this.follower.noticeDrift();
    });
    return this;
  }

  get store() {
    return this.#state.store;
  }

  get service() {
    const service = this.store.byName('service', 'a_web');
    if (!service) throw new Error('no service');
    return service;
  }

  get image(): string {
    return this.service.Spec.TaskTemplate.ContainerSpec?.Image ?? '';
  }

  get outcome(): string | undefined {
    return newestRevision(this.store, 'a')?.Outcome.State;
  }

  get #commit(): string {
    return String(this.#count).padStart(40, '0');
  }

  get #stack(): AppliedStack {
    const UpdateConfig = { Parallelism: 1, Monitor: (monitorMs / 1000) * second, FailureAction: 'rollback' } as const;
    const service: ServiceSpec = {
      Name: 'a_web',
      Labels,
      TaskTemplate: { ContainerSpec: { Image: this.#image, Labels, StopGracePeriod: second } },
      Mode: { Replicated: { Replicas: 2 } },
      UpdateConfig,
      RollbackConfig: UpdateConfig,
    };
    const none = { Networks: [], Secrets: [], Configs: [] };
    return { Name: 'a', Path: 'stacks/a', Commit: this.#commit, digest: this.#image, spec: { Name: 'a', ...none, Services: [service], External: none } };
  }

  /** Somebody pushes; nobody looks yet. */
  push(image: string): void {
    this.#count += 1;
    this.#image = image;
  }

  /** How long it takes until that holds. */
  async until(condition: () => boolean, mostMs = 120_000): Promise<number> {
    const began = this.clock.now();
    while (!condition()) {
      if (this.clock.now() - began > mostMs) throw new Error(`not within ${mostMs} ms: ${this.image}, ${this.outcome}`);
      await this.clock.advance(50);
    }
    return this.clock.now() - began;
  }

  async stop(): Promise<void> {
    this.#unwatch();
    const ends = [this.#judge.stop(), this.follower.stop(), this.#agent.stop()];
    await this.clock.advance(10_000);
    await Promise.all(ends);
    await this.manager.stop();
  }
}

let world: World;

beforeEach(async () => {
  world = await new World().start();
  world.push('app:1');
  void world.follower.sync();
  await world.until(() => world.store.byName('service', 'a_web') !== undefined && world.outcome === 'good');
});

afterEach(() => world.stop());

test.each(['sick:2', 'breaks:2'])('a commit whose %s fails is the last good one again within its monitor and ten seconds', async (image) => {
  world.push(image);
  void world.follower.sync();
  const running = (): number =>
    [...world.store.tasksOfService(world.service.ID)].filter(({ Status, DesiredState }) => Status.State === 'running' && DesiredState === 'running').length;
  await world.until(() => world.image === image);
  const took = await world.until(
    () =>
      world.image === 'app:1' && running() === 2 && newestRevision(world.store, 'a')?.Spec.Content.Services[0]?.TaskTemplate.ContainerSpec?.Image === 'app:1',
  );
  expect(took).toBeLessThanOrEqual(monitorMs + 10_000);
  expect(world.store.byName('stack', 'a')?.Quarantine?.Digest).toBe(image);
});

test('a commit takes over a rollout that waits within two seconds', async () => {
  world.push('slow:2');
  void world.follower.sync();
  await world.until(() => world.image === 'slow:2');
  await world.clock.advance(20_000);
  expect(world.outcome).toBe('pending');
  world.push('app:3');
  void world.follower.sync();
  expect(await world.until(() => world.image === 'app:3')).toBeLessThan(2_000);
  await world.until(() => world.outcome === 'good');
});

test('of forty deliveries, whenever they come, nineteen of twenty are planned and applied within three seconds', async () => {
  const looks = new Looks(() => world.follower.sync(), world.clock);
  const random = seededRandom(7);
  const took: number[] = [];
  for (let round = 2; round < 42; round++) {
    await world.clock.advance(integerBetween(random, 0, 30_000));
    world.push(`app:${round}`);
    looks.ask('main');
    took.push(await world.until(() => world.image === `app:${round}`));
  }
  looks.stop();
  expect(took.toSorted((a, b) => a - b)[37]).toBeLessThan(3_000);
});

test('what somebody changes by hand is taken back within ten seconds of it', async () => {
  const before = world.service.Spec;
  const edits: readonly ((spec: ServiceSpec) => ServiceSpec)[] = [
    (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 7 } } }),
    (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec, Image: 'by:hand' } } }),
    (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec, Env: ['A=1'] } } }),
    (spec) => ({ ...spec, Labels: { ...spec.Labels, mine: 'x' } }),
  ];
  for (const edit of edits) {
    await world.clock.advance(60_000);
    const { Version, Spec, ID } = world.service;
    await world.manager.submit(updateService(ID, Version.Index, edit(Spec)));
    expect(await world.until(() => JSON.stringify(world.service.Spec) === JSON.stringify(before))).toBeLessThan(10_000);
  }
});

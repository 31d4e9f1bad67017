/** A leader that dies before or after any one of its writes leaves a successor that ends in the same state, and does no step twice. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import type { UseCase } from '#control/cluster';
import { createRepository } from '#control/repository/repositories';
import { CarryOut, type SeenCommit } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { RevisionJudge } from '#gitops/revision-judge';
import { VaultValues } from '#gitops/vault/vault-values';
import type { RenderedStack } from '#reconciler/rendered';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

interface Crash {
  /** Of the writes, counted from 1. */
  at: number;
  /** The entry is in the log, and nobody heard of it. */
  after: boolean;
}

/** What a commit asks of a stack: image, page; absent: the folder is gone. */
type Wish = readonly [image: string, page: string];

const commits: readonly Readonly<Record<string, Wish>>[] = [
  { a: ['app:1', 'one'], b: ['app:1', 'one'], c: ['app:1', 'one'], d: ['app:1', 'one'] },
  { a: ['app:2', 'two'], b: ['app:1', 'one'], c: ['app:1', 'two'], d: ['app:1', 'one'] },
  { a: ['bad:3', 'three'], b: ['app:2', 'one'], c: ['app:1', 'two'], d: ['app:1', 'one'] },
  { a: ['app:4', 'four'], b: ['app:2', 'one'], c: ['app:1', 'two'] },
  { a: ['app:4', 'four'], b: ['app:1', 'one'], c: ['app:5', 'two'] },
];

function seen(number: number): SeenCommit {
  const commit = String(number).padStart(40, '0');
  const wishes = Object.entries(commits[number] ?? {});
  return { commit, declared: {}, stacks: wishes.map(([name, [image, page]]) => rendered(name, image, page, commit)) };
}

function rendered(Name: string, image: string, page: string, Commit: string): RenderedStack {
  const Labels = { 'com.docker.stack.namespace': Name };
  const Configs = [{ Name: `${Name}_page`, Labels, Data: Buffer.from(page).toString('base64') }];
  const file = { Name: 'page', UID: '0', GID: '0', Mode: 292 };
  const ContainerSpec = { Image: image, Labels, Configs: [{ ConfigName: `${Name}_page`, File: file }] };
  const web = { Name: `${Name}_web`, Labels, TaskTemplate: { ContainerSpec }, Mode: { Replicated: { Replicas: 1 } } };
  const spec = {
    Name,
    Networks: [],
    Secrets: [],
    Configs,
    Services: [web],
    External: { Networks: [], Secrets: [], Configs: [] },
    Versioned: { Secrets: [], Configs: [`${Name}_page`] },
  };
  return { Name, Path: `stacks/${Name}`, Commit, digest: `${Name} ${image} ${page}`, spec };
}

/** The cluster as one leader has it: after the crash it says nothing any more. */
class Leadership {
  #dead = false;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get cluster() {
    const world = this.#world;
    const submit = async <R>(useCase: UseCase<R>): Promise<R> => {
      if (this.#dead) throw new Error('the leader is gone');
      const { entries } = world.cluster;
      const dies = world.crash && world.writes + 1 === world.crash.at;
      // Deciding writes nothing: only a write can be the one at which it dies.
      if (dies && !world.crash?.after && world.writesAnything(useCase)) {
        this.#dead = true;
        world.writes += 1;
        throw new Error('the leader dies before it wrote');
      }
      const result = world.cluster.run(useCase);
      if (world.cluster.entries > entries) world.writes += 1;
      if (dies && world.cluster.entries > entries) {
        this.#dead = true;
        throw new Error('the leader dies after it wrote');
      }
      return result;
    };
    return { read: () => world.cluster.read(), submit, watch: (listener: Parameters<MemoryCluster['watch']>[0]) => world.cluster.watch(listener) };
  }
}

class World {
  readonly clock = new VirtualClock();
  readonly cluster = initialisedCluster({ clock: this.clock, stages: [instantly] });
  writes = 0;
  leaders = 0;
  constructor(readonly crash?: Crash) {
    this.cluster.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second }));
  }

  writesAnything(useCase: UseCase<unknown>): boolean {
    return useCase(this.cluster.store, { now: this.clock.now(), newId: () => 'tried', random: { next: () => 0 } as never }).actions.length > 0;
  }

  /** Each commit is followed until nothing happens any more, by one leader after the other. */
  async live(): Promise<this> {
    let leader = this.#lead();
    for (let number = 0; number < commits.length; number++) {
      for (let still = 0; still < 1;) {
        const { writes } = this;
        await leader.carryOut.run(seen(number), true).catch(() => {});
        leader.judge.notice();
        await this.clock.advance(4_000);
        if (leader.leadership.dead) {
          await leader.judge.stop();
          leader = this.#lead();
          still = 0;
        } else still = writes === this.writes ? still + 1 : 0;
      }
    }
    await leader.judge.stop();
    return this;
  }

  #lead() {
    this.leaders += 1;
    const leadership = new Leadership(this);
    const { clock } = this;
    const parts = { cluster: leadership.cluster, clock, logger: silentLogger };
    const events = new ReconcileEvents(parts);
    const values = new VaultValues({ ...parts, signal: new AbortController().signal, repository: 'main' });
    const carryOut = new CarryOut('main', { ...parts, events, values, followed: 'branch main', renderAt: async () => [] });
    return { leadership, carryOut, judge: new RevisionJudge({ ...parts, events }) };
  }

  /** All that somebody could notice, without ids and times. */
  state(): object {
    const { store } = this.cluster;
    const stack = ({
      Spec,
      Digest,
      Source,
      Quarantine,
      Services,
    }: {
      Spec: { Name: string };
      Digest: string;
      Source: object;
      Quarantine?: { Digest: string };
      Services: readonly string[];
    }) => [Spec.Name, Digest, Source, Quarantine?.Digest, Services];
    return {
      stacks: [...store.list('stack')].map(stack),
      // The number of its specs: a step that was done twice made one more.
      services: [...store.list('service')].map(({ Spec, Shoal }) => [Spec.Name, Shoal.SpecVersion, Spec.TaskTemplate.ContainerSpec?.Image]),
      configs: [...store.list('config')].map(({ Spec }) => [Spec.Name, Spec.Data]),
      revisions: [...store.list('revision')].map(({ Spec, Digest, Outcome, Of }) => [Spec.Name, Digest, Outcome.State, Of]),
      status: { ...store.byName('repository', 'main')?.Status, Since: '' },
    };
  }
}

test('the story without a crash: what is good comes, what is bad goes back, what is gone is removed', async () => {
  const world = await new World().live();
  expect(world.leaders).toBe(1);
  expect(world.writes).toBeGreaterThanOrEqual(20);
  expect(world.state()).toMatchObject({
    services: [
      ['a_web', expect.any(Number), 'app:4'],
      ['b_web', expect.any(Number), 'app:1'],
      ['c_web', expect.any(Number), 'app:5'],
    ],
    status: { State: 'synced' },
  });
});

test.each([false, true])('a leader that dies at any write, after it: %s', async (after) => {
  const whole = await new World().live();
  for (let at = 1; at <= whole.writes; at++) {
    const world = await new World({ at, after }).live();
    expect(world.leaders, `dies at write ${at}`).toBe(2);
    expect(world.state(), `dies at write ${at}`).toEqual(whole.state());
  }
});

/** A repository's mirror is one: looks, comparisons and peeks come one after another. */
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { second } from '#base/text/duration';
import type { Cluster } from '#control/cluster';
import { createRepository } from '#control/repository/repositories';
import { ReconcileEvents } from '#gitops/events';
import { Follower } from '#gitops/follower';
import { Rewritten, type GitWorkers } from '#gitops/git-workers';
import type { MirrorPlace } from '#gitops/protocol';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

const commit = '1'.repeat(40);

/** What git is asked for goes on until it is let go. */
class World {
  readonly begun: string[] = [];
  readonly follower: Follower;
  most = 0;
  #open: (() => void)[] = [];

  constructor() {
    const clock = new VirtualClock();
    const cluster = initialisedCluster({ clock });
    cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
    const spec = cluster.store.byName('repository', 'infra')?.Spec;
    if (!spec) throw new Error('no repository');
    const asked = (what: string): Promise<string> => {
      this.begun.push(what);
      return new Promise((done) => {
        this.#open.push(() => done(commit));
        this.most = Math.max(this.most, this.#open.length);
      });
    };
    const workers = {
      fetch: () => asked('look'),
      peek: ({ ref }: MirrorPlace) => asked(`peek ${ref ?? ''}`),
      render: async () => ({ missing: false, declared: {}, stacks: [], same: [], wanting: [], author: '' }),
    } as unknown as GitWorkers;
    const events = new ReconcileEvents({ clock, logger: silentLogger });
    const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
    this.follower = new Follower(spec, { cluster, events, clock, logger: silentLogger, workers, place });
  }

  peek(ref: string): Promise<unknown> {
    return this.follower.peek(ref, async (seen) => seen);
  }

  /** Lets what goes on end, one after another, until `all` is done. */
  async end(all: Promise<unknown>): Promise<void> {
    let over = false;
    const ended = all.finally(() => (over = true));
    for (let turn = 0; !over; turn++) {
      if (turn > 10_000) throw new Error(`it does not end; begun: ${this.begun.join()}`);
      await new Promise((done) => setImmediate(done));
      this.#open.shift()?.();
    }
    await ended;
  }
}

test('a peek and a look that wait for the same look come one after the other, in their order, and two looks that wait are one', async () => {
  const world = new World();
  const first = world.follower.sync();
  await expect.poll(() => world.begun).toEqual(['look']);
  const waiting = [world.peek('a'), world.follower.sync(), world.follower.sync(), world.peek('b')];
  await world.end(Promise.all([first, ...waiting]));
  expect(world.begun).toEqual(['look', 'peek a', 'look', 'peek b']);
  expect(world.most).toBe(1);
  await world.follower.stop();
});

test('so many peeks wait and no more, and their places are free again', async () => {
  const world = new World();
  const peeks = Array.from({ length: 16 }, (_, at) => world.peek(`r${at}`));
  await expect(world.peek('late')).rejects.toThrow('16 plans of the repository wait already');
  await world.end(Promise.all(peeks));
  await world.end(world.peek('late'));
  expect(world.begun.at(-1)).toBe('peek late');
  await world.follower.stop();
});

test('a look that fails for now is tried again soon and ever more slowly; one that only another commit can mend waits for the poll', async () => {
  const looks = async (fault: Error): Promise<number[]> => {
    const clock = new VirtualClock();
    const cluster = initialisedCluster({ clock });
    cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
    const spec = cluster.store.byName('repository', 'infra')?.Spec;
    if (!spec) throw new Error('no repository');
    const times: number[] = [];
    const fetch = async (): Promise<string> => {
      times.push((clock.now() - began) / 1000);
      throw fault;
    };
    const workers = { fetch, recall: async () => undefined } as unknown as GitWorkers;
    const events = new ReconcileEvents({ clock, logger: silentLogger });
    const began = clock.now();
    const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
    const follower = new Follower(spec, { cluster, events, clock, logger: silentLogger, workers, place, chance: () => 0.5 });
    follower.start();
    await clock.advance(1_200_000);
    await follower.stop();
    return times;
  };
  const away = await looks(new Refusal('unavailable', 'nobody answers'));
  expect(away.slice(0, 12)).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]);
  expect((await looks(new Refusal('notFound', 'there is no such branch'))).slice(0, 4)).toEqual([0, 30, 60, 90]);
  expect((await looks(new Rewritten('1'.repeat(40), 'its history was rewritten'))).slice(0, 4)).toEqual([0, 30, 60, 90]);
});

test('whatever changes in the cluster, and however often, the repository is asked when it is due', async () => {
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock });
  cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30 * second }));
  const spec = cluster.store.byName('repository', 'infra')?.Spec;
  if (!spec) throw new Error('no repository');
  let [looks, away] = [0, false];
  const fetch = async (): Promise<string> => {
    looks += 1;
    if (away) throw new Refusal('unavailable', 'nobody answers');
    return commit;
  };
  const render = async () => ({ missing: false, declared: {}, stacks: [], same: [], wanting: [], author: '' });
  const events = new ReconcileEvents({ clock, logger: silentLogger });
  const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
  const workers = { fetch, render, recall: async () => undefined } as unknown as GitWorkers;
  const follower = new Follower(spec, { cluster, events, clock, logger: silentLogger, workers, place, chance: () => 0.5 });
  follower.start();
  const pass = async (seconds: number): Promise<number> => {
    const before = looks;
    for (let left = seconds; left > 0; left -= 5) {
      follower.noticeDrift();
      await clock.advance(5_000);
    }
    return looks - before;
  };
  expect(await pass(300)).toBe(11);
  away = true;
  expect(await pass(60)).toBeGreaterThanOrEqual(5);
  await follower.stop();
});

test('a comparison answers for what was noticed before it, and a verdict is compared only where something may wait for it', async () => {
  const clock = new VirtualClock();
  const cluster = initialisedCluster({ clock });
  cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 3600 * second }));
  const spec = cluster.store.byName('repository', 'infra')?.Spec;
  if (!spec) throw new Error('no repository');
  // Each writes something, or would.
  let comparisons = 0;
  const counted: Cluster = {
    read: () => cluster.read(),
    watch: (listener) => cluster.watch(listener),
    submit: (useCase) => {
      comparisons += 1;
      return cluster.submit(useCase);
    },
  };
  let [commits, stacks]: [string[], unknown[]] = [[commit, '2'.repeat(40)], []];
  const workers = {
    fetch: async () => commits[0] ?? commit,
    render: async () => ({ missing: false, declared: {}, stacks, same: [], wanting: [], author: '' }),
  } as unknown as GitWorkers;
  const events = new ReconcileEvents({ clock, logger: silentLogger });
  const place = { folder: '/nowhere', home: '/nowhere' } as MirrorPlace;
  const follower = new Follower(spec, { cluster: counted, events, clock, logger: silentLogger, workers, place });
  const within = async (work: () => unknown): Promise<number> => {
    const before = comparisons;
    await work();
    await clock.advance(5_000);
    return comparisons - before;
  };
  const each = await within(() => follower.sync());
  const alone = await within(() => follower.noticeDrift());
  expect([each > 0, alone > 0]).toEqual([true, true]);
  const both = await within(() => {
    follower.noticeDrift();
    return follower.sync();
  });
  expect(both).toBe(alone);
  expect(await within(() => follower.noticeVerdict())).toBe(0);
  // A stack that is refused is not as its commit wants it.
  [commits, stacks] = [commits.slice(1), [{ stack: { Name: 'a', Path: 'stacks/a', Commit: '2'.repeat(40), errors: ['it is bad'] }, digest: 'd' }]];
  await within(() => follower.sync());
  expect(await within(() => follower.noticeVerdict())).toBeGreaterThan(0);
  await follower.stop();
});

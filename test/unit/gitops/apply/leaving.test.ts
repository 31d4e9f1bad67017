/** What a repository's new version does not have goes when all that came is well; nothing goes for a version that does not stay. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { newestRevision } from '#control/stack/revisions';
import { CarryOut } from '#gitops/apply/carry-out';
import { ReconcileEvents } from '#gitops/events';
import { RevisionJudge } from '#gitops/revision-judge';
import { VaultValues } from '#gitops/vault/vault-values';
import type { Mount, ServiceSpec } from '#model/object/service-spec';
import { planDeploy } from '#reconciler/deploy-plan';
import type { RenderedStack, StackPolicy } from '#reconciler/rendered';
import { create } from '#store/action';
import { runningTask } from '#test/support/api-fixture';
import { instantly } from '#test/support/instant-services';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

/** Service → image. */
type Wish = Readonly<Record<string, string>>;

const media: Mount = { Type: 'volume', Source: 'media', Target: '/media' };

class World {
  readonly clock = new VirtualClock();
  readonly cluster = initialisedCluster({ clock: this.clock, stages: [instantly] });
  readonly events: ReconcileEvents;
  readonly #carryOut: CarryOut;
  readonly #judge: RevisionJudge;
  policy: StackPolicy;
  #count = 0;

  constructor(policy: StackPolicy = {}) {
    this.policy = policy;
    this.cluster.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second, Trust: 'full' }));
    const parts = { cluster: this.cluster, clock: this.clock, logger: silentLogger };
    this.events = new ReconcileEvents(parts);
    const values = new VaultValues({ ...parts, signal: new AbortController().signal, repository: 'main' });
    this.#carryOut = new CarryOut('main', { ...parts, events: this.events, values, followed: 'branch main', renderAt: async () => [] });
    this.#judge = new RevisionJudge({ ...parts, events: this.events });
  }

  rendered(name: string, wish: Wish, commit: string): RenderedStack & { digest: string } {
    const Labels = { 'com.docker.stack.namespace': name };
    const service = ([each, image]: readonly [string, string]): ServiceSpec => ({
      Name: `${name}_${each}`,
      Labels,
      TaskTemplate: { ContainerSpec: { Image: image, Labels, ...(image.includes('media') && { Mounts: [media] }) } },
      Mode: { Replicated: { Replicas: 1 } },
      UpdateConfig: { Parallelism: 1, FailureAction: 'pause' },
    });
    const External = { Networks: [], Secrets: [], Configs: [] };
    const spec = { Name: name, Networks: [], Secrets: [], Configs: [], Services: Object.entries(wish).map(service), External };
    return { Name: name, Path: `stacks/${name}`, Commit: commit, digest: JSON.stringify(wish), spec, Policy: this.policy };
  }

  /** A commit is looked at; nothing is judged yet. */
  async commit(wishes: Readonly<Record<string, Wish>>): Promise<void> {
    const commit = String((this.#count += 1)).padStart(40, '0');
    await this.#carryOut.run({ commit, declared: {}, stacks: Object.entries(wishes).map(([name, wish]) => this.rendered(name, wish, commit)) }, true);
  }

  /** A commit in which stacks cannot be rendered. */
  async broken(errors: Readonly<Record<string, string>>): Promise<void> {
    const commit = String((this.#count += 1)).padStart(40, '0');
    const stacks = Object.entries(errors).map(([Name, error]): RenderedStack => ({ Name, Path: `stacks/${Name}`, Commit: commit, errors: [error] }));
    await this.#carryOut.run({ commit, declared: {}, stacks }, true);
  }

  /** Nothing can be read any more. */
  keep(): Promise<void> {
    return this.#carryOut.keep();
  }

  image(name: string): string | undefined {
    return this.cluster.store.byName('service', name)?.Spec.TaskTemplate.ContainerSpec?.Image;
  }

  async judged(seconds = 8): Promise<void> {
    for (let left = seconds; left > 0; left -= 1) {
      this.#judge.notice();
      await this.clock.advance(1_000);
    }
  }

  get services(): string[] {
    return [...this.cluster.store.list('service')].map(({ Spec }) => Spec.Name).toSorted();
  }

  id(name: string): string | undefined {
    return this.cluster.store.byName('service', name)?.ID;
  }

  async stop(): Promise<void> {
    await this.#judge.stop();
  }
}

test('of a commit that is one unit nothing leaves before all of it is well', async () => {
  const world = new World({ Atomic: true });
  await world.commit({ a: { web: 'w:1', api: 'p:1', old: 'o:1' }, b: { web: 'w:1' } });
  await world.judged();
  const old = world.id('a_old');
  await world.commit({ a: { web: 'w:2', api: 'p:1' }, b: { web: 'bad:2' } });
  await world.judged();
  // The whole went back, and what would have left was never gone.
  expect(world.id('a_old')).toBe(old);
  expect(world.services).toEqual(['a_api', 'a_old', 'a_web', 'b_web']);
  await world.commit({ a: { web: 'w:3', api: 'p:1' }, b: { web: 'w:3' } });
  expect(world.services).toContain('a_old');
  await world.judged();
  expect(world.services).toEqual(['a_api', 'a_web', 'b_web']);
  expect(world.events.recent().some(({ message }) => message.includes('removed a_old, which it does not have'))).toBe(true);
  await world.stop();
});

test('a version that only lacks a service waits for what the one before it brought', async () => {
  const world = new World();
  await world.commit({ a: { web: 'w:1', api: 'p:1', old: 'o:1' } });
  await world.judged();
  const old = world.id('a_old');
  await world.commit({ a: { web: 'slow:2', api: 'p:1', old: 'o:1' } });
  await world.commit({ a: { web: 'slow:2', api: 'p:1' } });
  await world.judged();
  expect(world.id('a_old')).toBe(old);
  await world.commit({ a: { web: 'w:3', api: 'p:1' } });
  await world.judged();
  expect(world.services).toEqual(['a_api', 'a_web']);
  await world.stop();
});

test('what two had together before is no reason for one to go at once; what a new one writes to as well is', async () => {
  const world = new World();
  await world.commit({ a: { web: 'media:1', more: 'm:1', worker: 'media-worker:1' } });
  await world.judged();
  await world.commit({ a: { web: 'slow-media:2', more: 'm:1' } });
  expect(world.services).toContain('a_worker');
  await world.commit({ a: { web: 'media:1', more: 'm:1', worker: 'media-worker:1' } });
  await world.judged();
  await world.commit({ a: { web: 'media:1', more: 'm:1', other: 'slow-media:1' } });
  expect(world.services).toEqual(['a_more', 'a_other', 'a_web']);
  await world.stop();
});

test('where a task of the version has had no place for long, what leaves goes first, once; what never finds one is given up', async () => {
  const world = new World();
  await world.commit({ a: { web: 'w:1', more: 'm:1', app: 'p:1' } });
  await world.judged();
  await world.commit({ a: { web: 'w:1', more: 'm:1', app2: 'slow:1' } });
  await world.judged();
  expect(world.services).toContain('a_app');
  const service = world.cluster.store.byName('service', 'a_app2');
  if (!service) throw new Error('no service');
  const task = runningTask(service, { id: 'waits', slot: 1, nodeId: '', now: world.clock.now() });
  const Status = { ...task.Status, State: 'pending' as const, Err: 'no suitable node (insufficient resources on 1 node)' };
  world.cluster.write([create('task', { ...task, Status })]);
  // Room may come by itself: what was there before takes a while to end.
  await world.judged(20);
  expect(world.services).toContain('a_app');
  await world.judged(40);
  expect(world.services).toEqual(['a_app2', 'a_more', 'a_web']);
  // It has no place all the same.
  await world.judged(60);
  expect(world.cluster.store.byName('stack', 'a')?.Quarantine?.Message).toContain('insufficient resources');
  expect(world.services).toEqual(['a_app', 'a_more', 'a_web']);
  await world.stop();
});

test('a later wave is mended though the version of before of it fails', async () => {
  const world = new World({ Waves: [['db'], ['web']], OnFailure: 'stay' });
  await world.commit({ a: { db: 'd:1', web: 'w:1' } });
  await world.judged();
  await world.commit({ a: { db: 'd:1', web: 'bad:2' } });
  await world.judged();
  expect(newestRevision(world.cluster.store, 'a')?.Outcome.State).toBe('failed');
  await world.commit({ a: { db: 'd:1', web: 'w:3' } });
  await world.judged();
  expect(world.image('a_web')).toBe('w:3');
  await world.stop();
});

test('who brings a version back removes nothing that it kept of others; what changes of a record alone is no drift', async () => {
  const world = new World({ KeepsServices: true });
  await world.commit({ a: { web: 'w:1', more: 'm:1', old: 'o:1' } });
  await world.judged();
  await world.commit({ a: { web: 'w:1', more: 'm:1' } });
  await world.judged();
  await world.broken({ a: 'stacks/a/compose.yml:1:1: broken' });
  await world.keep();
  expect(world.services).toEqual(['a_more', 'a_old', 'a_web']);
  world.policy = { KeepsServices: true, KeepsDrift: true };
  await world.commit({ a: { web: 'w:1', more: 'm:1' } });
  expect(world.cluster.store.byName('stack', 'a')?.KeepsDrift).toBe(true);
  expect(world.events.recent().filter(({ action }) => action === 'drift reverted')).toEqual([]);
  await world.stop();
});

test('a deploy by hand over a version that is still coming is planned as it would be done', async () => {
  const world = new World();
  await world.commit({ a: { web: 'w:1', api: 'p:1', old: 'o:1' } });
  await world.judged();
  await world.commit({ a: { web: 'slow:2', api: 'p:1' } });
  expect(world.cluster.store.byName('stack', 'a')?.Rollout).toMatchObject({ Left: [], Prunes: true });
  const { spec } = world.rendered('a', { web: 'w:5', api: 'p:1' }, 'c') as { spec: Parameters<typeof planDeploy>[1] };
  const { changes } = planDeploy(world.cluster.store, spec, { prune: true }, world.clock.now());
  expect(changes.filter(({ change }) => change !== 'none').map(({ name, change }) => `${change} ${name}`)).toEqual(['remove a_old', 'update a_web']);
  await world.stop();
});

/** What was found in order is not compared again; whatever happens in between, that gives the steps that comparing all of it gives. */
import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { seededRandom, type Random } from '#base/random';
import { newId } from '#base/ids';
import type { UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import { createNetwork, removeNetwork } from '#control/networks';
import { createRepository, setRepositoryStatus, updateRepository } from '#control/repository/repositories';
import { createFile, removeFile } from '#control/secrets-and-configs';
import { createService, removeService, updateService } from '#control/service/services';
import { retryStack, rollBackStack } from '#control/stack/stack-rollback';
import { setStackCondition, suspendStack } from '#control/stack/stack-states';
import { deployStack, removeStack, removeStackByHand } from '#control/stack/stacks';
import { second } from '#base/text/duration';
import { planRepository } from '#reconciler/plan';
import type { RenderedStack } from '#reconciler/rendered';
import { commitActions, planCommit } from '#reconciler/repository-plan';
import { SettledStacks } from '#reconciler/settled';
import type { Step } from '#reconciler/step';
import { Refusal } from '#base/refusal';
import { Store } from '#store/store';
import type { View } from '#store/view';
import { WatchedView } from '#store/watched-view';

const names = ['a', 'b', 'c', 'd', 'e'];

class Bench {
  readonly store = new Store();
  readonly settled = new SettledStacks();
  /** That hears of all changes, and looks nothing else up. */
  readonly told = new SettledStacks(true);
  /** Changes that it did not hear of yet. */
  late: Parameters<SettledStacks['heard']>[0][] = [];
  readonly random: Random;
  versions = new Map(names.map((name) => [name, 1]));
  /** All stacks come with each commit. */
  commit = 'commit 0';
  #index = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const description = { Hostname: 'n', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '1' } };
    this.run(initCluster({ nodeId: 'node', address: '127.0.0.1', description }));
    this.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: second, Allow: ['external=outside', 'external=word'] }));
    this.run(createNetwork({ Name: 'outside', Driver: 'overlay' }));
  }

  /** Whether it was taken. */
  run<R>(useCase: UseCase<R>): boolean {
    try {
      const { actions } = useCase(this.store, { now: 1000, random: this.random, newId: () => newId(this.random) });
      if (actions.length > 0) this.late.push(this.store.apply((this.#index += 1), { actions, now: 1000 }));
      return actions.length > 0;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return false;
    }
  }

  hear(): void {
    for (const events of this.late.splice(0)) this.told.heard(events);
    this.told.taken();
  }

  rendered(): RenderedStack[] {
    return names.map((name) => ({ ...rendered(name, this.versions.get(name) ?? 1), Commit: this.commit }));
  }

  plan(settled?: SettledStacks): Step[] {
    return finish(planRepository(this.store, 'main', this.rendered(), { now: 2000, commit: this.commit, ...(settled && { settled }) }));
  }

  apply(): void {
    for (const step of this.plan()) {
      if (step.type === 'refuse')
        this.run(
          setStackCondition(step.name, { State: 'refused', Message: step.errors[0] ?? '', Errors: step.errors, Commit: step.commit, Since: '' }, step.source),
        );
      if (step.type !== 'apply' || !('spec' in step.rendered)) continue;
      this.run(deployStack(step.rendered.spec, { source: step.source, digest: step.rendered.digest, prune: true }));
    }
  }
}

function rendered(name: string, version: number): RenderedStack {
  const Labels = { 'com.docker.stack.namespace': name };
  const Mounts = [{ Type: 'volume' as const, Source: `${name}_data`, Target: '/data' }];
  const web = {
    Name: `${name}_web`,
    Labels,
    TaskTemplate: {
      ContainerSpec: { Image: `a:${version}`, Labels, Mounts, Secrets: [{ SecretName: 'word', File: { Name: 'w', UID: '0', GID: '0', Mode: 292 } }] },
      Networks: [{ Target: 'outside' }],
    },
    Mode: { Replicated: { Replicas: 1 } },
  };
  const Configs = [{ Name: `${name}_page`, Labels, Data: Buffer.from(`page ${version}`).toString('base64') }];
  const Versioned = { Secrets: [], Configs: [`${name}_page`] };
  const External = { Networks: ['outside'], Secrets: ['word'], Configs: [] };
  const spec = { Name: name, Networks: [], Secrets: [], Configs, Services: [web], External, Versioned };
  return { Name: name, Path: `stacks/${name}`, Commit: `commit ${version}`, digest: `${name} ${version}`, spec };
}

/** Something that an operator, a commit or the cluster does. */
function change(bench: Bench): boolean {
  const { store, random } = bench;
  const name = names[Math.floor(random.next() * names.length)] ?? 'a';
  const service = store.byName('service', `${name}_web`);
  const image = service && {
    ...service.Spec,
    TaskTemplate: { ...service.Spec.TaskTemplate, ContainerSpec: { ...service.Spec.TaskTemplate.ContainerSpec, Image: 'by:hand' } },
  };
  const foreign = {
    Name: 'foreign',
    TaskTemplate: { ContainerSpec: { Image: 'x', Mounts: [{ Type: 'volume' as const, Source: `${name}_data`, Target: '/d' }] } },
  };
  const Data = Buffer.from('x').toString('base64');
  const condition = { State: 'applied' as const, Message: '', Since: '', Commit: `x${random.next()}` };
  const changes: (() => unknown)[] = [
    () => bench.versions.set(name, (bench.versions.get(name) ?? 1) + 1),
    () => (bench.commit = `commit ${random.next()}`),
    () => (bench.commit = `commit ${random.next()}`),
    () => bench.apply(),
    () => bench.apply(),
    () => image && bench.run(updateService(`${name}_web`, service.Version.Index, image)),
    () => bench.run(removeService(`${name}_web`)),
    () => bench.run(createService(foreign)),
    () => bench.run(removeService('foreign')),
    () => bench.run(removeNetwork('outside')) || bench.run(createNetwork({ Name: 'outside', Driver: 'overlay' })),
    () => bench.run(removeFile('secret', 'word')) || bench.run(createFile('secret', { Name: 'word', Data })),
    () => bench.run(updateRepository('main', random.next() < 0.5 ? { Disallow: ['external=word'] } : { Allow: ['external=word'] })),
    () => bench.run(setRepositoryStatus('main', { State: 'synced', Message: String(random.next()), Since: '' })),
    () => bench.run(suspendStack(name, random.next() < 0.5)),
    () => bench.run(setStackCondition(name, condition, { Kind: 'repository', Repository: 'main', Path: `stacks/${name}`, Commit: 'c' })),
    () => bench.run(rollBackStack(name, undefined, undefined)),
    () => bench.run(retryStack(name)),
    () => bench.run(removeStack(name)),
    () => bench.run(removeStackByHand(name, true)),
  ];
  return changes[Math.floor(random.next() * changes.length)]?.() !== false;
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i: what is known to be in order gives the steps of comparing all', (seed) => {
  const bench = new Bench(seed);
  bench.run(createFile('secret', { Name: 'word', Data: Buffer.from('x').toString('base64') }));
  for (let turn = 0; turn < 150; turn++) {
    change(bench);
    // Told of before a view is taken, or a while after it: what was decided in between is doubted then.
    if (seed % 2 === 0 && turn % 3 === 0) bench.plan(bench.told);
    bench.hear();
    const wanted = bench.plan();
    expect(bench.plan(bench.settled), `seed ${seed}, turn ${turn}`).toEqual(wanted);
    expect(bench.plan(bench.told), `seed ${seed}, turn ${turn}, told`).toEqual(wanted);
  }
});

test('a stack in order is not compared again while only others, and its repository, move', () => {
  const bench = new Bench(1);
  bench.run(createFile('secret', { Name: 'word', Data: Buffer.from('x').toString('base64') }));
  bench.apply();
  const [stack] = bench.rendered();
  if (!stack) throw new Error('no stack');
  let planned = 0;
  const look = (rules = 'rules') => bench.settled.steps(bench.store, stack, rules, () => ((planned += 1), []));
  const reads = (view: View) => [view.byName('stack', 'a'), view.byName('service', 'a_web'), view.byName('repository', 'main')];
  bench.settled.steps(bench.store, stack, 'rules', (view) => (reads(view), []));
  bench.versions.set('b', 2);
  bench.apply();
  bench.run(setRepositoryStatus('main', { State: 'synced', Message: 'another', Since: '' }));
  look();
  expect(planned).toBe(0);
  look('other rules');
  bench.run(removeService('a_web'));
  bench.settled.steps(bench.store, stack, 'other rules', (view) => (reads(view), []));
  expect(planned).toBe(1);
});

test('who is told of all changes looks up nothing of what did not change', () => {
  const bench = new Bench(1);
  bench.run(createFile('secret', { Name: 'word', Data: Buffer.from('x').toString('base64') }));
  bench.apply();
  bench.hear();
  bench.plan(bench.told);
  bench.run(removeService('a_web'));
  bench.hear();
  const read: string[] = [];
  const spied = new Proxy(bench.store, {
    get: (store, name: keyof Store) => {
      const value: unknown = store[name];
      return typeof value === 'function'
        ? (...args: unknown[]) => (read.push(args.join(' ')), (value as (...all: unknown[]) => unknown).apply(store, args))
        : value;
    },
  });
  const options = { now: 2000, commit: bench.commit, settled: bench.told };
  expect(finish(planRepository(spied as View, 'main', bench.rendered(), options)).map(({ type, name }) => `${type} ${name}`)).toEqual(['apply a']);
  expect(read.filter((words) => /\b[b-e]_web/.test(words))).toEqual([]);
  expect(read.some((words) => words.includes('a_web'))).toBe(true);
});

test('what was read of too much, or counted, is not remembered', () => {
  const { store } = new Bench(1);
  const watched = (read: (view: View) => unknown) => {
    const view = new WatchedView(store);
    read(view);
    return view.stillSo?.(store);
  };
  expect(watched((view) => [view.get('node', 'node'), ...view.list('cluster'), view.newest('network', 'name', 'outside')])).toBe(true);
  for (const read of [
    (view: View) => view.count('task'),
    (view: View) => view.keys('task', 'service'),
    (view: View) => view.taskStates(),
    (view: View) => view.loadOf('node'),
    (view: View) => view.activeTasks('x'),
    (view: View) => view.addressesOf('x'),
  ])
    expect(watched(read)).toBeUndefined();
});

test('a commit that is planned again, as for its rollout, compares only what moved meanwhile', () => {
  const bench = new Bench(3);
  bench.run(createFile('secret', { Name: 'word', Data: Buffer.from('x').toString('base64') }));
  bench.apply();
  const compared: string[] = [];
  class Heard extends SettledStacks {
    override steps(...[view, stack, rules, plan]: Parameters<SettledStacks['steps']>): Step[] {
      return super.steps(view, stack, rules, (watched) => (compared.push(stack.Name), plan(watched)));
    }
  }
  const settled = new Heard();
  const options = { now: 2000, commit: bench.commit, settled };
  const changes = () =>
    finish(planCommit(bench.store, 'main', bench.rendered(), options))
      .stacks.filter(({ step }) => step !== 'none')
      .map(({ name }) => name);
  const left = changes();
  expect(compared).toEqual(names);
  compared.length = 0;
  finish(commitActions(bench.store, 'main', bench.rendered(), options));
  expect(compared).toEqual(left);
  const moved = names.find((name) => !left.includes(name)) ?? '';
  bench.versions.set(moved, 7);
  compared.length = 0;
  expect(changes()).toContain(moved);
  expect(compared.toSorted()).toEqual([...left, moved].toSorted());
});

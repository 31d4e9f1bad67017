import { describe, expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { seededRandom } from '#base/random';
import { newId } from '#base/ids';
import type { UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import { createService, updateService } from '#control/service/services';
import { setStackCondition, suspendStack } from '#control/stack/stack-states';
import { createRepository } from '#control/repository/repositories';
import { deployStack, removeStackByHand } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { planRepository } from '#reconciler/plan';
import type { RenderedStack } from '#reconciler/rendered';
import { commitActions, planCommit } from '#reconciler/repository-plan';
import { update } from '#store/action';
import { Store } from '#store/store';
import { WatchedView } from '#store/watched-view';

class Bench {
  readonly store = new Store();
  readonly #random = seededRandom(7);
  #index = 0;

  constructor() {
    const description = { Hostname: 'n', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '1' } };
    this.run(initCluster({ nodeId: 'node', address: '127.0.0.1', description }));
  }

  run<R>(useCase: UseCase<R>): R {
    const { actions, result } = useCase(this.store, { now: 1000, random: this.#random, newId: () => newId(this.#random) });
    if (actions.length > 0) this.store.apply((this.#index += 1), { actions, now: 1000 });
    return result;
  }

  plan(...rendered: RenderedStack[]): string[] {
    return finish(planRepository(this.store, 'main', rendered, { now: 2000, commit: 'c9' })).map((step) =>
      step.type === 'refuse'
        ? `refuse ${step.name}: ${step.errors.join('; ')}`
        : step.type === 'hold'
          ? `hold ${step.name}: ${step.reason}`
          : `${step.type} ${step.name}: ${step.reason}${step.type === 'apply' && step.drift ? ' (drift)' : ''}`,
    );
  }

  apply(rendered: RenderedStack, repository = 'main'): void {
    if (!('spec' in rendered)) throw new Error('cannot apply errors');
    this.run(
      deployStack(rendered.spec, {
        source: { Kind: 'repository', Repository: repository, Path: rendered.Path, Commit: rendered.Commit },
        digest: rendered.digest,
        prune: true,
      }),
    );
  }
}

function stack(name: string, image = 'a:1', commit = 'c1'): RenderedStack & { spec: StackSpec } {
  const labels = { 'com.docker.stack.namespace': name };
  const service = {
    Name: `${name}_web`,
    Labels: labels,
    TaskTemplate: { ContainerSpec: { Image: image, Labels: labels } },
    Mode: { Replicated: { Replicas: 1 } },
  };
  const spec = { Name: name, Networks: [], Secrets: [], Configs: [], Services: [service], External: { Networks: [], Secrets: [], Configs: [] } };
  return { Name: name, Path: `stacks/${name}`, Commit: commit, digest: `digest ${image}`, spec };
}

test('a new stack is applied, and then there is nothing to do', () => {
  const bench = new Bench();
  expect(bench.plan(stack('a'))).toEqual(['apply a: new in the repository']);
  bench.apply(stack('a'));
  expect(bench.plan(stack('a'))).toEqual([]);
  expect(bench.plan(stack('a', 'a:1', 'c2'))).toEqual([]);
});

test('a changed stack names what changes, its neighbour is left alone', () => {
  const bench = new Bench();
  bench.apply(stack('a'));
  bench.apply(stack('b'));
  expect(bench.plan(stack('a', 'a:2', 'c2'), stack('b'))).toEqual(['apply a: a_web TaskTemplate.ContainerSpec.Image: "a:1" → "a:2"']);
});

test('a stack that the first version noted as rolled back is one that was applied: what differs was changed by hand', () => {
  const bench = new Bench();
  bench.apply(stack('a'));
  const record = bench.store.byName('stack', 'a');
  const service = bench.store.byName('service', 'a_web');
  if (!record || !service) throw new Error('nothing was applied');
  const Condition = { State: 'rolled back', Message: 'm', Since: '' } as unknown as typeof record.Condition;
  bench.run(() => ({ actions: [update('stack', { ...record, Condition })], result: undefined }));
  expect(bench.plan(stack('a'))).toEqual(['apply a: its record changes']);
  bench.run(updateService(service.ID, service.Version.Index, { ...service.Spec, Mode: { Replicated: { Replicas: 5 } } }));
  expect(bench.plan(stack('a'))).toEqual(['apply a: changed by hand: a_web Mode.Replicated.Replicas: 5 → 1 (drift)']);
});

test('a change by hand is drift and names what was changed', () => {
  const bench = new Bench();
  bench.apply(stack('a'));
  const service = bench.store.byName('service', 'a_web');
  if (!service) throw new Error('no service');
  bench.run(updateService(service.ID, service.Version.Index, { ...service.Spec, Mode: { Replicated: { Replicas: 5 } } }, {}));
  expect(bench.plan(stack('a'))).toEqual(['apply a: changed by hand: a_web Mode.Replicated.Replicas: 5 → 1 (drift)']);
});

test('a folder that is gone takes its stack along, if the stack is the repository’s own', () => {
  const bench = new Bench();
  for (const name of ['a', 'd']) bench.apply(stack(name));
  bench.apply(stack('b'), 'other');
  bench.run(deployStack(stack('c').spec, { source: { Kind: 'deploy' }, prune: true }));
  expect(bench.plan(stack('d'))).toEqual(['remove a: stacks/a is no longer in repository main']);
});

test('a refused stack is said once, and healing is a step', () => {
  const bench = new Bench();
  bench.apply(stack('a'));
  const broken: RenderedStack = { Name: 'a', Path: 'stacks/a', Commit: 'c2', errors: ['stacks/a/compose.yml:3:1: wrong'] };
  expect(bench.plan(broken)).toEqual(['refuse a: stacks/a/compose.yml:3:1: wrong']);
  const source = { Kind: 'repository', Repository: 'main', Path: 'stacks/a', Commit: 'c2' } as const;
  bench.run(setStackCondition('a', { State: 'refused', Message: 'm', Errors: broken.errors, Commit: 'c2', Since: '' }, source));
  expect(bench.plan(broken)).toEqual([]);
  expect(bench.plan(stack('a', 'a:1', 'c3'))).toEqual(['apply a: it is in order again']);
});

test('what control refuses is refused whole with its reason', () => {
  const bench = new Bench();
  bench.run(createService({ Name: 'a_web', TaskTemplate: { ContainerSpec: { Image: 'x' } } }));
  expect(bench.plan(stack('a'))).toEqual([
    'refuse a: stacks/a: failed to create service a_web: name conflicts with an existing object: service a_web already exists',
  ]);
});

test('a stack of another repository is held until it is given away', () => {
  const bench = new Bench();
  bench.apply(stack('a'), 'other');
  expect(bench.plan(stack('a'))[0]).toContain('hold a: stack a belongs to stacks/a of repository other');
});

test('a stack that somebody removed comes back, and the reason says so', () => {
  const bench = new Bench();
  bench.run(createRepository({ Name: 'main', URL: '/r', Branch: 'main', Path: 'stacks', Interval: 30e9 }));
  bench.apply(stack('a'), 'main');
  bench.run(removeStackByHand('a', true));
  expect(bench.plan(stack('a'))).toEqual(['apply a: changed by hand: a_web is missing (drift)']);
});

describe('what a commit would do', () => {
  const planned = (bench: Bench, ...stacks: RenderedStack[]): string[] =>
    finish(planCommit(bench.store, 'main', stacks, { now: 2000, commit: 'c9' })).stacks.map(
      ({ name, step, reason, errors = [], changes = [] }) =>
        `${name} ${step}: ${[reason, ...errors, ...changes.map(({ change, name: object }) => `${change} ${object}`)].filter((text) => text !== '').join('; ')}`,
    );
  const changedByHand = (bench: Bench): void => {
    const service = bench.store.byName('service', 'a_web');
    if (!service) throw new Error('no service');
    bench.run(updateService(service.ID, service.Version.Index, { ...service.Spec, Mode: { Replicated: { Replicas: 5 } } }, {}));
  };

  test('what was given up before and what is refused already are refused', () => {
    const bench = new Bench();
    bench.apply(stack('a'));
    bench.apply(stack('b'));
    const [a] = [...bench.store.list('stack')].filter(({ Spec }) => Spec.Name === 'a');
    if (!a) throw new Error('no stack');
    bench.run(() => ({
      actions: [update('stack', { ...a, Quarantine: { Digest: 'digest a:2', Message: 'it broke', Since: '', Removed: [] } })],
      result: undefined,
    }));
    expect(planned(bench, stack('a', 'a:2', 'c2'))[0]).toBe('a refuse: it broke');
    const taken = { Name: 'b_more', TaskTemplate: { ContainerSpec: { Image: 'x' } } };
    bench.run(createService(taken));
    const wider = { ...stack('b', 'a:1', 'c2'), digest: 'wider', spec: { ...stack('b').spec, Services: [...stack('b').spec.Services, taken] } };
    const Errors = ['stacks/b: failed to create service b_more: name conflicts with an existing object: service b_more already exists'];
    expect(planned(bench, wider)[0]).toBe(`b refuse: ${Errors.join()}`);
    const source = { Kind: 'repository', Repository: 'main', Path: 'stacks/b', Commit: 'c2' } as const;
    bench.run(setStackCondition('b', { State: 'refused', Message: 'm', Errors, Commit: 'c2', Since: '' }, source));
    expect(finish(planRepository(bench.store, 'main', [wider], { now: 2000, commit: 'c2' })).filter(({ name }) => name === 'b')).toEqual([]);
    expect(planned(bench, wider)[0]).toBe(`b refuse: ${Errors.join()}`);
  });

  test('services that the repository keeps are not planned to go', () => {
    const bench = new Bench();
    const wide = stack('a');
    const more = { ...wide.spec.Services[0], Name: 'a_more' } as StackSpec['Services'][number];
    bench.apply({ ...wide, digest: 'wide', spec: { ...wide.spec, Services: [...wide.spec.Services, more] } });
    expect(planned(bench, stack('a', 'a:2', 'c2'))).toEqual(['a apply: remove a_more; update a_web']);
    expect(planned(bench, { ...stack('a', 'a:2', 'c2'), Policy: { KeepsServices: true } })).toEqual(['a apply: update a_web']);
  });

  test('a suspended stack is held, and a change by hand that stays is no change', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c']) bench.apply(stack(name));
    changedByHand(bench);
    const rest = [stack('b'), stack('c')];
    const none = ['b none: ', 'c none: '];
    expect(planned(bench, stack('a'), ...rest)).toEqual(['a apply: update a_web', ...none]);
    expect(planned(bench, { ...stack('a'), Policy: { KeepsDrift: true } }, ...rest)).toEqual([
      'a none: what was changed by hand stays: its `self_heal` is false',
      ...none,
    ]);
    bench.run(suspendStack('a', true));
    const held = 'a hold: it is suspended: nothing is written for it before `shoal stack resume a`';
    expect(planned(bench, stack('a', 'a:2', 'c2'), ...rest)).toEqual([`${held}; update a_web`, ...none]);
    expect(planned(bench, ...rest)).toEqual([...none, held]);
  });
});

test('what two stacks of a commit may not both have, the second is told that it will not get; what is played forward goes without it', () => {
  const bench = new Bench();
  const onPort = (name: string): RenderedStack => {
    const made = stack(name);
    const Services = made.spec.Services.map((service) => ({ ...service, EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] } }));
    return { ...made, spec: { ...made.spec, Services } };
  };
  const stacks = [onPort('a'), onPort('b')];
  const options = { now: 2000, commit: 'c9' };
  const [a, b] = finish(planCommit(bench.store, 'main', stacks, options)).stacks;
  expect([a?.step, b?.step]).toEqual(['apply', 'refuse']);
  expect(b?.errors?.[0]).toMatch(/^stacks\/b: .*8080/);
  expect(
    finish(commitActions(bench.store, 'main', stacks, options)).flatMap((action) =>
      action.type === 'create' && action.kind === 'service' ? [action.object.Spec.Name] : [],
    ),
  ).toEqual(['a_web']);
});

test('a step is never of more than one stack', () => {
  const bench = new Bench();
  const stacks = Array.from({ length: 50 }, (_, each) => stack(`s${each}`));
  for (const each of stacks.slice(0, 20)) bench.apply(each);
  // Whoever tries a deploy asks for its services.
  const names = (words: ReadonlySet<string>): number => [...words].filter((word) => word.startsWith('service name s')).length;
  for (const plan of [planRepository, planCommit, commitActions]) {
    const view = new WatchedView(bench.store);
    const steps = plan(view, 'main', stacks, { now: 2000, commit: 'c9' });
    let largest = 0;
    for (let before = 0, { done } = steps.next(); done !== true; { done } = steps.next()) {
      const now = names(view.words);
      largest = Math.max(largest, now - before);
      before = now;
    }
    expect(largest).toBe(1);
  }
});

/** Inside a commit that is one unit, stacks come behind those that they need something of, whatever they are called. */
import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { planCommit } from '#reconciler/repository-plan';
import { Successors, type Asked } from '#test/support/successors';

const published = (image: string, port: number): Asked => ({
  web: {
    TaskTemplate: { ContainerSpec: { Image: image } },
    EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: port, PublishMode: 'ingress' }] },
  },
});

function atomic(): Successors {
  const world = new Successors();
  world.policy = { Atomic: true };
  return world;
}

test('what one makes and another has from outside comes first, in the same entry', async () => {
  const world = atomic();
  world.externals = { a: { networks: ['c_net'] }, b: { networks: ['c_net'] } };
  world.networks = { c: ['c_net'] };
  const commit = { a: { web: 'a:1' }, b: { web: 'b:1' }, c: { web: 'c:1' } };
  const { entries } = world.cluster;
  const stacks = world.renderedOf(commit);
  const plan = finish(planCommit(world.cluster.store, 'main', stacks, { now: world.clock.now(), commit: 'c' }));
  expect(plan.stacks.map(({ name, step }) => `${step} ${name}`)).toEqual(['apply a', 'apply b', 'apply c']);
  await world.commit(commit);
  expect(['a', 'b', 'c'].map((name) => world.image(`${name}_web`))).toEqual(['a:1', 'b:1', 'c:1']);
  // One for the stacks, one for what is said of the repository.
  expect(world.cluster.entries - entries).toBe(2);
  await world.judged();
  // Who fails takes all of them back, and the next leader finds them so.
  await world.commit({ ...commit, a: { web: 'bad:2' }, c: { web: 'c:2' } });
  await world.judged();
  await world.succeed();
  await world.look({ ...commit, a: { web: 'bad:2' }, c: { web: 'c:2' } });
  expect(['a', 'b', 'c'].map((name) => world.image(`${name}_web`))).toEqual(['a:1', 'b:1', 'c:1']);
  await world.stop();
});

test('a port that one gives up another one gets, and two exchange theirs, in the same entry; they go back as they came', async () => {
  const world = atomic();
  await world.commit({ a: { web: 'a:1' }, b: published('b:1', 8080) });
  await world.judged();
  await world.commit({ a: published('a:2', 8080), b: published('b:2', 8081) });
  expect([world.image('a_web'), world.image('b_web')]).toEqual(['a:2', 'b:2']);
  await world.judged();
  const { entries } = world.cluster;
  const commit = { a: published('a:3', 8081), b: published('b:3', 8080) };
  const plan = finish(planCommit(world.cluster.store, 'main', world.renderedOf(commit), { now: world.clock.now(), commit: 'c' }));
  expect(plan.stacks.map(({ name, step }) => `${step} ${name}`)).toEqual(['apply a', 'apply b']);
  await world.commit(commit);
  expect([portOf(world, 'a_web'), portOf(world, 'b_web'), world.cluster.entries - entries]).toEqual([8081, 8080, 2]);
  await world.judged();
  // Each gets back what the other one has until then.
  await world.commit({ a: published('a:4', 8080), b: published('bad:4', 8081) });
  await world.judged();
  expect(['a_web', 'b_web'].map((name) => [world.image(name), portOf(world, name)])).toEqual([
    ['a:3', 8081],
    ['b:3', 8080],
  ]);
  await world.stop();
});

test('a service that moves to another stack with its port goes and comes in the same entry, and comes back with it', async () => {
  const world = atomic();
  const [api, web] = [published('p:1', 8080)['web'] ?? '', 'w:1'];
  await world.commit({ a: { api, more: 'm:1' }, b: { web } });
  await world.judged();
  const { entries } = world.cluster;
  const commit = { a: { more: 'm:1' }, b: { api, web } };
  await world.commit(commit);
  expect([world.image('a_api'), world.image('b_api'), world.cluster.entries - entries]).toEqual([undefined, 'p:1', 2]);
  await world.judged();
  await world.commit({ a: { api, more: 'm:1' }, b: { web: 'bad:2' } });
  await world.judged();
  expect([world.image('a_api'), world.image('b_api'), world.image('b_web')]).toEqual([undefined, 'p:1', web]);
  await world.stop();
});

test('a folder that is renamed with its port is refused with what to do', async () => {
  const world = atomic();
  await world.commit({ b: { web: 'b:1' }, c: { web: 'c:1' }, old: published('s:1', 8080) });
  await world.judged();
  await world.commit({ b: { web: 'b:1' }, c: { web: 'c:1' }, shop: published('s:1', 8080) });
  expect(world.cluster.store.byName('stack', 'shop')?.Condition.Errors?.[0]).toMatch(
    /port '8080' is already in use by service 'old_web' .*; stack old goes with this commit, and of one unit it goes when all is well: let a commit before this one take it out$/,
  );
  await world.commit({ b: { web: 'b:1' }, c: { web: 'c:1' } });
  await world.commit({ b: { web: 'b:1' }, c: { web: 'c:1' }, shop: published('s:1', 8080) });
  expect([world.image('old_web'), world.image('shop_web')]).toEqual([undefined, 's:1']);
  await world.stop();
});

test('a port that two of the commit publish is refused by name, once', async () => {
  const world = atomic();
  await world.commit({ a: published('a:1', 8080), b: published('b:1', 8081) });
  await world.judged();
  const both = { a: published('a:2', 8081), b: published('b:1', 8081) };
  await world.commit(both);
  expect([world.image('a_web'), world.image('b_web')]).toEqual(['a:1', 'b:1']);
  expect(world.cluster.store.byName('stack', 'a')?.Condition.Errors?.[0]).toMatch(/port '8081' is already in use by service 'b_web'/);
  const { index } = world.cluster.store;
  await world.look(both);
  expect(world.cluster.store.index).toBe(index);
  await world.stop();
});

const portOf = (world: Successors, name: string): number | undefined =>
  world.cluster.store.byName('service', name)?.Spec.EndpointSpec?.Ports?.[0]?.PublishedPort;

test('what nobody of the commit makes refuses all of it', async () => {
  const world = atomic();
  world.externals = { a: { networks: ['nowhere'] } };
  await world.commit({ a: { web: 'a:1' }, b: { web: 'b:1' } });
  expect([world.image('a_web'), world.image('b_web')]).toEqual([undefined, undefined]);
  expect(world.cluster.store.byName('stack', 'b')?.Condition.Message).toBe('the commit is one unit, and stack a is refused');
  await world.stop();
});

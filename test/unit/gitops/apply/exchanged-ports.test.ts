/** What stands in a stack's way and is on its way out by the same commit is waited for; ports that several exchange come in one entry. */
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

const portsOf = (world: Successors, ...stacks: readonly string[]) =>
  stacks.map((name) => world.cluster.store.byName('service', `${name}_web`)?.Spec.EndpointSpec?.Ports?.[0]?.PublishedPort);
const condition = (world: Successors, name: string) => world.cluster.store.byName('stack', name)?.Condition;
const status = (world: Successors) => world.cluster.store.byName('repository', 'main')?.Status;

/** Each says what was told of stacks. */
function told(world: Successors): string[] {
  const lines: string[] = [];
  world.events.watch((event) => lines.push(`${event.action} ${event.name}`));
  return lines;
}

test('two, and three in a circle, exchange their ports in one commit and one entry', async () => {
  const world = new Successors();
  await world.commit({ a: published('a:1', 9000), b: published('b:1', 9001), c: published('c:1', 9002), d: { web: 'd:1' } });
  await world.judged();
  const lines = told(world);
  const next = { a: published('a:1', 9001), b: published('b:1', 9000), c: published('c:1', 9002), d: { web: 'd:1' } };
  const plan = finish(planCommit(world.cluster.store, 'main', world.renderedOf(next), { now: world.clock.now(), commit: 'c' }));
  expect(plan.stacks.map(({ name, step, changes = [] }) => `${step} ${name} ${changes.length}`)).toEqual(['apply a 1', 'apply b 1', 'none c 0', 'none d 0']);
  const { entries } = world.cluster;
  await world.commit(next);
  expect([portsOf(world, 'a', 'b'), world.cluster.entries - entries, lines]).toEqual([[9001, 9000], 2, ['applied a', 'applied b', 'synced main']]);
  await world.judged();
  const { index } = world.cluster.store;
  await world.look(next);
  expect(world.cluster.store.index).toBe(index);
  await world.commit({ a: published('a:1', 9000), b: published('b:1', 9002), c: published('c:1', 9001), d: { web: 'd:1' } });
  expect([portsOf(world, 'a', 'b', 'c'), status(world)?.State]).toEqual([[9000, 9002, 9001], 'synced']);
  await world.stop();
});

test('who fails of an exchange takes the others back, and none of it is tried again, also under another leader', async () => {
  const world = new Successors();
  await world.commit({ a: published('a:1', 9000), b: published('b:1', 9001), c: { web: 'c:1' } });
  await world.judged();
  const next = { a: published('a:2', 9001), b: published('bad:2', 9000), c: { web: 'c:2' } };
  await world.commit(next);
  await world.look(next, 'main', false);
  await world.judged();
  await world.succeed();
  await world.look(next);
  expect([portsOf(world, 'a', 'b'), ['a', 'b', 'c'].map((name) => world.image(`${name}_web`))]).toEqual([
    [9000, 9001],
    ['a:1', 'b:1', 'c:2'],
  ]);
  expect(condition(world, 'a')?.Message).toContain('it came in one entry with stack b, which failed: ');
  await world.commit({ ...next, b: published('b:3', 9000) });
  await world.judged();
  expect([portsOf(world, 'a', 'b'), world.image('b_web')]).toEqual([[9001, 9000], 'b:3']);
  await world.stop();
});

test('an exchange may take a service out that has the port', async () => {
  const world = new Successors();
  const [at9000, at9001] = [published('x:1', 9000)['web'] ?? '', published('x:1', 9001)['web'] ?? ''];
  await world.commit({ a: { web: 'a:1', x: at9000 }, b: { y: at9001 }, c: { web: 'c:1' } });
  await world.judged();
  const next = { a: { web: 'a:1', z: at9001 }, b: { y: at9000 }, c: { web: 'c:1' } };
  await world.commit(next);
  expect([...world.cluster.store.list('service')].map(({ Spec }) => `${Spec.Name} ${Spec.EndpointSpec?.Ports?.[0]?.PublishedPort ?? ''}`).toSorted()).toEqual([
    'a_web ',
    'a_z 9001',
    'b_y 9000',
    'c_web ',
  ]);
  await world.stop();
});

test('an exchange is refused with whom it cannot be with, and comes when that is mended', async () => {
  const world = new Successors();
  await world.commit({ a: published('a:1', 9000), b: published('b:1', 9001), c: published('c:1', 9002) });
  await world.judged();
  world.externals = { b: { networks: ['nowhere'] } };
  const next = { a: published('a:1', 9001), b: published('b:1', 9000), c: published('c:1', 9002) };
  await world.commit(next);
  expect([portsOf(world, 'a', 'b'), condition(world, 'a')?.Errors?.[0]]).toEqual([
    [9000, 9001],
    expect.stringContaining("port '9001' is already in use by service 'b_web'"),
  ]);
  world.externals = {};
  await world.commit(next);
  expect([portsOf(world, 'a', 'b'), status(world)?.State]).toEqual([[9001, 9000], 'synced']);
  await world.stop();
});

test('one of an exchange that comes after another stack waits for it, and the other one with it', async () => {
  const world = new Successors();
  const before = { a: published('a:1', 9000), b: published('b:1', 9001), c: { web: 'c:1' } };
  await world.commit(before);
  await world.judged();
  world.policies = { b: { After: ['a', 'c'] } };
  const next = { a: published('a:1', 9001), b: published('b:1', 9000), c: { web: 'c:2' } };
  await world.commit(next);
  expect([portsOf(world, 'a', 'b'), condition(world, 'a')?.Message, condition(world, 'b')?.Message]).toEqual([
    [9000, 9001],
    'it comes with b: it comes after c, which is on the way',
    'it comes after c, which is on the way',
  ]);
  await world.judged();
  await world.look(next, 'main', false);
  expect(portsOf(world, 'a', 'b')).toEqual([9001, 9000]);
  await world.stop();
});

test('a folder that is renamed with its port, and one that gets the port of another that goes, wait and are told as no failure', async () => {
  const world = new Successors();
  await world.commit({ b: { web: 'b:1' }, c: { web: 'c:1' }, old: published('s:1', 8080) });
  await world.judged();
  const lines = told(world);
  const after = { b: { web: 'b:1' }, c: { web: 'c:1' }, shop: published('s:1', 8080) };
  await world.commit(after);
  expect([condition(world, 'shop'), status(world)?.State]).toMatchObject([
    { State: 'pending', Message: 'it comes after old, which is on the way out' },
    'synced',
  ]);
  await world.look(after, 'main', false);
  expect([portsOf(world, 'old', 'shop'), lines.filter((line) => !line.endsWith('main'))]).toEqual([
    [undefined, 8080],
    ['pending shop', 'removed old', 'applied shop'],
  ]);
  await world.stop();
});

test('what is held, suspended or stays where it is, is waited for by nobody', async () => {
  const world = new Successors();
  await world.commit({ a: { web: 'a:1' }, old: published('s:1', 8080) });
  await world.judged();
  await world.commit({ shop: published('s:1', 8080) });
  expect([condition(world, 'old')?.State, condition(world, 'shop')?.State]).toEqual(['held', 'refused']);
  const other = new Successors();
  await other.commit({ a: { web: 'a:1' }, b: published('s:1', 8080) });
  await other.judged();
  await other.commit({ a: published('a:1', 8080), b: published('s:1', 8080) });
  expect([condition(other, 'a')?.State, status(other)?.State]).toEqual(['refused', 'degraded']);
  await world.stop();
  await other.stop();
});

/** Services that a commit moves from one stack to another: the old one goes when the new one is healthy, and not before. */
import { expect, test } from 'vitest';
import { newestRevision } from '#control/stack/revisions';
import { Successors, type Asked } from '#test/support/successors';

const published = (image: string): Asked[string] => ({
  TaskTemplate: { ContainerSpec: { Image: image } },
  EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
});

const before = { a: { api: 'p:1', more: 'm:1', web: 'w:1' }, b: { db: 'd:1' } };
const outcome = (world: Successors, stack: string) => newestRevision(world.cluster.store, stack)?.Outcome.State;

async function moved(to: Asked): Promise<{ world: Successors; after: Record<string, Asked> }> {
  const world = new Successors();
  await world.commit(before);
  await world.judged();
  const after = { a: { api: 'p:2', more: 'm:1' }, b: to };
  await world.commit(after);
  await world.judged();
  return { world, after };
}

test('it goes when the stack that has it now is healthy with it, whoever leads then', async () => {
  const { world } = await moved({ db: 'd:1', web: 'slow:1' });
  const id = world.cluster.store.byName('service', 'a_web')?.ID;
  // The stack that it leaves is well without it, and nobody waits for it.
  expect([outcome(world, 'a'), outcome(world, 'b'), world.image('a_web')]).toEqual(['good', 'pending', 'w:1']);
  const { entries } = world.cluster;
  await world.succeed();
  const slow = { a: { api: 'p:2', more: 'm:1' }, b: { db: 'd:1', web: 'slow:1' } };
  for (const seen of [true, false]) await world.look(slow, 'main', seen);
  await world.judged();
  expect([world.cluster.entries, world.cluster.store.byName('service', 'a_web')?.ID]).toEqual([entries, id]);
  await world.commit({ ...slow, b: { db: 'd:1', web: 'w:1' } });
  await world.judged();
  expect([world.image('a_web'), world.image('b_web'), world.cluster.store.byName('stack', 'a')?.Rollout]).toEqual([undefined, 'w:1', undefined]);
  expect(world.events.recent().some(({ name, message }) => name === 'a' && message.includes('removed a_web, which it does not have'))).toBe(true);
  await world.stop();
});

test('where the new one fails and goes back the old one stays, until a commit brings it or wants it nowhere', async () => {
  const { world } = await moved({ db: 'd:1', web: 'bad:1' });
  expect([outcome(world, 'a'), world.image('a_web'), world.image('b_web')]).toEqual(['good', 'w:1', undefined]);
  await world.commit({ a: { api: 'p:2', more: 'm:1' }, b: { db: 'd:2' } });
  await world.judged();
  expect([world.image('a_web'), world.image('b_db')]).toEqual([undefined, 'd:2']);
  await world.stop();
});

test('one that publishes the same port makes way for the new one, which waits for that and not for a hand', async () => {
  const world = new Successors();
  await world.commit({ b: { api: 'p:1', more: 'm:1', web: published('w:1') }, a: { db: 'd:1' } });
  await world.judged();
  const after = { a: { db: 'd:1', web: published('w:2') }, b: { api: 'p:1', more: 'm:1' } };
  await world.commit(after);
  expect(world.events.recent().map(({ action }) => action)).not.toContain('refused');
  for (let looks = 0; looks < 2; looks += 1) {
    await world.judged();
    await world.look(after, 'main', false);
  }
  expect([world.image('a_web'), world.image('b_web')]).toEqual(['w:2', undefined]);
  await world.stop();
});

test('a stack that comes after the one that it has it from comes, and the old one goes then', async () => {
  const world = new Successors();
  await world.commit(before);
  await world.judged();
  const after = { a: { api: 'p:2', more: 'm:1' }, b: { db: 'd:1' }, c: { web: 'w:1' } };
  world.policies = { c: { After: ['a'] } };
  await world.commit(after);
  expect([world.image('a_web'), world.image('c_web')]).toEqual(['w:1', undefined]);
  await world.judged();
  expect([outcome(world, 'a'), world.image('a_web')]).toEqual(['good', 'w:1']);
  await world.look(after, 'main', false);
  await world.judged();
  expect([world.image('a_web'), world.image('c_web')]).toEqual([undefined, 'w:1']);
  await world.stop();
});

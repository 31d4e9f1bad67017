/** Stacks that a commit does not have any more go when all that it has is well. */
import { expect, test } from 'vitest';
import { suspendStack } from '#control/stack/stack-states';
import { create } from '#store/action';
import { runningTask } from '#test/support/api-fixture';
import { Successors, type Asked } from '#test/support/successors';

const published = (image: string): Asked => ({
  web: {
    TaskTemplate: { ContainerSpec: { Image: image } },
    EndpointSpec: { Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
  },
});
const web = (image: string): Asked => ({ web: image });
const rest = { b: web('b:1'), c: web('c:1') };

/** A stack under the name `old`, which the next commit calls `shop`. */
async function renamed(next: Asked, before: Asked = web('s:1')): Promise<{ world: Successors; after: Record<string, Asked> }> {
  const world = new Successors();
  await world.commit({ ...rest, old: before });
  await world.judged();
  const after = { ...rest, shop: next };
  await world.commit(after);
  await world.judged();
  return { world, after };
}

const condition = (world: Successors) => world.cluster.store.byName('stack', 'old')?.Condition;

test('a stack under another name is healthy before the one of before goes, also under another leader', async () => {
  const { world } = await renamed(web('slow:1'));
  expect([world.image('old_web'), condition(world)]).toMatchObject([
    's:1',
    { State: 'pending', Message: 'it goes when what comes is well, and shop is not yet' },
  ]);
  await world.succeed();
  await world.commit({ ...rest, shop: web('s:1') });
  expect(world.image('old_web')).toBe('s:1');
  await world.judged();
  await world.look({ ...rest, shop: web('s:1') }, 'main', false);
  expect([world.image('old_web'), world.image('shop_web')]).toEqual([undefined, 's:1']);
  await world.stop();
});

test('it stays where the new one fails, and does not wait for one that somebody suspended', async () => {
  const { world, after } = await renamed(web('bad:1'));
  await world.look(after);
  expect(world.image('old_web')).toBe('s:1');
  world.cluster.run(suspendStack('shop', true));
  await world.look(after);
  expect(world.image('old_web')).toBeUndefined();
  await world.stop();
});

test('it makes way for one that gets its port, and for one that finds no room beside it', async () => {
  const { world } = await renamed(published('s:2'), published('s:1'));
  await world.look({ ...rest, shop: published('s:2') }, 'main', false);
  expect([world.image('old_web'), world.image('shop_web')]).toEqual([undefined, 's:2']);
  await world.stop();
  const tight = await renamed(web('slow:1'));
  const { cluster, clock } = tight.world;
  const service = cluster.store.byName('service', 'shop_web');
  if (!service) throw new Error('no service');
  const task = runningTask(service, { id: 'waits', slot: 1, nodeId: '', now: clock.now() });
  cluster.write([create('task', { ...task, Status: { ...task.Status, State: 'pending', Err: 'no suitable node (insufficient resources on 1 node)' } })]);
  await tight.world.look(tight.after);
  expect(tight.world.image('old_web')).toBe('s:1');
  await clock.advance(60_000);
  await tight.world.look(tight.after);
  expect(tight.world.image('old_web')).toBeUndefined();
  await tight.world.stop();
});

test('it makes way for one that makes a network under the same name, and waits for none that was well before', async () => {
  const world = new Successors();
  world.networks = { old: ['shared'], shop: ['shared'] };
  await world.commit({ ...rest, old: web('s:1') });
  await world.judged();
  const after = { ...rest, shop: web('s:2') };
  await world.commit(after);
  await world.look(after, 'main', false);
  expect([world.image('old_web'), world.image('shop_web')]).toEqual([undefined, 's:2']);
  await world.judged();
  // What fails and went back says nothing of another one that goes.
  await world.commit({ ...after, b: web('bad:2') });
  await world.judged();
  await world.commit({ b: web('bad:2'), shop: after.shop });
  expect(world.image('c_web')).toBeUndefined();
  await world.stop();
});

test('a service that moves with a network of one name leaves when its stack is well, for both cannot be', async () => {
  const world = new Successors();
  world.networks = { a: ['shared'] };
  await world.commit({ a: { api: 'p:1', more: 'm:1', web: 'w:1' }, b: { db: 'd:1' } });
  await world.judged();
  world.networks = { b: ['shared'] };
  const after = { a: { api: 'p:2', more: 'm:1' }, b: { db: 'd:1', web: 'w:1' } };
  await world.commit(after);
  for (let looks = 0; looks < 3; looks += 1) {
    await world.judged();
    await world.look(after, 'main', false);
  }
  expect([world.image('a_web'), world.image('b_web')]).toEqual([undefined, 'w:1']);
  await world.stop();
});

/** A stack of the commit that the repository may not have. */
const forbidden: Asked = { web: { TaskTemplate: { ContainerSpec: { Image: 'f:1', Mounts: [{ Type: 'bind', Source: '/', Target: '/host' }] } } } };

test('one that is refused commit after commit keeps nothing, but where it came when the other one went', async () => {
  const world = new Successors({ trust: 'limited' });
  await world.commit({ ...rest, forbidden, old: web('s:1') });
  await world.judged();
  await world.commit({ ...rest, forbidden, b: web('b:2'), old: web('s:1') });
  await world.judged();
  await world.commit({ ...rest, forbidden, b: web('b:2') });
  expect(world.image('old_web')).toBeUndefined();

  await world.commit({ b: web('b:2'), forbidden, shop: forbidden });
  await world.commit({ b: web('b:3'), forbidden, shop: forbidden });
  await world.judged();
  await world.look({ b: web('b:3'), forbidden, shop: forbidden }, 'main', false);
  expect([world.image('c_web'), world.cluster.store.byName('stack', 'c')?.Condition.Message]).toEqual([
    'c:1',
    'it goes when what comes is well, and shop is not yet',
  ]);
  await world.stop();
});

test('one that was ill beside it already, and never well, is not it under another name', async () => {
  const world = new Successors();
  const ill = web('bad:1');
  await world.commit({ ...rest, old: web('s:1'), ill });
  await world.judged();
  await world.commit({ ...rest, ill });
  await world.judged();
  await world.look({ ...rest, ill }, 'main', false);
  expect(world.image('old_web')).toBeUndefined();
  await world.stop();
});

/** Changes that are planned for nobody. */
import { expect, test } from 'vitest';
import { Rehearsal } from '#gitops/apply/rehearsal';
import { Successors } from '#test/support/successors';
import { settle } from '#test/support/virtual-clock';
import { silentLogger } from '#test/support/silent-logger';

test('a change is rehearsed once, when a stack is in force, and nothing comes of it', async () => {
  const world = new Successors();
  const { cluster, clock } = world;
  const stacks = { a: { web: 'app:1' }, b: { web: 'app:1' } };
  let reads = 0;
  const counted = {
    read: () => {
      reads += 1;
      return cluster.read();
    },
  };
  const rehearsal = new Rehearsal({ cluster: counted, clock, logger: silentLogger });
  rehearsal.begin('main', world.renderedOf(stacks));
  await settle();
  expect(reads).toBe(1);
  await world.commit(stacks);
  await world.judged();
  const [entries, store] = [cluster.entries, JSON.stringify([...cluster.store.list('service'), ...cluster.store.list('stack')])];
  for (let time = 0; time < 3; time++) {
    rehearsal.begin('main', world.renderedOf(stacks));
    await settle();
  }
  expect(reads).toBe(2);
  expect([cluster.entries, JSON.stringify([...cluster.store.list('service'), ...cluster.store.list('stack')])]).toEqual([entries, store]);
  await world.stop();
});

test('what nobody can tell of the cluster hinders nobody', async () => {
  const world = new Successors();
  const away = { read: () => Promise.reject(new Error('nobody leads')) };
  new Rehearsal({ cluster: away, clock: world.clock, logger: silentLogger }).begin('main', world.renderedOf({ a: { web: 'app:1' } }));
  await settle();
  await world.stop();
});

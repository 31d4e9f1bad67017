/** A repository's stack that somebody removed: it comes back or stays away by the same rules, whoever leads. */
import { expect, test } from 'vitest';
import { revisionsOf } from '#control/stack/revisions';
import { suspendStack } from '#control/stack/stack-states';
import { removeStackByHand } from '#control/stack/stacks';
import { Successors } from '#test/support/successors';

const stacks = { a: { web: 'w:1' }, b: { web: 'w:1' } };

async function withoutA(policy: Successors['policy'] = {}): Promise<Successors> {
  const world = new Successors();
  world.policy = policy;
  await world.commit(stacks);
  await world.judged();
  return world;
}

test('what heals itself brings it back with its history, over another leader too', async () => {
  const world = await withoutA();
  world.cluster.run(removeStackByHand('a', true));
  await world.succeed();
  await world.look(stacks);
  expect(world.image('a_web')).toBe('w:1');
  expect(world.events.recent().map(({ action, message }) => `${action} ${message}`)).toEqual([
    expect.stringMatching(/^drift reverted .*: changed by hand: a_web is missing$/),
  ]);
  expect(revisionsOf(world.cluster.store, 'a')).toHaveLength(1);
  await world.stop();
});

test('with `self_heal: false` it stays away until a commit changes it, and what is missing is said by each leader', async () => {
  const world = await withoutA({ KeepsDrift: true });
  world.cluster.run(removeStackByHand('a', true));
  for (let leaders = 0; leaders < 2; leaders += 1) {
    await world.look(stacks);
    await world.commit(stacks);
    await world.judged();
    expect([world.image('a_web'), world.waiting('a')]).toEqual([undefined, ['a_web is missing']]);
    await world.succeed();
  }
  await world.commit({ ...stacks, a: { web: 'w:2' } });
  expect(world.image('a_web')).toBe('w:2');
  await world.stop();
});

test('one that is suspended stays away until somebody resumes it', async () => {
  const world = await withoutA();
  world.cluster.run(suspendStack('a', true));
  expect(world.cluster.run(removeStackByHand('a', true)).RevertedBy).toEqual({ Repository: 'main', Suspended: true });
  for (const next of [stacks, { ...stacks, a: { web: 'w:2' } }]) {
    await world.commit(next);
    expect(world.image('a_web')).toBeUndefined();
    await world.succeed();
  }
  world.cluster.run(suspendStack('a', false));
  await world.look({ ...stacks, a: { web: 'w:2' } });
  expect(world.image('a_web')).toBe('w:2');
  await world.stop();
});

test('what was given up is not tried again because somebody removed it: the good version comes back', async () => {
  const world = await withoutA();
  const next = { ...stacks, a: { web: 'bad:2' } };
  await world.commit(next);
  await world.judged();
  world.cluster.run(removeStackByHand('a', true));
  await world.succeed();
  await world.look(next);
  await world.judged();
  expect([world.image('a_web'), world.cluster.store.byName('stack', 'a')?.Condition.State]).toEqual(['w:1', 'refused']);
  await world.stop();
});

test('one that leaves the commit after that leaves nothing behind', async () => {
  const world = await withoutA();
  world.cluster.run(removeStackByHand('a', true));
  await world.succeed();
  await world.commit({ b: stacks.b, c: stacks.b });
  await world.commit({ b: stacks.b, c: stacks.b });
  expect([...world.cluster.store.list('stack')].map(({ Spec }) => Spec.Name).toSorted()).toEqual(['b', 'c']);
  expect(world.image('a_web')).toBeUndefined();
  await world.stop();
});

test('of a version that somebody removed before it was healthy nothing is said: it is not good', async () => {
  const world = await withoutA({ KeepsDrift: true });
  const next = { ...stacks, a: { web: 'slow:2' } };
  await world.commit(next);
  world.cluster.run(removeStackByHand('a', true));
  await world.judged();
  await world.succeed();
  await world.look(next);
  await world.judged();
  expect(revisionsOf(world.cluster.store, 'a').map(({ Outcome }) => Outcome.State)).toEqual(['good', 'pending']);
  await world.stop();
});

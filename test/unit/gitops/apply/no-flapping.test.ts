/** Commits that fail, again and again, and commits that come while others are on their way. */
import { expect, test } from 'vitest';
import { newestRevision } from '#control/stack/revisions';
import { Successors } from '#test/support/successors';

const repetitions = 100;

test('of a hundred commits that fail each goes back once and is not tried again, and the one behind it comes without a hand', async () => {
  const world = new Successors();
  const updates: string[] = [];
  world.cluster.watch((events) => {
    for (const { kind, object } of events) if (kind === 'service' && object?.Spec.Name === 'a_web') updates.push(world.image('a_web') ?? '');
  });
  const versions = (): string[] => updates.splice(0).filter((image, at, all) => image !== all[at - 1]);
  await world.commit({ a: { web: 'app:0' }, b: { web: 'w:1' } });
  await world.judged();
  versions();
  let good = 'app:0';
  for (let round = 1; round <= repetitions; round++) {
    const bad = { a: { web: `bad:${round}` }, b: { web: 'w:1' } };
    await world.commit(bad);
    await world.judged();
    // Looks, another leader and commits that touch nothing of it bring it no second time.
    await world.look(bad);
    if (round % 10 === 0) await world.succeed();
    await world.commit(bad);
    await world.judged(2);
    expect([world.image('a_web'), versions()]).toEqual([good, [`bad:${round}`, good]]);
    if (round % 5 > 0) continue;
    await world.commit({ a: { web: `app:${round}` }, b: { web: 'w:1' } });
    await world.judged();
    good = `app:${round}`;
    expect([world.image('a_web'), versions()]).toEqual([good, [good]]);
  }
  await world.stop();
});

test('a commit takes over the rollout of the one before it, which waits for what never comes', async () => {
  const world = new Successors();
  await world.commit({ a: { web: 'app:1' } });
  await world.judged();
  await world.commit({ a: { web: 'slow:2' } });
  await world.judged(2);
  expect([world.image('a_web'), newestRevision(world.cluster.store, 'a')?.Outcome.State]).toEqual(['slow:2', 'pending']);
  // Nothing is waited for: it is there when its own look is over.
  await world.commit({ a: { web: 'app:3' } });
  expect(world.image('a_web')).toBe('app:3');
  await world.judged();
  expect(newestRevision(world.cluster.store, 'a')?.Outcome.State).toBe('good');
  await world.stop();
});

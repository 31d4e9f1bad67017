/** A rollout is played forward on a cluster that stands still meanwhile; one that moves is tried again, and left alone after a while. */
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { createService } from '#control/service/services';
import { decided, played, type Foresee } from '#gitops/plan';
import { gathered, type Steps } from '#base/pace/steps';
import type { Action } from '#store/action';
import { initialisedCluster } from '#test/support/memory-cluster';
import { specOf } from '#test/support/staged-cluster';
import { realClock } from '#test/support/real-clock';

const foresight = { events: [], more: 0, endsMs: 0, pending: [], assumed: '' };
const context = { now: 0, newId: () => 'id', random: { next: () => 0 } as never };

function parts(moves: (tries: number) => boolean) {
  const cluster = initialisedCluster();
  let tries = 0;
  const foresee: Foresee = function* () {
    if (moves((tries += 1))) cluster.run(createService(specOf(`other${tries}`, 'x')));
    // More than a turn takes, so that there is one in between.
    for (const end = performance.now() + 40; performance.now() < end;) yield;
    yield;
    return foresight;
  };
  const actions = (): Steps<readonly Action[]> => gathered(createService(specOf('web', 'a'))(cluster.store, context).actions);
  return { parts: { cluster, clock: realClock, foresee }, actions, tries: () => tries };
}

const nothing = (): Steps<readonly Action[]> => gathered([]);

test('what is decided while the cluster moves is decided once more, in turns, on how it was at that moment', async () => {
  for (const moves of [0, 1, Infinity]) {
    const cluster = initialisedCluster();
    let [tries, turns] = [0, 0];
    let began = 0;
    const turned = setInterval(() => (turns += 1), 0);
    const found = await decided({ cluster, clock: realClock }, function* (view): Steps<number> {
      tries += 1;
      [began, turns] = [view.count('service'), 0];
      for (let step = 0; step < 5; step += 1) {
        if (tries <= moves) cluster.run(createService(specOf(`other${tries}_${step}`, 'x')));
        for (const end = performance.now() + 20; performance.now() < end;) yield;
        yield;
      }
      return view.count('service');
    });
    clearInterval(turned);
    expect(found).toBe(began);
    expect(tries).toBe(moves === 0 ? 1 : 2);
    // Others had their turn all the while.
    expect(turns).toBeGreaterThan(1);
  }
});

test('of those that are decided on copies of a cluster that moves one has its copy at a time', async () => {
  const { store } = initialisedCluster();
  const moving = {
    read: async () => store,
    watch: (listener: (events: []) => void) => {
      listener([]);
      return () => {};
    },
  };
  let [copies, most] = [0, 0];
  const plan = (): Promise<void> =>
    decided({ cluster: moving as never, clock: realClock }, function* (view): Steps<void> {
      const isCopy = view !== store;
      if (isCopy) most = Math.max(most, (copies += 1));
      for (const end = performance.now() + 40; performance.now() < end;) yield;
      yield;
      if (isCopy) copies -= 1;
    });
  await Promise.all([plan(), plan(), plan()]);
  expect(most).toBe(1);
});

test('one that stands still is played once', async () => {
  const still = parts(() => false);
  expect(await played(still.parts, still.actions)).toEqual(foresight);
  expect(still.tries()).toBe(1);
  expect(await played(still.parts, nothing)).toBeUndefined();
});

test('one that moves is tried again, and never is played on what is not so any more', async () => {
  const once = parts((tries) => tries === 1);
  expect(await played(once.parts, once.actions)).toEqual(foresight);
  expect(once.tries()).toBe(2);
  const always = parts(() => true);
  expect(await played(always.parts, always.actions)).toMatchObject({ left: 'the cluster changes meanwhile' });
  expect(always.tries()).toBeGreaterThan(1);
});

test('one at a time is played, and what is refused meanwhile costs nobody the plan', async () => {
  const one = parts(() => false);
  const both = await Promise.all([played(one.parts, one.actions), played(one.parts, one.actions)]);
  expect(both).toEqual([foresight, expect.objectContaining({ left: 'another plan is played forward now' })]);
  const refused = (): never => {
    throw new Refusal('invalidArgument', 'port 8080 is taken');
  };
  expect(await played(one.parts, refused)).toMatchObject({ left: 'port 8080 is taken' });
  expect(await played(one.parts, one.actions)).toEqual(foresight);
});

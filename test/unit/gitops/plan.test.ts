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

test('what is decided while the cluster moves is decided anew, and at last all at once', async () => {
  for (const moves of [0, 1, Infinity]) {
    const cluster = initialisedCluster();
    let tries = 0;
    const found = decided({ cluster, clock: realClock }, function* (view): Steps<number> {
      if ((tries += 1) <= moves) cluster.run(createService(specOf(`other${tries}`, 'x')));
      const seen = view.count('service');
      for (const end = performance.now() + 20; performance.now() < end;) yield;
      yield;
      return seen;
    });
    expect(await found).toBe(cluster.store.count('service'));
    expect(tries).toBe(Math.min(moves + 1, 6));
  }
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

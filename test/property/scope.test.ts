import { expect, test } from 'vitest';
import { seededRandom, type Random } from '#base/random';
import { newId } from '#base/ids';
import { stages } from '#manager/stages';
import type { Action } from '#store/action';
import type { Stage, StageContext } from '#store/stage';
import { resultOf } from '#test/support/cluster-objects';
import { changeAtRandom } from '#test/support/random-changes';
import { SimulatedCluster } from '#test/support/simulated-cluster';

interface Tally {
  narrow: number;
  acted: number;
}

/** The stage, but every narrow run is compared with a full one on the same view. */
function compared(stage: Stage, tally: Tally): Stage {
  return (view, context) => {
    if (context.scope === 'all') return stage(view, context);
    tally.narrow++;
    const seed = Math.floor(context.random.next() * 2 ** 32);
    const narrow = resultOf(stage(view, sameChance(context, seededRandom(seed))));
    const full = resultOf(stage(view, { ...sameChance(context, seededRandom(seed)), scope: 'all' }));
    if (narrow.actions.length > 0) tally.acted++;
    expect(sorted(full.actions)).toEqual(sorted(narrow.actions));
    return narrow;
  };
}

function sameChance(context: StageContext, random: Random): StageContext {
  const ids = random.split('ids');
  return { ...context, random, newId: () => newId(ids) };
}

function sorted(actions: readonly Action[]): string[] {
  return actions.map((action) => JSON.stringify(action)).sort();
}

test.each([31, 32, 33, 34, 35, 36])('seed %i: a narrow scope and a full scan give the same actions', async (seed) => {
  const tally = { narrow: 0, acted: 0 };
  const cluster = new SimulatedCluster(
    seed,
    3,
    stages.map((stage) => compared(stage, tally)),
  );
  await cluster.init();
  await changeAtRandom(cluster, seededRandom(seed, 'changes'), 25);
  await cluster.clock.advance(60_000);
  await cluster.stop();
  expect(cluster.fatal, `seed ${seed}`).toEqual([]);
  // Otherwise nothing was compared.
  expect(tally.narrow).toBeGreaterThan(100);
  expect(tally.acted).toBeGreaterThan(5);
});

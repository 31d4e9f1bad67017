/** Services in waves: what a change by hand in the middle does, and when a wave is late. */
import { expect, test } from 'vitest';
import { updateService } from '#control/service/services';
import { overdue } from '#control/stack/overdue';
import { nextWave } from '#control/stack/stack-rollback';
import { deployStack } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const spec = (version: number): StackSpec =>
  stackSpec({
    Services: ['db', 'api', 'web'].map((name) => serviceSpec(`shop_${name}`, { TaskTemplate: { ContainerSpec: { Image: `${name}:${version}` } } })),
  });
const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: 'c'.repeat(40) } as const;
const start = Date.UTC(2026, 0, 1);

function world() {
  let now = start;
  const cluster = initialisedCluster({ clock: { now: () => now } });
  const deploy = (version: number) => cluster.run(deployStack(spec(version), { source, digest: `sha256:${version}`, prune: true, waves: [['db'], ['api']] }));
  const images = () => ['db', 'api', 'web'].map((name) => cluster.store.byName('service', `shop_${name}`)?.Spec.TaskTemplate.ContainerSpec?.Image);
  const stack = () => {
    const found = cluster.store.byName('stack', 'shop');
    if (!found) throw new Error('no stack');
    return found;
  };
  return { cluster, deploy, images, stack, pass: (ms: number) => void (now += ms), now: () => now };
}

test('a deploy by hand in the middle ends no wave: the repair brings those that are due, and the others in their turn', () => {
  const { cluster, deploy, images, stack } = world();
  deploy(1);
  expect([images(), stack().Rollout?.Left]).toEqual([
    ['db:1', undefined, undefined],
    [['shop_api'], ['shop_web']],
  ]);
  cluster.run(deployStack(spec(9), { source: { Kind: 'deploy' }, prune: false, force: true }));
  expect([images(), stack().Rollout?.Left]).toEqual([
    ['db:9', 'api:9', 'web:9'],
    [['shop_api'], ['shop_web']],
  ]);
  deploy(1);
  expect(images()).toEqual(['db:1', 'api:9', 'web:9']);
});

test('the next wave leaves what came before it as somebody changed it, and time counts from when it came', () => {
  const { cluster, deploy, images, stack, pass, now } = world();
  deploy(1);
  const db = cluster.store.byName('service', 'shop_db');
  if (!db) throw new Error('no service');
  cluster.run(updateService(db.ID, db.Version.Index, { ...db.Spec, Mode: { Replicated: { Replicas: 3 } } }));
  pass(14 * 60_000);
  expect(cluster.run(nextWave('shop', 1)).changed).toBe(true);
  expect([images(), cluster.store.byName('service', 'shop_db')?.Spec.Mode]).toEqual([['db:1', 'api:1', undefined], { Replicated: { Replicas: 3 } }]);
  const late = () =>
    overdue(cluster.store, stack(), { CreatedAt: new Date(start).toISOString() }, { State: 'degraded', Message: '', Reasons: [], Quarantined: false }, now());
  pass(10 * 60_000);
  expect(late()).toBeUndefined();
  pass(6 * 60_000);
  expect(late()).toBe('it made no progress for 15m0s');
  expect([cluster.run(nextWave('shop', 1)).changed, images()]).toEqual([true, ['db:1', 'api:1', 'web:1']]);
  expect(stack().Rollout).toMatchObject({ Left: [], Prunes: true });
  cluster.run(nextWave('shop', 1));
  expect([stack().Rollout, cluster.run(nextWave('shop', 1)).changed]).toEqual([undefined, false]);
});

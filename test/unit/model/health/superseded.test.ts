import { expect, test } from 'vitest';
import { updateService } from '#control/service/services';
import { deployStack } from '#control/stack/stacks';
import { supersededBy } from '#model/health/superseded';
import { update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../../control/specs.ts';

const byHand = { source: { Kind: 'deploy' }, prune: true } as const;

function stored(cluster: MemoryCluster) {
  const service = cluster.store.byName('service', 'shop_web');
  if (!service) throw new Error('no service');
  return service;
}

/** Deploys an image and answers the number of the spec that came of it. */
function deploy(cluster: MemoryCluster, Image: string, options: Parameters<typeof deployStack>[1] = byHand): number {
  const spec = stackSpec({ Services: [serviceSpec('shop_web', { TaskTemplate: { ContainerSpec: { Image } } })] });
  return cluster.run(deployStack(spec, options)).Services[0]?.SpecVersion ?? -1;
}

test('of two deploys the first is superseded and says by what, the second counts', () => {
  const cluster = initialisedCluster();
  const [a, b] = [deploy(cluster, 'a'), deploy(cluster, 'b')];
  expect(supersededBy(stored(cluster), a)).toBe('another deploy of its stack');
  expect(supersededBy(stored(cluster), b)).toBeUndefined();
  expect(deploy(cluster, 'b')).toBe(b);
  cluster.run(updateService('shop_web', stored(cluster).Version.Index, { ...stored(cluster).Spec, Labels: { x: 'y' } }));
  expect(supersededBy(stored(cluster), b)).toBe('an update of the service');
});

test('a version that failed and went back by itself was not superseded; what followed did that', () => {
  const cluster = initialisedCluster();
  const [a, b] = [deploy(cluster, 'a'), deploy(cluster, 'b')];
  const { PreviousSpec, ...service } = stored(cluster);
  const UpdateStatus = { State: 'rollback_completed', Message: '' } as const;
  const Shoal = { ...service.Shoal, SpecVersion: a, PreviousSpecVersion: b };
  cluster.write([update('service', { ...service, Spec: PreviousSpec ?? service.Spec, UpdateStatus, Shoal })]);
  expect(supersededBy(stored(cluster), b)).toBeUndefined();
  const source = { Kind: 'repository', Repository: 'main', Path: 'stacks/shop', Commit: 'c'.repeat(40) } as const;
  const c = deploy(cluster, 'c', { source: { Kind: 'deploy' }, prune: true });
  expect(c).toBeGreaterThan(b);
  expect(supersededBy(stored(cluster), b)).toBe('another deploy of its stack');
  const web = stored(cluster);
  cluster.write([update('service', { ...web, Shoal: { ...web.Shoal, SpecVersion: c + 1, Origin: source } })]);
  expect(supersededBy(stored(cluster), c)).toBe('commit cccccccccccc of repository main');
});

test('a rollback by hand takes the place of the version it leaves', () => {
  const cluster = initialisedCluster();
  const [a, b] = [deploy(cluster, 'a'), deploy(cluster, 'b')];
  const { Version, Spec } = stored(cluster);
  const { Shoal } = cluster.run(updateService('shop_web', Version.Index, Spec, { rollback: 'previous' }));
  expect(Shoal.SpecVersion).toBe(a);
  expect(supersededBy(stored(cluster), b)).toBe('a rollback of the service');
});

/** Which volumes of its node a task of a stack may have. */
import { expect, test } from 'vitest';
import { confinementOf, stackSince } from '#stages/orchestrator/new-task';
import { createRepository, updateRepository } from '#control/repository/repositories';
import { newMeta, create, update } from '#store/action';
import type { Mount } from '#model/object/service-spec';
import { aService } from '#test/support/cluster-objects';
import { initialisedCluster } from '#test/support/memory-cluster';

const mounts: Mount[] = [
  { Type: 'volume', Source: 'web_data', Target: '/a' },
  { Type: 'volume', Source: 'shared', Target: '/b' },
  { Type: 'volume', Target: '/anonymous' },
  { Type: 'bind', Source: '/srv', Target: '/c' },
];

function serviceOf(stack: string | undefined, Mounts: readonly Mount[]) {
  const made = aService('s1');
  return {
    ...made,
    Spec: { ...made.Spec, Labels: stack ? { 'com.docker.stack.namespace': stack } : {}, TaskTemplate: { ContainerSpec: { Image: 'a', Mounts } } },
  };
}

function clusterWith(source: object) {
  const cluster = initialisedCluster();
  cluster.run(
    createRepository({ Name: 'main', URL: 'https://example.org/a.git', Branch: 'main', Path: '', Interval: 60_000_000_000, Allow: ['external=shared'] }),
  );
  cluster.write([create('stack', { ...newMeta('st'), Spec: { Name: 'web' }, Source: source } as never)]);
  return cluster;
}

test('of a stack from a limited repository those that it is allowed by name; of others all', () => {
  const cluster = clusterWith({ Kind: 'repository', Repository: 'main' });
  expect(confinementOf(cluster.store, serviceOf('web', mounts))).toEqual(['shared']);
  expect(confinementOf(cluster.store, serviceOf('web', mounts.slice(3)))).toBeUndefined();
  expect(confinementOf(cluster.store, serviceOf('other', mounts))).toBeUndefined();
  expect(confinementOf(cluster.store, serviceOf(undefined, mounts))).toBeUndefined();
  cluster.run(updateRepository('main', { Trust: 'full' }));
  expect(confinementOf(cluster.store, serviceOf('web', mounts))).toBeUndefined();
});

test('a stack is there since its record is, or its older service', () => {
  const cluster = clusterWith({ Kind: 'repository', Repository: 'main' });
  const { store } = cluster;
  const service = serviceOf('web', mounts);
  const record = store.byName('stack', 'web')?.CreatedAt;
  expect(stackSince(store, { ...service, CreatedAt: '' })).toBe(record);
  expect(stackSince(store, { ...service, CreatedAt: '2027-01-01T00:00:00Z' })).toBe(record);
  expect(stackSince(store, { ...service, CreatedAt: '2025-01-01T00:00:00Z' })).toBe('2025-01-01T00:00:00Z');
  expect(stackSince(store, { ...serviceOf('other', mounts), CreatedAt: '' })).toBeUndefined();
  const [main] = store.list('repository');
  if (main) cluster.write([update('repository', { ...main, Left: { web: '2024-01-01T00:00:00Z' } })]);
  expect(stackSince(store, { ...service, CreatedAt: '' })).toBe('2024-01-01T00:00:00Z');
});

test('of a stack that somebody deployed all; of one whose repository is gone none of others', () => {
  expect(confinementOf(clusterWith({ Kind: 'deploy' }).store, serviceOf('web', mounts))).toBeUndefined();
  expect(confinementOf(clusterWith({ Kind: 'repository', Repository: 'gone' }).store, serviceOf('web', mounts))).toEqual([]);
});

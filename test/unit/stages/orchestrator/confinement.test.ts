/** Which volumes of its node a task of a stack may have. */
import { expect, test } from 'vitest';
import { confinementOf } from '#stages/orchestrator/new-task';
import { createRepository, updateRepository } from '#control/repository/repositories';
import { newMeta, create } from '#store/action';
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

test('of a stack that somebody deployed all; of one whose repository is gone none of others', () => {
  expect(confinementOf(clusterWith({ Kind: 'deploy' }).store, serviceOf('web', mounts))).toBeUndefined();
  expect(confinementOf(clusterWith({ Kind: 'repository', Repository: 'gone' }).store, serviceOf('web', mounts))).toEqual([]);
});

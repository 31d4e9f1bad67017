import { expect, test } from 'vitest';
import { freeServiceName } from '#api/request/service-name';
import { seededRandom } from '#base/random';
import { createService } from '#control/service/services';
import { initialisedCluster } from '#test/support/memory-cluster';

test('600 services without a name get 600 names that are valid', () => {
  const cluster = initialisedCluster();
  const random = seededRandom(7);
  const names = new Set<string>();
  for (let i = 0; i < 600; i++) {
    const Name = freeServiceName(cluster.store, random);
    cluster.run(createService({ Name, TaskTemplate: { ContainerSpec: { Image: 'x' } } }));
    names.add(Name);
  }
  expect(names.size).toBe(600);
});

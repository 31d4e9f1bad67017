/** A job of a stack runs again with each change of it, whoever brings the change. */
import { expect, test } from 'vitest';
import { rollBackStack } from '#control/stack/stack-rollback';
import { deployStack } from '#control/stack/stacks';
import type { ServiceMode } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';

test.each<ServiceMode>([{ ReplicatedJob: { TotalCompletions: 2 } }, { GlobalJob: {} }])('a changed job runs again, and the same one does not: %j', (Mode) => {
  const cluster = initialisedCluster();
  const spec = (Image: string): StackSpec => ({
    Name: 'shop',
    Networks: [],
    Secrets: [],
    Configs: [],
    Services: [{ Name: 'shop_once', TaskTemplate: { ContainerSpec: { Image } }, Mode }],
    External: { Networks: [], Secrets: [], Configs: [] },
  });
  const iteration = (): number | undefined => cluster.store.byName('service', 'shop_once')?.JobStatus?.JobIteration.Index;
  const deploy = (image: string): number | undefined => {
    cluster.run(deployStack(spec(image), { source: { Kind: 'deploy' }, prune: true }));
    return iteration();
  };
  expect([deploy('x:1'), deploy('x:1'), deploy('x:2'), deploy('x:2')]).toEqual([0, 0, 1, 1]);
  cluster.run(rollBackStack('shop', 1, undefined));
  expect(iteration()).toBe(2);
});

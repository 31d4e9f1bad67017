/** A job of a stack runs again with each change of it, but for the one that takes a failed version back. */
import { expect, test } from 'vitest';
import { serviceStatus } from '#api/view/service-status';
import { createRepository } from '#control/repository/repositories';
import { healthOfService } from '#control/stack/stack-health';
import { judgeRevision } from '#control/stack/revisions';
import { giveUpRevision, rollBackStack } from '#control/stack/stack-rollback';
import { deployStack } from '#control/stack/stacks';
import { isFinishedJob, type Service } from '#model/object/service';
import type { ServiceMode } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';

test.each<ServiceMode>([{ ReplicatedJob: { TotalCompletions: 2 } }, { GlobalJob: {} }])('a changed job runs again, and the same one does not: %j', (Mode) => {
  const cluster = initialisedCluster();
  const iteration = (): number | undefined => cluster.store.byName('service', 'shop_once')?.JobStatus?.JobIteration.Index;
  const deploy = (image: string): number | undefined => {
    cluster.run(deployStack(specOf(image, Mode), { source: { Kind: 'deploy' }, prune: true }));
    return iteration();
  };
  expect([deploy('x:1'), deploy('x:1'), deploy('x:2'), deploy('x:2')]).toEqual([0, 0, 1, 1]);
  cluster.run(rollBackStack('shop', 1, undefined));
  expect(iteration()).toBe(2);
});

test.each<ServiceMode>([{ ReplicatedJob: { TotalCompletions: 2 } }, { GlobalJob: {} }])(
  'the job of a version that comes back by itself has run: %j',
  (Mode) => {
    const cluster = initialisedCluster();
    const source = (digit: string) => ({ Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: digit.repeat(40) }) as const;
    cluster.run(createRepository({ Name: 'infra', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30e9 }));
    const deploy = (image: string, digit: string, others: StackSpec['Services'] = []) => {
      const spec = { ...specOf(image, Mode), Services: [...specOf(image, Mode).Services, ...others] };
      cluster.run(deployStack(spec, { source: source(digit), prune: true }));
    };
    const seen = () => {
      const service = cluster.store.byName('service', 'shop_once') as Service;
      const { CompletedTasks } = serviceStatus(service, []);
      return [
        service.Spec.TaskTemplate.ContainerSpec?.Image,
        isFinishedJob(service),
        healthOfService(cluster.store, service, new Map(), 0).state,
        CompletedTasks,
      ];
    };
    deploy('x:1', '1');
    cluster.run(judgeRevision('shop', 1, { State: 'good', Message: '' }));
    deploy('x:2', '2');
    expect(seen()[1]).toBe(false);
    cluster.run(giveUpRevision('shop', 2, 'it failed'));
    const over = ['x:1', true, 'healthy', 'ReplicatedJob' in Mode ? 2 : 0];
    expect(seen()).toEqual(over);
    // The next commit that leaves it as it is runs it as little; one that changes it does.
    deploy('x:1', '3', [{ Name: 'shop_web', TaskTemplate: { ContainerSpec: { Image: 'w' } } }]);
    expect(seen()).toEqual(over);
    deploy('x:3', '4');
    expect(seen().slice(0, 2)).toEqual(['x:3', false]);
  },
);

function specOf(Image: string, Mode: ServiceMode): StackSpec {
  return {
    Name: 'shop',
    Networks: [],
    Secrets: [],
    Configs: [],
    Services: [{ Name: 'shop_once', TaskTemplate: { ContainerSpec: { Image } }, Mode }],
    External: { Networks: [], Secrets: [], Configs: [] },
  };
}

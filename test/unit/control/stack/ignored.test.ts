/** What a file says is not its own is left as it is found, by deploys and by what reverts changes by hand. */
import { expect, test } from 'vitest';
import { updateService } from '#control/service/services';
import { deployStack } from '#control/stack/stacks';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSource } from '#model/object/stack';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const sources: readonly StackSource[] = [{ Kind: 'deploy' }, { Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: 'c1' }];

function asked(ignore: string, image = 'app:1', Env = ['LEVEL=info', 'MODE=a']): ReturnType<typeof stackSpec> {
  const TaskTemplate = { ContainerSpec: { Image: image, Env }, Resources: { Limits: { MemoryBytes: 1 << 26 } } };
  return stackSpec({ Services: [serviceSpec('shop_web', { Labels: { 'shoal.ignore': ignore }, Mode: { Replicated: { Replicas: 2 } }, TaskTemplate })] });
}

function live(cluster: MemoryCluster): ServiceSpec {
  const spec = cluster.store.byName('service', 'shop_web')?.Spec;
  if (!spec) throw new Error('no service');
  return spec;
}

function change(cluster: MemoryCluster, how: (spec: ServiceSpec) => ServiceSpec): void {
  const service = cluster.store.byName('service', 'shop_web');
  cluster.run(updateService('shop_web', service?.Version.Index ?? 0, how(live(cluster))));
}

const scaled = (spec: ServiceSpec): ServiceSpec => ({ ...spec, Mode: { Replicated: { Replicas: 7 } } });
const withEnv = (Env: readonly string[]) => (spec: ServiceSpec) => ({
  ...spec,
  TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec, Env } },
});

test.each(sources)('a scale is left alone, and all else follows the file (%j)', (source) => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(asked('deploy.replicas'), { source, prune: true }));
  expect(live(cluster).Mode).toEqual({ Replicated: { Replicas: 2 } });
  change(cluster, scaled);
  const { entries } = cluster;
  expect(cluster.run(deployStack(asked('deploy.replicas'), { source, prune: true })).Changed).toBe(false);
  expect(cluster.entries).toBe(entries);
  cluster.run(deployStack(asked('deploy.replicas', 'app:2'), { source, prune: true }));
  expect(live(cluster)).toMatchObject({ Mode: { Replicated: { Replicas: 7 } }, TaskTemplate: { ContainerSpec: { Image: 'app:2' } } });
  // The file takes it back by no longer saying so.
  cluster.run(deployStack(asked('image', 'app:3'), { source, prune: true }));
  expect(live(cluster)).toMatchObject({ Mode: { Replicated: { Replicas: 2 } }, TaskTemplate: { ContainerSpec: { Image: 'app:2' } } });
});

test('one variable is left alone, whether it was changed, added or taken away; the others are not', () => {
  const cluster = initialisedCluster();
  const deploy = (): void => void cluster.run(deployStack(asked('environment.LEVEL'), { source: { Kind: 'deploy' }, prune: true }));
  const env = () => live(cluster).TaskTemplate.ContainerSpec?.Env;
  deploy();
  change(cluster, withEnv(['LEVEL=debug', 'MODE=b', 'MORE=1']));
  deploy();
  expect(env()).toEqual(['LEVEL=debug', 'MODE=a']);
  change(cluster, withEnv(['MODE=a']));
  deploy();
  expect(env()).toEqual(['MODE=a']);
});

test.each(['deploy.replicas,nonsense', '', 'environment.'])('"%s" is refused', (words) => {
  expect(() => initialisedCluster().run(deployStack(asked(words), { source: { Kind: 'deploy' }, prune: true }))).toThrow(
    /label shoal.ignore: '.*' is none of deploy.replicas, /,
  );
});

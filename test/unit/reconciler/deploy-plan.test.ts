import { expect, test } from 'vitest';
import { deployStack } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { planDeploy } from '#reconciler/deploy-plan';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec, stackSpec } from '../control/specs.ts';

const file = { Name: 'f', UID: '0', GID: '0', Mode: 292 };

function stack(image: string, key: string, services = ['web', 'db'], Env: readonly string[] = []): StackSpec {
  const Secrets = [{ SecretName: 'shop_key', File: file }];
  return stackSpec({
    Networks: [{ Name: 'shop_default' }],
    Secrets: [{ Name: 'shop_key', Data: base64(key) }],
    Versioned: { Secrets: ['shop_key'], Configs: [] },
    Services: services.map((name) =>
      serviceSpec(`shop_${name}`, {
        TaskTemplate: { ContainerSpec: { Image: name === 'web' ? image : 'db', Secrets, Env }, Networks: [{ Target: 'shop_default' }] },
      }),
    ),
  });
}

function plan(cluster: MemoryCluster, spec: StackSpec, prune = true): string[] {
  const { changes } = planDeploy(cluster.store, spec, { prune }, 0);
  return changes.map(({ kind, name, change, fields, restarts }) => [change, kind, name, ...fields.map(({ field }) => field), restarts ?? ''].join(' ').trim());
}

test('a new stack is created, an equal one unchanged; planning writes nothing', () => {
  const cluster = initialisedCluster();
  const { entries } = cluster;
  expect(plan(cluster, stack('a', 'k'))).toEqual([
    'create network shop_default',
    'create secret shop_key-1',
    'create service shop_web',
    'create service shop_db',
  ]);
  expect(cluster.entries).toBe(entries);
  cluster.run(deployStack(stack('a', 'k'), { source: { Kind: 'deploy' }, prune: true }));
  expect(plan(cluster, stack('a', 'k'))).toEqual(['none service shop_db', 'none service shop_web', 'none secret shop_key-1', 'none network shop_default']);
});

test('a change of content is seen, though nobody can read the secret; values of variables are not told', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(stack('a', 'k', ['web', 'db'], ['TOKEN=canary']), { source: { Kind: 'deploy' }, prune: true }));
  const changed = planDeploy(cluster.store, stack('b', 'other', ['web'], ['TOKEN=canary2']), { prune: true }, 0);
  expect(JSON.stringify(changed)).not.toContain('canary');
  expect(JSON.stringify(changed)).not.toContain(base64('other'));
  expect(plan(cluster, stack('b', 'other', ['web']))).toEqual([
    'remove service shop_db',
    'create secret shop_key-2',
    'update service shop_web TaskTemplate.ContainerSpec.Env TaskTemplate.ContainerSpec.Image TaskTemplate.ContainerSpec.Secrets all',
    'none secret shop_key-1',
    'none network shop_default',
  ]);
  expect(plan(cluster, stack('b', 'other', ['web']), false)).not.toContain('remove service shop_db');
});

test('a stack of a repository is planned, and whose it is is said', () => {
  const cluster = initialisedCluster();
  const source = { Kind: 'repository', Repository: 'main', Path: 'stacks/shop', Commit: 'c' } as const;
  cluster.run(deployStack(stack('a', 'k'), { source, prune: true }));
  expect(planDeploy(cluster.store, stack('b', 'k'), { prune: true }, 0).revertedBy).toBe('main');
});

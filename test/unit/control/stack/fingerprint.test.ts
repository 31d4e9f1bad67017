/** A plan's fingerprint holds as long as neither what is asked for nor the cluster moves. */
import { expect, test } from 'vitest';
import { updateService } from '#control/service/services';
import { deployStack } from '#control/stack/stacks';
import type { StackSpec } from '#model/object/stack';
import { planDeploy } from '#reconciler/deploy-plan';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec, stackSpec } from '../specs.ts';

const source = { Kind: 'deploy' } as const;
const asked = (image: string, page = 'one'): StackSpec =>
  stackSpec({
    Configs: [{ Name: 'shop_page', Data: base64(page) }],
    Versioned: { Secrets: [], Configs: ['shop_page'] },
    Services: [serviceSpec('shop_web', { TaskTemplate: { ContainerSpec: { Image: image } } })],
  });

function planned(cluster: MemoryCluster, spec: StackSpec, prune = true): string {
  const { fingerprint } = planDeploy(cluster.store, spec, { prune }, 0);
  if (fingerprint === undefined) throw new Error('no fingerprint');
  return fingerprint;
}

test('what was planned is carried out, once', () => {
  const cluster = initialisedCluster();
  for (const spec of [asked('app:1'), asked('app:2'), asked('app:2', 'two')]) {
    const expect_ = planned(cluster, spec);
    expect(planned(cluster, spec)).toBe(expect_);
    expect(cluster.run(deployStack(spec, { source, prune: true, expect: expect_ })).Changed).toBe(true);
    expect(() => cluster.run(deployStack(spec, { source, prune: true, expect: expect_ }))).toThrow(/the plan .* no longer holds/);
  }
});

test('another file, another way, or a change by hand: the plan no longer holds, and nothing is written', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(asked('app:1'), { source, prune: true }));
  const expect_ = planned(cluster, asked('app:2'));
  const { entries } = cluster;
  const tried = (spec: StackSpec, prune = true) => cluster.run(deployStack(spec, { source, prune, expect: expect_ }));
  expect(() => tried(asked('app:3'))).toThrow('no longer holds');
  expect(() => tried(asked('app:2', 'two'))).toThrow('no longer holds');
  expect(() => tried(asked('app:2'), false)).toThrow('no longer holds');
  expect(cluster.entries).toBe(entries);
  const web = cluster.store.byName('service', 'shop_web');
  if (!web) throw new Error('no service');
  cluster.run(updateService(web.ID, web.Version.Index, { ...web.Spec, Mode: { Replicated: { Replicas: 3 } } }));
  expect(() => tried(asked('app:2'))).toThrow('no longer holds');
});

test('how far a rollout is does not move it', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(asked('app:1'), { source, prune: true }));
  const before = planned(cluster, asked('app:2'));
  const web = cluster.store.byName('service', 'shop_web');
  if (!web) throw new Error('no service');
  cluster.write([{ type: 'update', kind: 'service', object: { ...web, UpdateStatus: { State: 'updating', Message: 'update in progress' } } }]);
  expect(planned(cluster, asked('app:2'))).toBe(before);
});

import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { confirmRepository, createRepository, setRepositoryStatus, suspendRepository } from '#control/repository/repositories';
import { createSecret } from '#control/secrets';
import { createService } from '#control/service/services';
import { nextWave } from '#control/stack/stack-rollback';
import { adoptStack, recordInventories, suspendStack } from '#control/stack/stack-states';
import { judgeRevision } from '#control/stack/revisions';
import { deployStack, removeStack } from '#control/stack/stacks';
import { namespaceLabel } from '#model/object/meta';
import type { StackSource, StackSpec } from '#model/object/stack';
import { planAdoption, planRepository } from '#reconciler/plan';
import type { Step } from '#reconciler/step';
import type { RenderedStack } from '#reconciler/rendered';
import { update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec, stackSpec } from '../control/specs.ts';

function rendered(Name: string, services: readonly string[], commit = 'c1', volume?: string): RenderedStack & { spec: StackSpec; digest: string } {
  const Mounts = volume === undefined ? [] : [{ Type: 'volume' as const, Source: volume, Target: '/data' }];
  const Services = services.map((service) => serviceSpec(`${Name}_${service}`, { TaskTemplate: { ContainerSpec: { Image: 'app:1', Mounts } } }));
  return { Name, Path: `stacks/${Name}`, Commit: commit, digest: `${services.join()} ${volume ?? ''}`, spec: stackSpec({ Name, Services }) };
}

function sourceOf({ Path, Commit }: RenderedStack): StackSource {
  return { Kind: 'repository', Repository: 'main', Path, Commit };
}

function followed(...stacks: readonly (RenderedStack & { spec: StackSpec; digest: string })[]): MemoryCluster {
  const cluster = initialisedCluster();
  cluster.run(createRepository({ Name: 'main', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30e9 }));
  for (const stack of stacks) cluster.run(deployStack(stack.spec, { source: sourceOf(stack), digest: stack.digest, prune: true }));
  for (const { Name } of stacks) cluster.run(judgeRevision(Name, 1, { State: 'good', Message: '' }));
  return cluster;
}

function plan(cluster: MemoryCluster, commit: string, stacks: readonly RenderedStack[], missing?: string): string[] {
  const options = { now: 0, commit, ...(missing !== undefined && { missing }) };
  return finish(planRepository(cluster.store, 'main', stacks, options)).map((step) => `${step.type} ${step.name}`);
}

function reasons(cluster: MemoryCluster, commit: string, stacks: readonly RenderedStack[]): string[] {
  const steps: Step[] = finish(planRepository(cluster.store, 'main', stacks, { now: 0, commit }));
  return steps.flatMap((step) => (step.type === 'hold' ? [step.reason] : []));
}

/** As the follower does when something is held. */
function noteHeld(cluster: MemoryCluster, Commit: string): void {
  cluster.run(setRepositoryStatus('main', { State: 'held', Commit, Message: '', Since: '', Held: { a: 'why' } }));
}

test.each<[string, readonly string[], readonly string[]]>([
  ['one of three', ['b', 'c'], ['remove a']],
  ['half of them, by name', ['a', 'b'], ['remove c']],
  ['two of three', ['a'], ['hold b', 'hold c']],
  ['all', [], ['hold a', 'hold b', 'hold c']],
])('of three stacks, a commit without %s', (_what, kept, expected) => {
  const all = ['a', 'b', 'c'].map((name) => rendered(name, ['web', 'db']));
  const cluster = followed(...all);
  const left = all.filter(({ Name }) => kept.includes(Name));
  expect(plan(cluster, 'c2', left)).toEqual(expected);
});

test('the last stack, and a folder of stacks that is gone, are held; half of them is not', () => {
  const one = rendered('a', ['web']);
  expect(plan(followed(one), 'c2', [])).toEqual(['hold a']);
  expect(plan(followed(one, rendered('b', ['web'])), 'c2', [rendered('b', ['web'])])).toEqual(['remove a']);
  const many = followed(one, rendered('b', ['web']), rendered('c', ['web']));
  expect(plan(many, 'c2', [], 'stacks')).toEqual(['hold a', 'hold b', 'hold c']);
});

test('while a removal is held nothing is started anew, for it may be the same under another name; what stays is updated', () => {
  const cluster = followed(rendered('a', ['web', 'db']), rendered('b', ['web']), rendered('c', ['web']));
  const updated = rendered('a', ['web', 'db'], 'c2');
  const Services = updated.spec.Services.map((service) => ({ ...service, TaskTemplate: { ContainerSpec: { Image: 'app:2' } } }));
  const steps = plan(cluster, 'c2', [{ ...updated, digest: 'new', spec: { ...updated.spec, Services } }, rendered('renamed', ['web'], 'c2')]);
  expect(steps).toEqual(['apply a', 'hold renamed', 'hold b', 'hold c']);
});

test('more than half of a stack’s services, or a volume, is held; the word for it is said', () => {
  const cluster = followed(rendered('a', ['web', 'db', 'cache'], 'c1', 'a_data'), rendered('b', ['web']));
  expect(plan(cluster, 'c2', [rendered('a', ['web', 'db'], 'c2', 'a_data'), rendered('b', ['web'])])).toEqual(['apply a']);
  expect(reasons(cluster, 'c2', [rendered('a', ['web'], 'c2', 'a_data'), rendered('b', ['web'])])).toEqual([
    '2 of its 3 services would be removed: a_cache, a_db; nothing was removed. If that is meant: `shoal repo confirm main --commit c2`',
  ]);
  expect(reasons(cluster, 'c2', [rendered('a', ['web', 'db', 'cache'], 'c2'), rendered('b', ['web'])])[0]).toContain('volume a_data would be used by nothing');
  // A stack that keeps a volume goes with a word only, though most of the repository stays.
  expect(reasons(cluster, 'c2', [rendered('b', ['web'])])[0]).toContain('volume a_data');
});

test('a word is bound to its commit, and is used up', () => {
  const cluster = followed(rendered('a', ['web']));
  const commit = 'c2'.padEnd(40, '0');
  expect(() => cluster.run(confirmRepository('main', commit))).toThrow('nothing of repository main is held');
  noteHeld(cluster, commit);
  expect(() => cluster.run(confirmRepository('main', 'c3'.padEnd(40, '0')))).toThrow(`is held at commit ${commit}`);
  expect(() => cluster.run(confirmRepository('main', 'c2'))).toThrow('is held at commit');
  cluster.run(confirmRepository('main', commit.slice(0, 12)));
  expect(plan(cluster, 'c4', [])).toEqual(['hold a']);
  expect(plan(cluster, commit, [])).toEqual(['remove a']);
  cluster.run(setRepositoryStatus('main', { State: 'degraded', Commit: commit, Message: 'no folder', Since: '' }));
  expect(plan(cluster, commit, [])).toEqual(['hold a']);
});

test('what only carries the label of a stack stays, whatever is deployed or removed', () => {
  const cluster = initialisedCluster();
  const Labels = { [namespaceLabel]: 'shop' };
  cluster.run(createSecret({ Name: 'by-hand', Data: base64('x'), Labels }));
  cluster.run(createService(serviceSpec('bystander', { Labels })));
  const names = (): string[] => [...cluster.store.list('secret'), ...cluster.store.list('service')].map((object) => object.Spec.Name);
  for (const prune of [true, false]) cluster.run(deployStack(stackSpec(), { source: { Kind: 'deploy' }, prune }));
  expect(names()).toEqual(['by-hand', 'bystander', 'shop_web']);
  expect(cluster.run(removeStack('shop')).Left).toEqual([
    { Kind: 'service', Name: 'bystander' },
    { Kind: 'secret', Name: 'by-hand' },
  ]);
  expect(names()).toEqual(['by-hand', 'bystander']);
  // Of it no deploy is known: that is a stack as Docker knows it.
  cluster.run(removeStack('shop'));
  expect(names()).toEqual([]);
});

test('a repository does not touch an object that only carries the label, until the stack is adopted', () => {
  const cluster = followed(rendered('a', ['web']));
  cluster.run(createService(serviceSpec('a_db', { Labels: { [namespaceLabel]: 'a' } })));
  const wanted = rendered('a', ['web', 'db'], 'c2');
  const [step] = finish(planRepository(cluster.store, 'main', [wanted], { now: 0, commit: 'c2' }));
  expect(step).toMatchObject({ type: 'refuse', errors: [expect.stringContaining('service a_db carries the label of stack a, and no deploy of it made it')] });
  cluster.run(adoptStack('a', { Kind: 'repository', Repository: 'main', Path: 'stacks/a', Commit: 'c2' }));
  expect(plan(cluster, 'c2', [wanted])).toEqual(['apply a']);
});

test('a stack that only its label knows is held until it is adopted, and then loses what the folder does not have', () => {
  const cluster = followed();
  for (const name of ['a_web', 'a_old']) cluster.run(createService(serviceSpec(name, { Labels: { [namespaceLabel]: 'a' } })));
  expect(plan(cluster, 'c1', [rendered('a', ['web'])])).toEqual(['hold a']);
  const stack = rendered('a', ['web']);
  const adopter = { Kind: 'repository', Repository: 'main', Path: 'stacks/a', Commit: 'c1' } as const;
  // Who is asked whether to give it away is told so.
  expect(planAdoption(cluster.store, adopter, stack, 0)).toContainEqual(expect.stringMatching(/^a_old.*when the rest is healthy$/));
  cluster.run(adoptStack('a', adopter));
  expect(plan(cluster, 'c1', [stack])).toEqual(['apply a']);
  cluster.run(deployStack(stack.spec, { source: sourceOf(stack), digest: stack.digest, prune: true }));
  // It goes when what stays is well.
  cluster.run(nextWave('a', 1));
  expect([...cluster.store.list('service')].map((service) => service.Spec.Name)).toEqual(['a_web']);
});

test('records from before inventories get one from their services and what these refer to', () => {
  const cluster = initialisedCluster();
  const file = { Name: 'f', UID: '0', GID: '0', Mode: 292 };
  const Secrets = [{ SecretName: 'shop_key', File: file }];
  const spec = stackSpec({
    Secrets: [{ Name: 'shop_key', Data: base64('k') }],
    Services: [serviceSpec('shop_web', { TaskTemplate: { ContainerSpec: { Image: 'a', Secrets } } })],
  });
  cluster.run(deployStack(spec, { source: { Kind: 'deploy' }, prune: true }));
  cluster.run(createSecret({ Name: 'other', Data: base64('x'), Labels: { [namespaceLabel]: 'shop' } }));
  const stack = cluster.store.byName('stack', 'shop');
  if (!stack) throw new Error('no stack');
  const { Inventory, ...before } = stack;
  cluster.write([update('stack', before)]);
  cluster.run(recordInventories());
  expect(cluster.store.byName('stack', 'shop')?.Inventory).toEqual(Inventory);
  const { entries } = cluster;
  cluster.run(recordInventories());
  expect(cluster.entries).toBe(entries);
});

test('a stack of a repository can be suspended, one that is deployed by hand cannot', () => {
  const cluster = followed(rendered('a', ['web']));
  cluster.run(suspendStack('a', true));
  expect(cluster.store.byName('stack', 'a')?.Suspended).toBeDefined();
  cluster.run(suspendStack('a', false));
  expect(cluster.store.byName('stack', 'a')?.Suspended).toBeUndefined();
  cluster.run(deployStack(stackSpec(), { source: { Kind: 'deploy' }, prune: true }));
  expect(() => cluster.run(suspendStack('shop', true))).toThrow('deployed by hand');
  expect(() => cluster.run(suspendStack('none', true))).toThrow('Nothing found in stack: none');
  cluster.run(suspendRepository('main', true));
  expect(cluster.store.byName('repository', 'main')?.Suspended).toBeDefined();
});

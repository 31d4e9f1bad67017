import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { versionsIn } from '#control/stack/versions';
import { isDigestOf, slowDigest } from '#base/slow-digest';
import { createSecret } from '#control/secrets';
import { deployStack } from '#control/stack/stacks';
import { namespaceLabel } from '#model/object/meta';
import type { StackSpec } from '#model/object/stack';
import { contentLabel, versionName, versionsByName } from '#model/version-names';
import { update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { base64, serviceSpec, stackSpec } from '../specs.ts';

const byHand = { source: { Kind: 'deploy' }, prune: true } as const;
const file = { Name: 'f', UID: '0', GID: '0', Mode: 292 };

/** A service with a secret whose name follows its content. */
function withSecret(content: string, Name = 'shop_key'): StackSpec {
  const Secrets = [{ SecretName: Name, File: file }];
  return stackSpec({
    Secrets: [{ Name, Data: base64(content) }],
    Services: [serviceSpec('shop_web', { TaskTemplate: { ContainerSpec: { Image: 'a', Secrets } } })],
    Versioned: { Secrets: [Name], Configs: [] },
  });
}

function names(cluster: MemoryCluster): string[] {
  return [...cluster.store.list('secret')].map((secret) => secret.Spec.Name);
}

function used(cluster: MemoryCluster): string | undefined {
  return cluster.store.byName('service', 'shop_web')?.Spec.TaskTemplate.ContainerSpec?.Secrets?.[0]?.SecretName;
}

test('new content is a new version, the same content the same one; a name says nothing of it', () => {
  const cluster = initialisedCluster();
  expect(cluster.run(deployStack(withSecret('one'), byHand)).Created).toContainEqual({ Kind: 'secret', Name: 'shop_key-1' });
  const { entries } = cluster;
  expect(cluster.run(deployStack(withSecret('one'), byHand)).Changed).toBe(false);
  expect(cluster.entries).toBe(entries);
  cluster.run(deployStack(withSecret('two'), byHand));
  expect([used(cluster), names(cluster)]).toEqual(['shop_key-2', ['shop_key-1', 'shop_key-2']]);
  // The version that a rollback keeps is the content's again.
  cluster.run(deployStack(withSecret('one'), byHand));
  expect(used(cluster)).toBe('shop_key-1');
  cluster.run(deployStack(withSecret('three'), byHand));
  expect([used(cluster), names(cluster)]).toEqual(['shop_key-3', ['shop_key-1', 'shop_key-3']]);
});

test('without pruning, versions that no service can roll back to go all the same, and nothing else does', () => {
  const cluster = initialisedCluster();
  const other = { Name: 'shop_other', Data: base64('x') };
  const first = withSecret('one');
  cluster.run(deployStack({ ...first, Secrets: [...first.Secrets, other] }, byHand));
  for (const content of ['two', 'three', 'four']) cluster.run(deployStack(withSecret(content), { ...byHand, prune: false }));
  expect([used(cluster), names(cluster).toSorted()]).toEqual(['shop_key-4', ['shop_key-3', 'shop_key-4', 'shop_other']]);
});

test('a name from before counts stays until its content changes', () => {
  const cluster = initialisedCluster();
  const before = `shop_key-${createHash('sha256').update('one').digest('hex').slice(0, 10)}`;
  const { Versioned: _none, ...old } = withSecret('one', before);
  cluster.run(deployStack(old, byHand));
  const stack = cluster.store.byName('stack', 'shop');
  if (!stack) throw new Error('no stack');
  // As it was written then: without an inventory.
  const { Inventory: _later, ...record } = stack;
  cluster.write([update('stack', record)]);
  const service = cluster.store.byName('service', 'shop_web');
  cluster.run(deployStack(withSecret('one'), byHand));
  expect([used(cluster), names(cluster)]).toEqual([before, [before]]);
  expect(cluster.store.byName('service', 'shop_web')).toEqual(service);
  cluster.run(deployStack(withSecret('two'), byHand));
  expect(used(cluster)).toBe('shop_key-1');
});

test('versions keep clear of names that others have, and of the longest name', () => {
  const cluster = initialisedCluster();
  cluster.run(createSecret({ Name: 'shop_key-1', Data: base64('one') }));
  cluster.run(createSecret({ Name: 'shop_key-2', Data: base64('x'), Labels: { [namespaceLabel]: 'shop' } }));
  cluster.run(deployStack(withSecret('one'), byHand));
  expect(used(cluster)).toBe('shop_key-3');
  expect(versionName({ Name: 'k'.repeat(64), Data: base64('x') }, [], () => false)).toBe(`${'k'.repeat(62)}-1`);
});

test('a Docker Swarm, which shows no secret, is told by a slow digest; without one by the digits of names from before', () => {
  const digest = slowDigest(Buffer.from('one'), randomBytes(16));
  expect(digest).not.toContain(createHash('sha256').update('one').digest('hex').slice(0, 10));
  expect([isDigestOf(digest, Buffer.from('one')), isDigestOf(digest, Buffer.from('two')), isDigestOf('md5$x', Buffer.from('one'))]).toEqual([
    true,
    false,
    undefined,
  ]);
  const own = [{ Name: 'shop_key-1', Labels: { [contentLabel]: digest } }];
  const taken = (name: string): boolean => name === 'shop_key-1';
  expect(versionName({ Name: 'shop_key', Data: base64('one') }, own, taken)).toBe('shop_key-1');
  expect(versionName({ Name: 'shop_key', Data: base64('two') }, own, taken)).toBe('shop_key-2');
  const before = `shop_key-${createHash('sha256').update('one').digest('hex').slice(0, 10)}`;
  expect(versionName({ Name: 'shop_key', Data: base64('one') }, [{ Name: before }], () => true)).toBe(before);
  expect(versionName({ Name: 'shop_key', Data: base64('two') }, [{ Name: before }], () => false)).toBe('shop_key-1');
});

test('versions are found by the plain name, long names that are cut as well, and of very many each is looked at once', () => {
  const long = 'k'.repeat(64);
  const names = [
    'shop_key-1',
    'shop_key-12',
    'shop_key-0123456789',
    'shop_key',
    'shop_key-x',
    'shop_key-2-1',
    'other-1',
    `${'k'.repeat(62)}-3`,
    `${'k'.repeat(61)}-10`,
  ];
  const versions = versionsByName(names.map((Name) => ({ Name })));
  expect(versions('shop_key').map(({ Name }) => Name)).toEqual(['shop_key-1', 'shop_key-12', 'shop_key-0123456789']);
  expect(versions(long).map(({ Name }) => Name)).toEqual([`${'k'.repeat(62)}-3`, `${'k'.repeat(61)}-10`]);
  const many = Array.from({ length: 40_000 }, (_, at) => `s${at}`);
  const inventory = many.map((name, at) => ({ Kind: 'secret' as const, ID: `id${at}`, Name: `${name}-1` }));
  expect(versionsIn(inventory, { Secrets: many, Configs: [] })).toHaveLength(40_000);
});

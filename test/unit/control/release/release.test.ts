/** Who may say which program every node runs as root, and what is noted of it. */
import { expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { explainRepository } from '#control/explain/repository';
import { advanceRollout } from '#control/release/rollout';
import { applyDeclared } from '#control/repository/declared';
import { confirmRepository, createRepository, removeRepository, updateRepository } from '#control/repository/repositories';
import type { AskedRelease } from '#model/release/release';
import type { RepositorySpec } from '#model/object/repository';
import { create, update } from '#store/action';
import { clusterOf } from '#store/view';
import { aNode } from '#test/support/cluster-objects';
import { initialisedCluster } from '#test/support/memory-cluster';

const now = Date.UTC(2026, 0, 1);
const commit = '1'.repeat(40);
const wanted: AskedRelease = { URL: 'https://releases.example.org/shoal-2.tgz', Digest: 'a'.repeat(64) };
const spec = (Name: string, more: Partial<RepositorySpec> = {}): RepositorySpec => ({
  Name,
  URL: `/srv/${Name}`,
  Branch: 'main',
  Path: 'stacks',
  Interval: 30 * second,
  Trust: 'full',
  Allow: ['upgrade'],
  ...more,
});

function world(more: Partial<RepositorySpec> = {}) {
  const cluster = initialisedCluster({ clock: { now: () => now } });
  const add = (name: string, its: Partial<RepositorySpec> = {}) => cluster.run(createRepository(spec(name, its))).ID;
  const id = add('infra', more);
  const declare = (Release?: AskedRelease, from = id, at = commit) => cluster.run(applyDeclared(from, at, Release ? { Release } : {})).refused['release']?.[0];
  const release = () => clusterOf(cluster.store)?.Shoal?.Release;
  return { cluster, add, id, declare, release };
}

test('what a repository that an operator allowed it wants is noted once, and forgotten when it is gone from the file', () => {
  const { cluster, id, declare, release } = world();
  expect(declare(wanted)).toBeUndefined();
  expect(release()).toEqual({ ...wanted, Repository: id, Commit: commit, Attempt: 1 });
  const entries = cluster.entries;
  declare(wanted, id, '2'.repeat(40));
  expect([cluster.entries, release()?.Commit]).toEqual([entries, commit]);
  cluster.write([create('node', aNode('n1', { Shoal: { Release: { ...wanted, Attempt: 1, Since: now } } }))]);
  expect(declare()).toBeUndefined();
  expect([release(), cluster.store.get('node', 'n1')?.Shoal]).toEqual([undefined, {}]);
});

test('of all others it is refused by name: without the word, of limited trust, declared by another, and as a second one', () => {
  expect(world({ Allow: [] }).declare(wanted)).toContain('`shoal repo update infra --trust full --allow upgrade`');
  expect(() => world({ Trust: 'limited' })).toThrow('--allow upgrade goes with --trust full alone');
  const { cluster, add, id, declare, release } = world();
  declare(wanted);
  const other = add('other');
  expect(declare({ ...wanted, Digest: 'b'.repeat(64) }, other)).toContain('repository infra declares one already');
  expect(release()?.Digest).toBe(wanted.Digest);
  // What it says does not take the other's away.
  declare(undefined, other);
  expect(release()?.Digest).toBe(wanted.Digest);
  expect(() => cluster.run(updateRepository('infra', { Trust: 'limited' }))).toThrow('--trust full alone');
  const child = { Name: 'child', URL: '/srv/child', Branch: 'main', Path: 'stacks', Interval: 30 * second, Trust: 'full' as const };
  const refused = (Allow: readonly string[]) => cluster.run(applyDeclared(id, commit, { Repositories: [{ ...child, Allow }] })).refused;
  expect(Object.values(refused(['upgrade']))).toEqual([[expect.stringContaining('upgrade is an operator’s word alone')]]);
  refused([]);
  const made = cluster.store.byName('repository', 'child');
  if (!made) throw new Error('no child');
  cluster.write([update('repository', { ...made, Spec: { ...made.Spec, Allow: ['upgrade'] } })]);
  cluster.run(removeRepository('other'));
  expect(declare(wanted, made.ID)).toContain('declared by another one');
});

test.each([
  [{ URL: 'file:///srv/shoal.tgz' }, 'url is an https:// or http:// address'],
  [{ URL: 'packages/shoal.tgz' }, 'url is an https:// or http:// address'],
  [{ URL: 'https://me:pass@example.org/x.tgz' }, 'url holds a login'],
  [{ URL: `https://example.org/${'x'.repeat(2100)}` }, 'at most 2048 characters'],
  [{ Digest: 'A'.repeat(64) }, 'sha256 is the 64 hexadecimal digits'],
  [{ Digest: '../../../etc' }, 'sha256 is the 64 hexadecimal digits'],
])('%o is refused by name', (change, text) => {
  const { declare, release } = world();
  expect(declare({ ...wanted, ...change })).toContain(text);
  expect(release()).toBeUndefined();
});

test('where a node runs a program that knows no releases none is taken', () => {
  const { cluster, declare, release } = world();
  const known = clusterOf(cluster.store);
  if (!known) throw new Error('no cluster');
  cluster.write([update('cluster', { ...known, Shoal: { ...known.Shoal, FeatureLevel: 7 } })]);
  expect(declare(wanted)).toContain('all nodes of the cluster have to run this version or a later one');
  expect(release()).toBeUndefined();
});

test('a paused one goes on by a word that names its commit, and is explained', () => {
  const { cluster, declare, release } = world();
  declare(wanted);
  const known = clusterOf(cluster.store);
  if (!known) throw new Error('no cluster');
  const Failed = { Digest: wanted.Digest, Attempt: 1, Text: 'it does not run' };
  const Shoal = { Release: { ...wanted, Attempt: 1, Since: now } };
  const about = aNode('n1').Description;
  if (!about) throw new Error('no description');
  cluster.write([create('node', aNode('n1', { Shoal, Description: { ...about, Shoal: { Release: { Version: '1', Failed } } } }))]);
  expect(cluster.run(advanceRollout(undefined))).toEqual({ type: 'pause', node: 'n1', text: 'it does not run' });
  const infra = cluster.store.byName('repository', 'infra');
  if (!infra) throw new Error('no repository');
  expect(explainRepository(cluster.store, infra, now)).toEqual(
    expect.arrayContaining([
      'It wants the daemons to run release aaaaaaaaaaaa: 0 of 2 nodes do.',
      'The roll-out is paused: node n1: it does not run; another release, or `shoal repo confirm infra --commit 111111111111`, goes on.',
    ]),
  );
  expect(() => cluster.run(confirmRepository('infra', '2222222'))).toThrow('nothing of repository infra is held');
  expect(cluster.run(confirmRepository('infra', commit.slice(0, 12)))).toEqual({ Commit: commit });
  expect(release()).toMatchObject({ Attempt: 2 });
  expect(release()?.Paused).toBeUndefined();
});

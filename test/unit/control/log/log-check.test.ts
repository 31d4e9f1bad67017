/** A log that is as it was written, and one in which somebody changed something, took something out, or put something in. */
import { expect, test } from 'vitest';
import { checkLog } from '#control/log/log-check';
import { deedsOf } from '#control/log/deeds';
import { confirmRepository, createRepository, noteSync, setRepositoryStatus, suspendRepository, updateRepository } from '#control/repository/repositories';
import { thawRepository } from '#control/repository/stillness';
import { setSealing } from '#control/sealing';
import { judgeRevision, revisionsOf } from '#control/stack/revisions';
import { giveUpRevision, rollBackStack } from '#control/stack/stack-rollback';
import { adoptStack, suspendStack } from '#control/stack/stack-states';
import { deployStack, removeStack, removeStackByHand } from '#control/stack/stacks';
import type { LogCheck } from '#model/difference/log-check';
import type { ObjectOf } from '#model/object/object';
import type { Repository } from '#model/object/repository';
import type { Revision, Stack } from '#model/object/stack';
import { remove, update } from '#store/action';
import { clusterOf } from '#store/view';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: 'c' } as const;
type Deed = ObjectOf['deed'];

const infraSpec = { Name: 'infra', URL: 'https://user:word@git.example/infra', Branch: 'main', Path: 'stacks', Interval: 1e9 };
const version = (number: number) => stackSpec({ Services: [serviceSpec('shop_web', { Labels: { version: String(number) } })] });
const sealing = { Identity: 'AGE-SECRET-KEY-1', Recipient: 'age1' } as Parameters<typeof setSealing>[0];

function deploy(cluster: MemoryCluster, number: number): void {
  cluster.run(deployStack(version(number), { source, digest: `d${number}`, prune: true, who: 'ops' }));
}

function deployed(versions: number): MemoryCluster {
  const cluster = initialisedCluster();
  cluster.run(setSealing(sealing));
  for (let number = 1; number <= versions; number += 1) {
    deploy(cluster, number);
    cluster.run(judgeRevision('shop', number, { State: 'good', Message: '' }));
  }
  return cluster;
}

function shop(cluster: MemoryCluster): Stack {
  const found = cluster.store.byName('stack', 'shop');
  if (!found) throw new Error('no stack shop');
  return found;
}

const check = (cluster: MemoryCluster, kept?: string): LogCheck => checkLog(cluster.store, 'stack', shop(cluster), kept);
const entries = (cluster: MemoryCluster): readonly Deed[] => deedsOf(cluster.store, shop(cluster).ID);
const told = (deeds: readonly Deed[]) => deeds.map(({ Spec }) => [Spec.Who, Spec.What, Spec.Commit, Spec.Plan, Spec.Revision, Spec.Reason]);

function entry(cluster: MemoryCluster, number: number): Deed {
  const found = entries(cluster).find(({ Spec }) => Spec.Number === number);
  if (!found) throw new Error(`no entry ${number}`);
  return found;
}

function revision(cluster: MemoryCluster, number: number): Revision {
  const found = revisionsOf(cluster.store, 'shop').find(({ Spec }) => Spec.Number === number);
  if (!found) throw new Error(`no revision ${number}`);
  return found;
}

test('a stack tells who deployed, by which commit and plan, what it came to, who suspended it, gave it away and took it back', () => {
  const cluster = deployed(2);
  cluster.run(createRepository(infraSpec));
  cluster.run(suspendStack('shop', true, 'ann@desk'));
  cluster.run(suspendStack('shop', true, 'again: it is already'));
  cluster.run(suspendStack('shop', false, 'ann@desk'));
  cluster.run(deployStack(version(3), { source: { Kind: 'deploy' }, digest: 'd3', prune: true, who: 'bob', force: true }));
  cluster.run(adoptStack('shop', source, 'eve'));
  cluster.run(rollBackStack('shop', 1, 'bob'));
  cluster.run(removeStackByHand('shop', true, 'mallory'));
  expect(told(entries(cluster))).toEqual([
    ['ops', 'deployed', 'c', undefined, 1, undefined],
    ['shoal', 'good', undefined, undefined, 1, undefined],
    ['ops', 'deployed', 'c', undefined, 2, undefined],
    ['shoal', 'good', undefined, undefined, 2, undefined],
    ['ann@desk', 'suspended', undefined, undefined, undefined, undefined],
    ['ann@desk', 'resumed', undefined, undefined, undefined, undefined],
    ['bob', 'deployed', undefined, undefined, 3, 'by hand'],
    ['eve', 'adopted', 'c', undefined, undefined, 'by repository infra'],
    ['bob', 'rolled back', 'c', undefined, 4, 'to revision 1'],
    ['mallory', 'removed', undefined, undefined, undefined, 'by hand: its repository brings it back'],
  ]);
  expect(check(cluster)).toEqual({ Entries: 10, Revisions: 4, Before: '', Head: entry(cluster, 10).Chain.Seal });
});

test('what fails and is given up is told with the reason, and a log ends with its stack', () => {
  const cluster = deployed(1);
  cluster.run(deployStack(stackSpec(), { source, digest: 'bad', prune: true }));
  cluster.run(giveUpRevision('shop', 2, 'it fails'));
  expect(told(entries(cluster)).slice(2)).toEqual([
    ['shoal', 'deployed', 'c', undefined, 2, undefined],
    ['shoal', 'failed', undefined, undefined, 2, 'it fails'],
    ['shoal', 'given up', 'c', undefined, 3, 'to revision 1'],
  ]);
  expect(check(cluster).Broken).toBeUndefined();
  cluster.run(removeStack('shop'));
  expect([...cluster.store.list('deed')]).toEqual([]);
});

test('a repository tells who added, changed, allowed, opened, suspended and looked, and what it removed', () => {
  const cluster = initialisedCluster();
  cluster.run(setSealing(sealing));
  cluster.run(createRepository(infraSpec, 'ann'));
  cluster.run(updateRepository('infra', { Allow: ['external=shared'], Variables: { PASSWORD: 'canary' }, Freeze: ['00:00-23:59 UTC'] }, 'bob'));
  const Status = { State: 'held', Commit: 'c0ffee0c0ffee', Message: '', Since: '', Held: { web: 'much would go' } } as const;
  cluster.run(setRepositoryStatus('infra', Status));
  cluster.run(confirmRepository('infra', 'c0ffee0', 'eve'));
  cluster.run(thawRepository('infra', { reason: 'the shop is down', forMs: 60_000, who: 'eve' }));
  cluster.run(suspendRepository('infra', true, 'eve'));
  cluster.run(noteSync('infra', 'eve'));
  cluster.run(noteSync('infra', 'eve'));
  deploy(cluster, 1);
  cluster.run(removeStack('shop', { commit: 'c2' }));
  const infra = cluster.store.byName('repository', 'infra') as Repository;
  const deeds = deedsOf(cluster.store, infra.ID);
  expect(told(deeds)).toEqual([
    ['ann', 'added', undefined, undefined, undefined, 'https://git.example/infra'],
    ['bob', 'changed', undefined, undefined, undefined, 'allow external=shared, Variables, Freeze'],
    ['eve', 'confirmed', 'c0ffee0c0ffee', undefined, undefined, 'held: web'],
    ['eve', 'thawed', undefined, undefined, undefined, 'until 2026-01-01T00:01:00.000Z: the shop is down'],
    ['eve', 'suspended', undefined, undefined, undefined, undefined],
    ['eve', 'synced', undefined, undefined, undefined, undefined],
    ['shoal', 'removed', 'c2', undefined, undefined, 'stack shop'],
  ]);
  expect(checkLog(cluster.store, 'repository', infra)).toMatchObject({ Entries: 7, Revisions: 0, Head: deeds.at(-1)?.Chain.Seal });
  const confirmed = deeds[2] as Deed;
  cluster.write([update('deed', { ...confirmed, Spec: { ...confirmed.Spec, Who: 'nobody' } })]);
  expect(checkLog(cluster.store, 'repository', infra).Broken).toEqual({ At: 'entry 3', Why: 'it is not what was sealed: it was changed' });
});

test('a log is bounded: its first entry names the seal of the one that went, and a seal that was kept is looked for', () => {
  const cluster = deployed(2);
  const early = entry(cluster, 2).Chain.Seal;
  for (let time = 0; time < 30; time += 1) for (const on of [true, false]) cluster.run(suspendStack('shop', on));
  const found = check(cluster);
  expect([found.Entries, found.Revisions, found.Broken]).toEqual([50, 2, undefined]);
  expect(found.Before).toBe(entry(cluster, 15).Chain.Before);
  expect(check(cluster, found.Before).Broken).toBeUndefined();
  expect(check(cluster, found.Head).Broken).toBeUndefined();
  expect(check(cluster, early).Broken).toEqual({
    At: 'the seal that was kept',
    Why: "it is none of the log's (entries 15 to 64): the log was exchanged, or that entry was let go since",
  });
});

test.each<[string, (deed: Deed) => Partial<Deed['Spec']>]>([
  ['who', () => ({ Who: 'somebody' })],
  ['what', () => ({ What: 'good' })],
  ['commit', () => ({ Commit: 'x' })],
  ['plan', () => ({ Plan: 'f00d' })],
  ['reason', () => ({ Reason: 'it was allowed' })],
  ['time', () => ({ Time: '2020-01-01T00:00:00Z' })],
])('an entry whose %s was changed is named', (_what, change) => {
  const cluster = deployed(2);
  const deed = entry(cluster, 3);
  cluster.write([update('deed', { ...deed, Spec: { ...deed.Spec, ...change(deed) } })]);
  expect(check(cluster).Broken).toEqual({ At: 'entry 3', Why: 'it is not what was sealed: it was changed' });
});

test.each([1, 2, 4])('entry %i that was taken out is missed', (number) => {
  const cluster = deployed(2);
  cluster.write([remove('deed', entry(cluster, number).ID)]);
  expect(check(cluster).Broken).toEqual({ At: `entry ${number}`, Why: 'it was taken out' });
});

test('the last entry taken out and the record made to say so, all entries taken out, and the record without a log are seen', () => {
  const shortened = deployed(2);
  const record = shop(shortened);
  shortened.write([remove('deed', entry(shortened, 4).ID), update('stack', { ...record, Log: { ...record.Log, Number: 3 } as NonNullable<Stack['Log']> })]);
  expect(check(shortened).Broken).toMatchObject({ At: 'the record' });
  const emptied = deployed(2);
  emptied.write(entries(emptied).map(({ ID }) => remove('deed', ID)));
  expect(check(emptied).Broken).toEqual({ At: 'entry 1', Why: 'it was taken out' });
  const bare = deployed(2);
  const { Log: _log, ...plain } = shop(bare);
  bare.write([update('stack', plain)]);
  expect(check(bare).Broken).toMatchObject({ At: 'entry 1', Why: expect.stringContaining('taken off') });
  bare.write(entries(bare).map(({ ID }) => remove('deed', ID)));
  expect(check(bare).Broken).toMatchObject({ At: 'revision 1', Why: expect.stringContaining('taken out whole') });
});

test('a revision that was changed, taken out, or put in is named', () => {
  const changed = deployed(3);
  changed.write([update('revision', { ...revision(changed, 2), Who: 'x' })]);
  expect(check(changed).Broken).toEqual({ At: 'revision 2', Why: 'it is not what was sealed: it was changed' });
  const taken = deployed(3);
  taken.write([remove('revision', revision(taken, 1).ID)]);
  expect(check(taken).Broken).toEqual({ At: 'revision 1', Why: 'it was taken out' });
  const other = deployed(4);
  const more = deployed(3);
  more.write([{ type: 'create', kind: 'revision', object: revision(other, 4) }]);
  expect(check(more).Broken).toEqual({ At: 'revision 4', Why: 'the log does not know it: it was put in' });
});

test('before the cluster has a key, or while a node is of before, nothing is logged; what comes then takes in what is there', () => {
  const cluster = initialisedCluster();
  deploy(cluster, 1);
  expect(check(cluster)).toEqual({ Entries: 0, Revisions: 1, Before: '', Head: '' });
  cluster.run(setSealing(sealing));
  const known = clusterOf(cluster.store);
  if (!known) throw new Error('no cluster');
  cluster.write([update('cluster', { ...known, Shoal: { ...known.Shoal, FeatureLevel: 7 } })]);
  deploy(cluster, 2);
  expect(check(cluster)).toMatchObject({ Entries: 0, Revisions: 2, Head: '' });
  cluster.write([update('cluster', { ...known, Shoal: { ...known.Shoal, Sealing: sealing, FeatureLevel: 8 } })]);
  deploy(cluster, 3);
  expect(check(cluster)).toMatchObject({ Entries: 1, Revisions: 3 });
  expect(check(cluster).Broken).toBeUndefined();
  cluster.write([update('revision', { ...revision(cluster, 1), Who: 'x' })]);
  expect(check(cluster).Broken).toMatchObject({ At: 'revision 1' });
});

/** A history that is as it was written, and one in which somebody changed an entry, exchanged it, or took its seal. */
import { expect, test } from 'vitest';
import { checkHistory } from '#control/explain/history-check';
import { judgeRevision, revisionsOf } from '#control/stack/revisions';
import { giveUpRevision } from '#control/stack/stack-rollback';
import { deployStack } from '#control/stack/stacks';
import { setSealing } from '#control/sealing';
import type { Revision } from '#model/object/stack';
import { remove, update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from './specs.ts';

const source = { Kind: 'repository', Repository: 'infra', Path: 'stacks/shop', Commit: 'c' } as const;

function deployed(versions: number): MemoryCluster {
  const cluster = initialisedCluster();
  cluster.run(setSealing({ Identity: 'AGE-SECRET-KEY-1', Recipient: 'age1' } as Parameters<typeof setSealing>[0]));
  for (let number = 1; number <= versions; number += 1) {
    const spec = stackSpec({ Services: [serviceSpec('shop_web', { Labels: { version: String(number) } })] });
    cluster.run(deployStack(spec, { source, digest: `d${number}`, prune: true, who: 'ops' }));
    cluster.run(judgeRevision('shop', number, { State: 'good', Message: '' }));
  }
  return cluster;
}

const revision = (cluster: MemoryCluster, number: number): Revision => {
  const found = revisionsOf(cluster.store, 'shop').find(({ Spec }) => Spec.Number === number);
  if (!found) throw new Error(`no revision ${number}`);
  return found;
};

test('what was deployed, judged and given up is sealed entry by entry, and the first kept one names the one before it', () => {
  const cluster = deployed(3);
  const first = revision(cluster, 1).Chain?.Seal;
  expect(checkHistory(cluster.store, 'shop')).toEqual({ Entries: 3, Sealed: 3, Before: '', Head: revision(cluster, 3).Chain?.Seal });
  expect(revision(cluster, 2).Chain?.Before).toBe(first);
  cluster.run(deployStack(stackSpec(), { source, digest: 'bad', prune: true }));
  cluster.run(giveUpRevision('shop', 4, 'it fails'));
  expect(checkHistory(cluster.store, 'shop')).toMatchObject({ Entries: 5, Sealed: 5 });
  expect(checkHistory(cluster.store, 'shop').Broken).toBeUndefined();
  const many = deployed(14);
  const found = checkHistory(many.store, 'shop');
  expect([found.Entries, found.Broken]).toEqual([10, undefined]);
  expect(found.Before).toMatch(/^[0-9a-f]{64}$/);
});

test.each<[string, (entry: Revision) => Partial<Revision>]>([
  ['who', () => ({ Who: 'somebody' })],
  ['commit', () => ({ Source: { ...source, Commit: 'x' } })],
  ['outcome', () => ({ Outcome: { State: 'failed', Message: '' } })],
  ['content', ({ Spec }) => ({ Spec: { ...Spec, Content: { ...Spec.Content, Services: [] } } })],
  ['plan', () => ({ Plan: 'f00d' })],
])('an entry whose %s was changed is named', (_what, change) => {
  const cluster = deployed(3);
  const entry = revision(cluster, 2);
  cluster.write([update('revision', { ...entry, ...change(entry) })]);
  expect(checkHistory(cluster.store, 'shop').Broken).toEqual({ Number: 2, Why: 'it is not what was sealed: it was changed, by hand or by an older program' });
});

test('an entry that was sealed anew breaks the one after it, one without a seal is named, and so is one under another key', () => {
  const cluster = deployed(3);
  const other = deployed(1);
  cluster.write([update('revision', { ...revision(other, 1), ID: revision(cluster, 1).ID, Version: revision(cluster, 1).Version, Who: 'x' })]);
  expect(checkHistory(cluster.store, 'shop').Broken?.Number).toBe(1);
  const exchanged = deployed(3);
  const { Chain: _seal, ...plain } = revision(exchanged, 2);
  exchanged.write([update('revision', plain)]);
  expect(checkHistory(exchanged.store, 'shop').Broken).toMatchObject({ Number: 2, Why: expect.stringContaining('it has no seal') });
  // The entry before is another one, with a seal of its own.
  const moved = deployed(2);
  const before = deployed(1);
  before.run(deployStack(stackSpec(), { source, digest: 'other', prune: true }));
  const { Spec, Digest, Outcome, Chain } = revision(moved, 1);
  moved.write([update('revision', { ...revision(moved, 1), Spec, Digest, Outcome, ...(Chain && { Chain: { ...Chain, Before: 'f' } }) })]);
  expect(checkHistory(moved.store, 'shop').Broken?.Number).toBe(1);
});

test('a history from before has no seals, and goes on with them', () => {
  const cluster = deployed(2);
  for (const entry of revisionsOf(cluster.store, 'shop')) {
    const { Chain: _seal, ...plain } = entry;
    cluster.write([update('revision', plain)]);
  }
  cluster.run(deployStack(stackSpec(), { source, digest: 'd9', prune: true }));
  expect(checkHistory(cluster.store, 'shop')).toMatchObject({ Entries: 3, Sealed: 1, Before: '' });
  expect(checkHistory(cluster.store, 'shop').Broken).toBeUndefined();
  cluster.write([remove('revision', revision(cluster, 1).ID)]);
  expect(checkHistory(cluster.store, 'shop').Broken).toBeUndefined();
});

test('before the cluster has a key nothing is sealed, and what comes then is', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(stackSpec(), { source, digest: 'd0', prune: true }));
  cluster.run(judgeRevision('shop', 1, { State: 'good', Message: '' }));
  cluster.run(setSealing({ Identity: 'AGE-SECRET-KEY-1', Recipient: 'age1' } as Parameters<typeof setSealing>[0]));
  cluster.run(deployStack(stackSpec({ Services: [serviceSpec('shop_web', { Labels: { more: 'x' } })] }), { source, digest: 'd1', prune: true }));
  expect(checkHistory(cluster.store, 'shop')).toMatchObject({ Entries: 2, Sealed: 1, Before: '' });
  expect(checkHistory(cluster.store, 'shop').Broken).toBeUndefined();
});

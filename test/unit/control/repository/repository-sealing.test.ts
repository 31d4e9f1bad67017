/** The key of one repository: the same for the same name and place, and nobody else's. */
import { expect, test } from 'vitest';
import { createRepository, removeRepository } from '#control/repository/repositories';
import { keysFor, sealedAs, sealingFor } from '#control/repository/repository-sealing';
import { setSealing } from '#control/sealing';
import type { Repository } from '#model/object/repository';
import { update } from '#store/action';
import { recipientOf } from '#sealing/age';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { testIdentity, testRecipient } from '#test/support/sealed-files';

const sealing = { Identity: testIdentity, Recipient: testRecipient };

function added(cluster: MemoryCluster, Name: string, more: Partial<Repository> = {}): Repository {
  const { ID } = cluster.run(createRepository({ Name, URL: 'https://git.example/x', Branch: 'main', Path: 'stacks', Interval: 1e9 }));
  const made = cluster.store.get('repository', ID) as Repository;
  cluster.write([update('repository', { ...made, ...more })]);
  return cluster.store.get('repository', ID) as Repository;
}

const place = (cluster: MemoryCluster, name: string): string => sealedAs(cluster.store, cluster.store.byName('repository', name) as Repository);

test('a key follows from the cluster’s and the place, as age has them', async () => {
  const key = sealingFor(sealing, 'shop');
  expect(key.Identity).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
  expect(await recipientOf(key.Identity)).toBe(key.Recipient);
  expect(sealingFor(sealing, 'shop')).toEqual(key);
  const others = [sealingFor(sealing, 'other'), sealingFor(sealing, 'a/shop'), sealingFor({ Identity: key.Identity }, 'shop')];
  for (const other of others) expect(other.Recipient).not.toBe(key.Recipient);
});

test('added anew it has its key again; a child has another than one of its name, and keeps it when nobody declares it any more', () => {
  const cluster = initialisedCluster();
  const first = added(cluster, 'Shop');
  expect(keysFor(cluster.store, first)).toBeUndefined();
  cluster.run(setSealing(sealing));
  const key = keysFor(cluster.store, first);
  expect(key).toEqual({ Name: 'Shop', Own: sealingFor(sealing, 'shop').Identity, Whole: false });
  cluster.run(removeRepository('Shop'));
  expect(keysFor(cluster.store, added(cluster, 'shop'))?.Own).toBe(key?.Own);
  cluster.run(removeRepository('shop'));
  const parent = added(cluster, 'parent');
  added(cluster, 'shop', { Parent: parent.ID });
  expect(place(cluster, 'shop')).toBe('parent/shop');
  // What declares it bounds it: its parent is limited.
  const child = cluster.store.byName('repository', 'shop') as Repository;
  expect(keysFor(cluster.store, { ...child, Spec: { ...child.Spec, Trust: 'full' } })?.Whole).toBe(false);
  cluster.run(removeRepository('parent'));
  const freed = cluster.store.byName('repository', 'shop') as Repository;
  expect([freed.Parent, place(cluster, 'shop')]).toEqual([undefined, 'parent/shop']);
  expect(keysFor(cluster.store, { ...freed, Spec: { ...freed.Spec, Trust: 'full' } })?.Whole).toBe(true);
});

/** A stack that comes back in its repository is the one that was there; one of the name that somebody else had is not. */
import { expect, test } from 'vitest';
import { createRepository } from '#control/repository/repositories';
import { deployStack, removeStack } from '#control/stack/stacks';
import type { StackSource } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const of = (Repository: string): StackSource => ({ Kind: 'repository', Repository, Path: 'stacks/shop', Commit: 'c' });

test('its repository remembers since when it had the stack, until another one had one of the name', () => {
  let now = Date.UTC(2026, 0, 1);
  const cluster = initialisedCluster({ clock: { now: () => (now += 60_000) } });
  for (const Name of ['a', 'b']) cluster.run(createRepository({ Name, URL: 'https://git.example/x', Branch: 'main', Path: '', Interval: 1e9, Trust: 'full' }));
  const left = (name: string) => cluster.store.byName('repository', name)?.Left;
  const comes = (source: StackSource): string => {
    cluster.run(deployStack(stackSpec({ Services: [serviceSpec('shop_web')] }), { source, prune: true }));
    return cluster.store.byName('stack', 'shop')?.CreatedAt ?? '';
  };
  const first = comes(of('a'));
  cluster.run(removeStack('shop'));
  expect([left('a'), left('b')]).toEqual([{ shop: first }, undefined]);
  comes(of('a'));
  cluster.run(removeStack('shop'));
  expect(left('a')).toEqual({ shop: first });
  const other = comes(of('b'));
  expect(left('a')).toEqual({ shop: first });
  cluster.run(removeStack('shop'));
  expect([left('a'), left('b')]).toEqual([undefined, { shop: other }]);
  comes({ Kind: 'deploy' });
  cluster.run(removeStack('shop'));
  expect([left('a'), left('b')]).toEqual([undefined, undefined]);
});

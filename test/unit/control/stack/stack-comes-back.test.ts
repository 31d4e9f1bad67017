/** A stack that comes back in its repository is the one that was there; one of the name that somebody else had is not. */
import { expect, test } from 'vitest';
import { removeNetwork } from '#control/networks';
import { createRepository } from '#control/repository/repositories';
import { createService, removeService } from '#control/service/services';
import { endingStacks } from '#control/stack/stack-states';
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
  expect(left('a')).toBeUndefined();
  cluster.run(removeStack('shop'));
  expect([left('a'), left('b')]).toEqual([undefined, { shop: other }]);
  comes({ Kind: 'deploy' });
  cluster.run(removeStack('shop'));
  expect([left('a'), left('b')]).toEqual([undefined, undefined]);
});

test('who had the name meanwhile is remembered to have had it, also where he took the stack down service by service', () => {
  const cluster = initialisedCluster();
  cluster.run(createRepository({ Name: 'a', URL: 'https://git.example/x', Branch: 'main', Path: '', Interval: 1e9, Trust: 'full' }));
  const left = () => cluster.store.byName('repository', 'a')?.Left;
  const comesAndGoes = (stack: string): void => {
    const source: StackSource = { Kind: 'repository', Repository: 'a', Path: `stacks/${stack}`, Commit: 'c' };
    cluster.run(deployStack(stackSpec({ Name: stack, Services: [serviceSpec(`${stack}_web`)] }), { source, prune: true }));
    cluster.run(removeStack(stack));
  };
  for (const stack of ['shop', 'blog', 'wiki']) comesAndGoes(stack);
  expect(Object.keys(left() ?? {})).toEqual(['shop', 'blog', 'wiki']);
  const byHand = (stack: string) => ({ ...serviceSpec(`${stack}_web`), Labels: { 'com.docker.stack.namespace': stack } });
  cluster.run(createService(byHand('shop')));
  cluster.run(removeService('shop_web'));
  expect(Object.keys(left() ?? {})).toEqual(['blog', 'wiki']);
  cluster.run(deployStack(stackSpec({ Name: 'blog', Services: [serviceSpec('blog_web')] }), { source: { Kind: 'deploy' }, prune: true }));
  cluster.run(removeService('blog_web'));
  expect(Object.keys(left() ?? {})).toEqual(['wiki']);
  // One of a stack that its repository has again says nothing of it.
  cluster.run(
    deployStack(stackSpec({ Name: 'wiki', Services: [serviceSpec('wiki_web')] }), {
      source: { Kind: 'repository', Repository: 'a', Path: 'stacks/wiki', Commit: 'c' },
      prune: true,
    }),
  );
  cluster.run(createService({ ...byHand('wiki'), Name: 'wiki_other' }));
  expect(Object.keys(left() ?? {})).toEqual(['wiki']);
});

test("a stack that no repository has goes with the last of it, as docker's own CLI takes one down; a repository's stays, and what was made beside it does not count", () => {
  const cluster = initialisedCluster();
  cluster.run(createRepository({ Name: 'a', URL: 'https://git.example/x', Branch: 'main', Path: '', Interval: 1e9, Trust: 'full' }));
  const spec = stackSpec({ Services: [serviceSpec('shop_web'), serviceSpec('shop_db')], Networks: [{ Name: 'shop_net' }] });
  const there = () => [cluster.store.byName('stack', 'shop') !== undefined, [...cluster.store.list('revision')].length];
  const takeDown = (): unknown[] => {
    const steps = [removeService('shop_web'), removeService('shop_db'), removeNetwork('shop_net')];
    return steps.map((step) => {
      cluster.run(endingStacks(step));
      return there();
    });
  };
  cluster.run(deployStack(spec, { source: { Kind: 'deploy' }, prune: false }));
  cluster.run(createService({ ...serviceSpec('shop_more'), Labels: { 'com.docker.stack.namespace': 'shop' } }));
  expect(takeDown()).toEqual([
    [true, 1],
    [true, 1],
    [false, 0],
  ]);
  cluster.run(removeService('shop_more'));
  cluster.run(deployStack(spec, { source: of('a'), prune: true }));
  expect(takeDown().at(-1)).toEqual([true, 1]);
});

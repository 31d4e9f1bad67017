/** What has a name of its own (`name:`), and goes from one stack of a repository to another. */
import { beforeEach, expect, test } from 'vitest';
import { createRepository } from '#control/repository/repositories';
import { deployStack, removeStack, together } from '#control/stack/stacks';
import type { NetworkSpec } from '#model/object/network';
import type { StackSource, StackSpec } from '#model/object/stack';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

let cluster: MemoryCluster;

beforeEach(() => {
  cluster = initialisedCluster();
  for (const Name of ['main', 'other'])
    cluster.run(createRepository({ Name, URL: `https://git.example/${Name}`, Branch: 'main', Path: '', Interval: 1e9, Trust: 'full' }));
});

const file = { Name: '/x', UID: '0', GID: '0', Mode: 292 };
const network: NetworkSpec = { Name: 'shared_net', Driver: 'overlay', Labels: { role: 'back' } };
const data = Buffer.from('x').toString('base64');

/** With a network, a secret and a config that have names of their own, or with none. */
function specOf(stack: string, uses: boolean, version = 'a', made = network): StackSpec {
  const { TaskTemplate, ...service } = serviceSpec(`${stack}_web`);
  const files = {
    Secrets: [{ SecretID: '', SecretName: 'shared_secret', File: file }],
    Configs: [{ ConfigID: '', ConfigName: 'shared_config', File: file }],
  };
  const task = {
    ...TaskTemplate,
    ContainerSpec: { ...TaskTemplate.ContainerSpec, Image: version, ...(uses && files) },
    ...(uses && { Networks: [{ Target: 'shared_net' }] }),
  };
  const objects = {
    Networks: [made],
    Secrets: [{ Name: 'shared_secret', Data: data, Labels: {} }],
    Configs: [{ Name: 'shared_config', Data: data, Labels: {} }],
  };
  return stackSpec({ Name: stack, Services: [{ ...service, TaskTemplate: task }], ...(uses && objects) });
}

const deploy = (spec: StackSpec, Repository = 'main') => {
  const source: StackSource = { Kind: 'repository', Repository, Path: `stacks/${spec.Name}`, Commit: 'c' };
  return deployStack(spec, { source, prune: true, unit: 'one', portsLater: true });
};
const has = (stack: string) => (cluster.store.byName('stack', stack)?.Inventory ?? []).filter(({ Kind }) => Kind !== 'service').map(({ Name }) => Name);
const all = ['shared_secret', 'shared_config', 'shared_net'];
const ids = () => [
  cluster.store.byName('network', 'shared_net')?.ID,
  cluster.store.byName('secret', 'shared_secret')?.ID,
  cluster.store.byName('config', 'shared_config')?.ID,
];

test.each([
  ['before', ['a', 'b']],
  ['after', ['b', 'a']],
])('what one stack gives up in the same entry another one has, whether it comes %s it or not, and gives back', (_when, order) => {
  cluster.run(together([deploy(specOf('a', true)), deploy(specOf('b', false))]));
  const made = ids();
  cluster.run(together(order.map((name) => deploy(specOf(name, name === 'b')))));
  expect([ids(), has('b')]).toEqual([made, all]);
  // Nothing of it is done twice, and labels do not go to and fro.
  for (let look = 0; look < 2; look++) for (const name of order) cluster.run(deploy(specOf(name, name === 'b')));
  const { entries } = cluster;
  for (const name of order) cluster.run(deploy(specOf(name, name === 'b')));
  expect(cluster.entries).toBe(entries);
  expect([has('a'), has('b')]).toEqual([[], all]);
  // As a commit that is taken back does.
  cluster.run(together(order.map((name) => deploy(specOf(name, name === 'a')))));
  for (const name of order) cluster.run(deploy(specOf(name, name === 'a')));
  expect([ids(), has('a'), has('b')]).toEqual([made, all, []]);
});

test('a stack that gave something up goes without it, and whoever has it last ends it', () => {
  cluster.run(together([deploy(specOf('a', true)), deploy(specOf('b', false))]));
  const made = ids();
  cluster.run(together([deploy(specOf('a', false)), deploy(specOf('b', true))]));
  cluster.run(removeStack('a'));
  expect([ids(), has('b')]).toEqual([made, all]);
  cluster.run(removeStack('b'));
  expect(ids()).toEqual([undefined, undefined, undefined]);
});

test('one network with two settings is refused by name, and so is one of another repository', () => {
  cluster.run(deploy(specOf('a', true)));
  expect(() => cluster.run(together([deploy(specOf('a', false)), deploy(specOf('b', true, 'a', { ...network, Internal: true }))]))).toThrow(
    'network shared_net is that of stack a, with other settings',
  );
  expect(() => cluster.run(deploy(specOf('b', true), 'other'))).toThrow(
    /^network with name shared_net already exists: it is that of stack a of repository \w+; use it with `external: true`, or give this one another name$/,
  );
  expect(has('a')).toEqual(all);
});

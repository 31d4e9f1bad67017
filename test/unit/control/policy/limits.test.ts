/** Words that hold a repository to names, registries, ports and nodes: whatever a stack file does to get around them. */
import { beforeEach, expect, test } from 'vitest';
import { createRepository, updateRepository } from '#control/repository/repositories';
import { deployStack } from '#control/stack/stacks';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { update } from '#store/action';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const repository = { Name: 'main', URL: '/srv/x', Branch: 'main', Path: 'stacks', Interval: 30e9 };
let cluster: MemoryCluster;

beforeEach(() => {
  cluster = initialisedCluster();
});

/** The words that would have to be said; none when it is deployed. */
function missing(spec: StackSpec, from = 'main'): string[] {
  try {
    cluster.run(deployStack(spec, { source: { Kind: 'repository', Repository: from, Path: `stacks/${spec.Name}`, Commit: 'c1' }, prune: true }));
    return [];
  } catch (error) {
    const { facts } = error as { facts?: { needs?: string[] } };
    if (!facts?.needs) throw error;
    return facts.needs;
  }
}

const held = (...Allow: string[]) => cluster.run(createRepository({ ...repository, Allow }));
const asking = (change: Partial<ServiceSpec>): StackSpec => stackSpec({ Services: [serviceSpec('shop_web', change)] });
const image = (Image: string, more: object = {}): StackSpec => asking({ TaskTemplate: { ContainerSpec: { Image, ...more } } });
const port = (PublishedPort?: number, PublishMode: 'ingress' | 'host' = 'ingress'): StackSpec =>
  asking({ EndpointSpec: { Ports: [{ TargetPort: 80, PublishMode, ...(PublishedPort !== undefined && { PublishedPort }) }] } });
const placed = (...Constraints: string[]): StackSpec => asking({ TaskTemplate: { ContainerSpec: { Image: 'app:1' }, Placement: { Constraints } } });

test.each<[string, readonly string[], StackSpec, readonly string[]]>([
  ['a name', ['stacks=shop*'], asking({}), []],
  ['another name', ['stacks=shop-*'], asking({}), ['stacks=shop']],
  ['one of two names', ['stacks=bank', 'stacks=sho?'], asking({}), []],
  ['an image of the registry', ['registries=r.example.org'], image('r.example.org/a/b:1'), []],
  ['an image below the path', ['registries=r.example.org/shop/'], image('r.example.org/shop/web:1@sha256:'.concat('a'.repeat(64))), []],
  ['an image beside the path', ['registries=r.example.org/shop'], image('r.example.org/shopping:1'), ['registries=r.example.org/shopping']],
  ['a registry on another port', ['registries=r.example.org'], image('r.example.org:5000/a'), ['registries=r.example.org:5000/a']],
  ['an image without a registry', ['registries=r.example.org'], image('app:1'), ['registries=docker.io/library/app']],
  ['an image of Docker Hub by its other name', ['registries=docker.io/library'], image('index.docker.io/library/app'), []],
  ['an image by its id', ['registries=r.example.org'], image('a'.repeat(64)), ['registries=*']],
  [
    'an image that is mounted',
    ['registries=r.example.org'],
    image('r.example.org/a', { Mounts: [{ Type: 'image', Source: 'evil.example/x', Target: '/x' }] }),
    ['registries=evil.example/x'],
  ],
  ['a port', ['ports=8080'], port(8080), []],
  ['a port of a range, on the host alone', ['ports=8000-8999'], port(8999, 'host'), []],
  ['another port', ['ports=8000-8999'], port(9000), ['ports=9000']],
  ['a port without a number', ['ports=8000-8999'], port(), ['ports=30000-32767']],
  ['a port without a number where all of those are allowed', ['ports=30000-40000'], port(), []],
  ['the constraint, spelled otherwise', ['nodes=node.labels.zone==shop'], placed('node.role==worker', ' node.labels.zone  == shop '), []],
  ['its contrary', ['nodes=node.labels.zone==shop'], placed('node.labels.zone!=shop'), ['nodes=*']],
  ['no constraint', ['nodes=node.labels.zone == shop'], placed(), ['nodes=*']],
  ['all of a kind', ['nodes=*', 'ports=*', 'registries=*', 'stacks=*'], port(), []],
])('%s', (_what, allowed, spec, words) => {
  held(...allowed);
  expect(missing(spec)).toEqual(words);
});

test('no word of a kind leaves it open, and the refusal names stack, service and word', () => {
  held('ports=80');
  expect(missing(image('anything.example/x'))).toEqual([]);
  cluster.run(updateRepository('main', { Allow: ['stacks=shop-*'] }));
  expect(() =>
    cluster.run(deployStack(port(81), { source: { Kind: 'repository', Repository: 'main', Path: 'stacks/shop', Commit: 'c1' }, prune: true })),
  ).toThrow(
    'repository main may not have this: a stack called shop (stacks=shop); service shop_web: published port 81 (ports=81). If it is to: `shoal repo update main --allow stacks=shop,ports=81`',
  );
  cluster.run(updateRepository('main', { Disallow: ['stacks=shop-*', 'ports=80'] }));
  expect(missing(port(81))).toEqual([]);
});

test('full trust is no way around what a repository is held to, and asks for no other word', () => {
  cluster.run(createRepository({ ...repository, Trust: 'full', Allow: ['ports=80'] }));
  const privileged = asking({ TaskTemplate: { ContainerSpec: { Image: 'app:1', CapabilityAdd: ['CAP_SYS_ADMIN'] } } });
  expect([missing(port(81)), missing(port(80)), missing(privileged)]).toEqual([['ports=81'], [], []]);
});

test('what a repository is held to, all that it declares is held to, whatever that says of itself', () => {
  held('stacks=shop-*');
  cluster.run(createRepository({ ...repository, Name: 'child', Allow: ['stacks=*'] }));
  const child = cluster.store.byName('repository', 'child');
  const Parent = cluster.store.byName('repository', 'main')?.ID;
  if (!child || Parent === undefined) throw new Error('there are no repositories');
  cluster.write([update('repository', { ...child, Parent })]);
  expect(missing(asking({}), 'child')).toEqual(['stacks=shop']);
  expect(missing(stackSpec({ Name: 'shop-a', Services: [serviceSpec('shop-a_web', {})] }), 'child')).toEqual([]);
});

test.each(['ports=0', 'ports=90-80', 'ports=70000', 'ports=http', 'nodes=zone', 'registries=/', 'stacks'])('%s is no word', (word) => {
  expect(() => held(word)).toThrow(`"${word}" is nothing that a repository can be allowed`);
});

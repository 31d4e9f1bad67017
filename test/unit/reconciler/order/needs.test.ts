/** What a stack has from outside and another stack of the commit makes is an order, whatever kind of thing it is. */
import { expect, test } from 'vitest';
import { makersFirst, neededFrom } from '#reconciler/order/needs';
import type { RenderedStack } from '#reconciler/rendered';
import { initialisedCluster } from '#test/support/memory-cluster';

type Spec = Extract<RenderedStack, { spec: object }>['spec'];

function stack(
  Name: string,
  { External, Source, ...own }: Partial<Omit<Spec, 'External'>> & { External?: Partial<Spec['External']>; Source?: string },
): RenderedStack {
  const Mounts = Source === undefined ? [] : [{ Type: 'volume' as const, Source, Target: '/data' }];
  const web = { Name: `${Name}_web`, TaskTemplate: { ContainerSpec: { Image: 'app:1', Mounts } } };
  const none = { Networks: [], Secrets: [], Configs: [] };
  return { Name, Path: `stacks/${Name}`, Commit: 'c1', digest: Name, spec: { Name, ...none, Services: [web], ...own, External: { ...none, ...External } } };
}

test.each<[string, RenderedStack, RenderedStack]>([
  ['a network', stack('zone', { Networks: [{ Name: 'edge' }] }), stack('app', { External: { Networks: ['edge'] } })],
  ['a secret', stack('zone', { Secrets: [{ Name: 'key', Data: '' }] }), stack('app', { External: { Secrets: ['key'] } })],
  ['a config', stack('zone', { Configs: [{ Name: 'page', Data: '' }] }), stack('app', { External: { Configs: ['page'] } })],
  ['a volume', stack('zone', { Source: 'zone_data' }), stack('app', { Source: 'zone_data' })],
])('%s: its user comes behind its maker', (_what, maker, user) => {
  const { store } = initialisedCluster();
  expect(neededFrom(store, [user, maker])).toEqual(
    new Map([
      ['app', ['zone']],
      ['zone', []],
    ]),
  );
  expect(makersFirst(store, [user, maker])).toEqual(['zone', 'app']);
});

test('a volume that both name from outside is made by neither', () => {
  const { store } = initialisedCluster();
  expect([...neededFrom(store, [stack('app', { Source: 'media' }), stack('zone', { Source: 'media' })]).values()].flat()).toEqual([]);
});

/** Single calls in an order in which every reference leads somewhere. */
import { expect, test } from 'vitest';
import type { Service } from '#model/object/service';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { Store } from '#store/store';
import { inSafeOrder } from '#swarm/order';

function service(id: string, PublishedPort?: number): Service {
  const Ports = PublishedPort ? [{ TargetPort: 80, PublishedPort }] : [];
  return { ...newMeta(id), Spec: { Name: id, TaskTemplate: {}, EndpointSpec: { Ports } }, Shoal: { SpecVersion: 0 } };
}

function order(actions: readonly Action[], present: readonly Service[]): string[] {
  const store = new Store();
  if (present.length > 0) store.apply(1, { actions: present.map((object) => create('service', object)), now: 0 });
  return inSafeOrder(actions, store).map((action) => `${action.type} ${action.type === 'remove' ? action.id : action.object.ID}`);
}

test('objects, then services in their order, then what is no longer wanted', () => {
  const file = (id: string) => ({ ...newMeta(id), Spec: { Name: id, Data: 'YQ==' } });
  const actions = [
    remove('network', 'n0'),
    remove('service', 'old'),
    remove('secret', 's0'),
    create('service', service('b')),
    update('service', service('a')),
    create('network', { ...newMeta('n1'), Spec: { Name: 'n1' } }),
    create('secret', file('s1')),
    create('config', file('c1')),
  ];
  expect(order(actions, [service('old'), service('a')])).toEqual([
    'create n1',
    'create s1',
    'create c1',
    'create b',
    'update a',
    'remove old',
    'remove s0',
    'remove n0',
  ]);
});

test('a service that holds a port which another wants goes before it', () => {
  const actions = [remove('service', 'one'), remove('service', 'two'), create('service', service('new', 80))];
  expect(order(actions, [service('one', 81), service('two', 80)])).toEqual(['remove two', 'create new', 'remove one']);
});

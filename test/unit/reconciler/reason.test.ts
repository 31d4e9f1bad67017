import { expect, test } from 'vitest';
import type { Service } from '#model/object/service';
import { changesBy } from '#reconciler/reason';
import { create, newMeta, update } from '#store/action';
import { Store } from '#store/store';

function serviceOf(labels: Record<string, string>): Service {
  return { ...newMeta('s1'), Spec: { Name: 'web', Labels: labels, TaskTemplate: { ContainerSpec: { Image: 'web:1' } } }, Shoal: { SpecVersion: 0 } };
}

test('a service says twenty of its changes, and how many more there are', () => {
  const store = new Store();
  store.apply(1, { actions: [create('service', serviceOf({}))], now: 0 });
  const labels = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, 'v']));
  const live = store.get('service', 's1');
  const lines = changesBy(store, [update('service', { ...serviceOf(labels), Version: live?.Version ?? { Index: 0 } })], false);
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([21, 'web Labels.k0: nothing → "v"', 'and 30 more']);
});

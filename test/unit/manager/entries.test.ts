import { expect, test } from 'vitest';
import { entryLimits, limitsAfter, netActions } from '#manager/entries';
import { create, newMeta, remove, update, type Action } from '#store/action';

function config(id: string, data = 'x') {
  return { ...newMeta(id), Spec: { Name: id, Data: data } };
}

test('each object is written once, as it ends', () => {
  const actions: Action[] = [
    create('config', config('a', '1')),
    update('config', config('b', '1')),
    create('config', config('c')),
    update('config', config('a', '2')),
    update('config', config('b', '2')),
    remove('config', 'c'),
    update('config', config('d')),
    remove('config', 'd'),
  ];
  expect(netActions(actions)).toEqual([create('config', config('a', '2')), update('config', config('b', '2')), remove('config', 'd')]);
});

test('what came and went is nothing to write', () => {
  expect(netActions([create('config', config('a')), remove('config', 'a')])).toEqual([]);
});

test('the first entries of a process are small ones, and none is larger than it may be', () => {
  const actions = [0, 160, 800, 10_000].map((written) => limitsAfter(written, entryLimits).actions);
  expect(actions).toEqual([50, 60, 100, entryLimits.actions]);
  expect(limitsAfter(0, { ...entryLimits, actions: 7 }).actions).toBe(7);
});

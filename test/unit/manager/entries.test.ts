import { expect, test } from 'vitest';
import { EntryGrowth, entryLimits, netActions } from '#manager/entries';
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

test('the first entries that a manager decides on are small, and none is larger than it may be', () => {
  const growth = new EntryGrowth();
  const sizes = [0, 160, 640, 9200].map((more) => {
    growth.wrote(more);
    return growth.of(entryLimits).actions;
  });
  expect(sizes).toEqual([50, 60, 100, entryLimits.actions]);
  expect(new EntryGrowth().of({ ...entryLimits, actions: 7 }).actions).toBe(7);
});

import { expect, test } from 'vitest';
import { toEntries } from '#manager/entries';
import { create, newMeta, remove, update, type Action } from '#store/action';

function config(id: string, data = 'x') {
  return { ...newMeta(id), Spec: { Name: id, Data: data } };
}

const wide = { actions: 100, bytes: 1e6 };

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
  expect(toEntries(actions, 0, wide)).toEqual([[create('config', config('a', '2')), update('config', config('b', '2')), remove('config', 'd')]]);
});

test("a request's own objects are never cut, what follows is", () => {
  const actions = Array.from({ length: 9 }, (_, position) => create('config', config(`c${position}`)));
  const sizes = toEntries(actions, 4, { actions: 2, bytes: 1e6 }).map((entry) => entry.length);
  expect(sizes).toEqual([6, 2, 1]);
});

test('entries are cut by bytes, but an object larger than that still goes', () => {
  const large = 'x'.repeat(600);
  const actions = ['a', 'b', 'c'].map((id) => create('config', config(id, large)));
  expect(toEntries(actions, 0, { actions: 100, bytes: 1000 }).map((entry) => entry.length)).toEqual([1, 1, 1]);
  expect(toEntries(actions, 0, { actions: 100, bytes: 10 }).map((entry) => entry.length)).toEqual([1, 1, 1]);
});

test('nothing to write is no entry', () => {
  expect(toEntries([], 0, wide)).toEqual([]);
  expect(toEntries([create('config', config('a')), remove('config', 'a')], 1, wide)).toEqual([]);
});

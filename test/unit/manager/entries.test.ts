import { expect, test } from 'vitest';
import { netActions } from '#manager/entries';
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

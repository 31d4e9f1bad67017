import { expect, test } from 'vitest';
import { create, newMeta, update } from '#store/action';
import { Room } from '#store/room';

function config(id: string, data = 'x') {
  return { ...newMeta(id), Spec: { Name: id, Data: data } };
}

test("a request's own objects take no room, and an object takes it once", () => {
  const room = new Room({ actions: 2, bytes: 1e6 });
  room.hold([create('config', config('own'))]);
  const admitted = ['own', 'a', 'a', 'b', 'c', 'a', 'own'].map((id) => room.admit(update('config', config(id))));
  expect(admitted).toEqual([true, true, true, true, false, true, true]);
  expect(room.left).toBe(0);
});

test('bytes end it too, but one object larger than that still goes', () => {
  const large = 'x'.repeat(600);
  const room = new Room({ actions: 100, bytes: 1000 });
  expect(['a', 'b', 'c'].map((id) => room.admit(create('config', config(id, large))))).toEqual([true, true, false]);
  const small = new Room({ actions: 100, bytes: 10 });
  expect(['a', 'b'].map((id) => small.admit(create('config', config(id, large))))).toEqual([true, false]);
});

test('tasks with a large spec are counted out by their bytes, at least one at a time', () => {
  const room = new Room({ actions: 1000, bytes: 1024 * 1024 });
  expect(room.leftFor({})).toBe(1000);
  expect(room.leftFor({ ContainerSpec: { Env: ['x'.repeat(300_000)] } })).toBe(3);
  expect(room.leftFor({ ContainerSpec: { Env: ['x'.repeat(3_000_000)] } })).toBe(1);
});

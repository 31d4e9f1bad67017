import { expect, test } from 'vitest';
import type { Config } from '#model/object/secret';
import type { Task } from '#model/object/task';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { Store } from '#store/store';

function config(id: string, name = id): Config {
  return { ...newMeta(id), Spec: { Name: name } };
}

function task(id: string, serviceId: string, nodeId: string): Task {
  return {
    ...newMeta(id),
    Spec: {},
    ServiceID: serviceId,
    NodeID: nodeId,
    Status: { Timestamp: '', State: 'new', Message: '' },
    DesiredState: 'running',
    Shoal: { ServiceName: '', ServiceLabels: {}, SpecVersion: 0 },
  };
}

function applied(...entries: Action[][]): Store {
  const store = new Store();
  entries.forEach((actions, position) => store.apply(position + 1, { actions, now: position * 1000 }));
  return store;
}

function ids(tasks: Iterable<Task>): string[] {
  return [...tasks].map((each) => each.ID).sort();
}

test('an object gets the version and the times of its entry, and keeps when it was made', () => {
  const store = applied([create('config', config('a'))], [], [update('config', config('a', 'b'))]);
  expect(store.get('config', 'a')).toEqual({
    ID: 'a',
    Version: { Index: 3 },
    CreatedAt: '1970-01-01T00:00:00.000Z',
    UpdatedAt: '1970-01-01T00:00:02.000Z',
    Spec: { Name: 'b' },
  });
  expect(store.index).toBe(3);
});

test('events say what was and what is, in the order of the actions', () => {
  const store = applied([create('config', config('a')), create('config', config('b'))]);
  const before = store.get('config', 'a');
  const events = store.apply(2, { actions: [remove('config', 'b'), update('config', config('a', 'x')), create('config', config('c'))], now: 0 });
  expect(events.map(({ id, previous, object }) => [id, previous !== undefined, object !== undefined])).toEqual([
    ['b', true, false],
    ['a', true, true],
    ['c', false, true],
  ]);
  expect(events[1]?.previous).toBe(before);
  expect(events[1]?.object).toBe(store.get('config', 'a'));
});

test('names are found whatever their case, follow changes, and go with the object', () => {
  const store = applied([create('config', config('a', 'Name'))]);
  expect(store.byName('config', 'nAME')?.ID).toBe('a');
  expect(store.byName('secret', 'Name')).toBeUndefined();
  store.apply(2, { actions: [update('config', config('a', 'other'))], now: 0 });
  expect(store.byName('config', 'Name')).toBeUndefined();
  store.apply(3, { actions: [remove('config', 'a')], now: 0 });
  expect(store.byName('config', 'other')).toBeUndefined();
});

test('tasks are found by service and by node, also after they moved', () => {
  const store = applied([create('task', task('t1', 's1', '')), create('task', task('t2', 's1', 'n1')), create('task', task('t3', 's2', 'n1'))]);
  expect(ids(store.tasksOfService('s1'))).toEqual(['t1', 't2']);
  expect(ids(store.tasksOfNode('n1'))).toEqual(['t2', 't3']);
  store.apply(2, { actions: [update('task', task('t1', 's1', 'n1')), remove('task', 't3')], now: 0 });
  expect(ids(store.tasksOfNode('n1'))).toEqual(['t1', 't2']);
  expect(ids(store.tasksOfNode(''))).toEqual([]);
  expect(ids(store.tasksOfService('s2'))).toEqual([]);
});

test('contradictions are broken invariants', () => {
  const store = applied([create('config', config('a'))]);
  const entry = (action: Action) => () => store.apply(store.index + 1, { actions: [action], now: 0 });
  expect(entry(create('config', config('a')))).toThrow('cannot create config a');
  expect(entry(update('config', config('b')))).toThrow('cannot update config b');
  expect(entry(remove('config', 'b'))).toThrow('cannot remove config b');
  expect(() => store.apply(1, { actions: [], now: 0 })).toThrow('is applied after');
});

test('an image restores everything, indexes too', () => {
  const store = applied([create('config', config('a')), create('task', task('t1', 's1', 'n1'))], [create('config', config('b'))]);
  const copy = applied([create('config', config('old'))]);
  copy.restore(JSON.parse(JSON.stringify(store.image())) as ReturnType<Store['image']>);
  expect(copy.image()).toEqual(store.image());
  expect(copy.index).toBe(2);
  expect(copy.byName('config', 'old')).toBeUndefined();
  expect(ids(copy.tasksOfNode('n1'))).toEqual(['t1']);
});

test('an entry that was decided on another state does not fit, nor does one that contradicts what is there', () => {
  const store = applied([create('config', config('a'))]);
  const misfit = (...actions: Action[]) => store.misfit({ actions, now: 0 });
  expect(misfit(create('config', config('a')))).toBe('it would create config a, which is there already');
  expect(misfit(update('config', config('b')))).toBe('it would update config b, which is not there');
  expect(misfit(create('config', config('b')), update('config', config('b')), remove('config', 'b'))).toBeUndefined();
  expect(misfit(remove('config', 'a'), remove('config', 'a'))).toBe('it would remove config a, which is not there');
  expect(store.misfit({ actions: [], now: 0, base: 1 })).toBeUndefined();
  expect(store.misfit({ actions: [], now: 0, base: 0 })).toBe('it was decided on the state at 0, and this is the one at 1');
});

test('the hash is that of the content, however it came about', () => {
  const one = applied([create('config', config('a')), create('config', config('b'))], [update('config', config('a', 'x'))], [remove('config', 'b')]);
  const copy = new Store();
  copy.restore(JSON.parse(JSON.stringify(one.image())) as ReturnType<Store['image']>);
  expect(copy.hash()).toBe(one.hash());
  for (const each of [one, copy]) each.apply(4, { actions: [create('config', config('c'))], now: 9, answers: [{ id: 'r', result: 1 }] });
  expect(copy.hash()).toBe(one.hash());
  const other = applied([create('config', config('a')), create('config', config('b'))], [update('config', config('a', 'y'))], [remove('config', 'b')]);
  expect(other.hash()).not.toBe(
    applied([create('config', config('a')), create('config', config('b'))], [update('config', config('a', 'x'))], [remove('config', 'b')]).hash(),
  );
  copy.apply(5, { actions: [], now: 9, answers: [{ id: 's' }] });
  expect(copy.hash()).not.toBe(one.hash());
});

test('the hash is not counted in one go where much has changed, and comes to the same', () => {
  const large = (id: string) => create('config', config(id, 'x'.repeat(300_000)));
  const entry = [large('a'), large('b'), large('c'), large('d'), large('e')];
  const [slowly, atOnce] = [applied(entry), applied(entry)];
  expect(slowly.hashSoon()).toBeUndefined();
  let seen: string | undefined;
  for (let call = 0; call < 100 && seen === undefined; call++) seen = slowly.hashSoon();
  expect(seen).toBe(atOnce.hash());
});

test('the hash of many objects is the same whether it is counted now and then or at the end', () => {
  const many = Array.from({ length: 700 }, (_, at) => create('config', config(`c${at}`)));
  const all = applied(many);
  const oneByOne = new Store();
  for (const [at, action] of many.entries()) {
    oneByOne.apply(at + 1, { actions: [action], now: 0 });
    oneByOne.hash();
  }
  // Versions differ with the entries, so the objects are brought to one.
  const copy = new Store();
  copy.restore({ ...oneByOne.image(), objects: all.image().objects });
  expect(copy.hash()).toBe(all.hash());
});

test('an answer is part of the state: a restored store gives it too', () => {
  const store = new Store();
  store.apply(1, { actions: [create('config', config('a'))], now: 5, answers: [{ id: 'request-1', result: { ID: 'a' } }] });
  const copy = new Store();
  copy.restore(store.image());
  expect(copy.answered('request-1')).toEqual({ id: 'request-1', result: { ID: 'a' }, at: 5 });
  expect(copy.answered('request-2')).toBeUndefined();
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Config } from '#model/object/secret';
import type { Task } from '#model/object/task';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { Overlay } from '#store/overlay';
import { Store } from '#store/store';
import type { View } from '#store/view';

const names = ['a', 'b', 'c', 'd', 'e'];

/** What may be done to an object, in words that fit any state of it. */
const wish = fc.record({
  kind: fc.constantFrom('config', 'task'),
  id: fc.constantFrom(...names),
  place: fc.constantFrom('', 'n1', 'n2'),
  gone: fc.boolean(),
});

type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

function actionOf(view: View, { kind, id, place, gone }: Wish): Action[] {
  const type = kind === 'task' ? 'task' : 'config';
  const present = view.get(type, `${kind}-${id}`) !== undefined;
  if (gone) return present ? [remove(type, `${kind}-${id}`)] : [];
  const act = present ? update : create;
  return type === 'task' ? [act('task', task(`${kind}-${id}`, id, place))] : [act('config', config(`${kind}-${id}`, `${id}${place}`))];
}

function config(id: string, name: string): Config {
  return { ...newMeta(id), Spec: { Name: name } };
}

function task(id: string, serviceId: string, nodeId: string): Task {
  return {
    ...newMeta(id),
    Spec: {},
    ServiceID: `s${serviceId < 'c' ? 1 : 2}`,
    NodeID: nodeId,
    Status: { Timestamp: '', State: nodeId === '' ? 'new' : 'running', Message: '' },
    DesiredState: 'running',
    Shoal: { ServiceName: '', ServiceLabels: {}, SpecVersion: 0 },
  };
}

/** Everything that a view answers, without what `apply` alone sets. */
function picture(view: View): unknown {
  const plain = (object: object | undefined) => object && { ...object, Version: 0, CreatedAt: '', UpdatedAt: '' };
  const byId = (objects: Iterable<{ ID: string }>) => [...objects].map(plain).sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  return {
    configs: byId(view.list('config')),
    tasks: byId(view.list('task')),
    named: names.flatMap((name) => ['', 'n1', 'n2'].map((place) => plain(view.byName('config', name + place)))),
    services: ['s1', 's2'].map((id) => byId(view.tasksOfService(id))),
    nodes: ['', 'n1', 'n2'].map((id) => byId(view.tasksOfNode(id))),
    // A key may be named under which nothing is any more.
    used: [...view.keys('task', 'node')].filter((id) => [...view.tasksOfNode(id)].length > 0).toSorted(),
    states: Object.fromEntries(view.taskStates()),
  };
}

test('an overlay answers as the store does once its actions are applied', () => {
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 15 }), fc.array(wish, { maxLength: 15 }), (before, after) => {
      const store = new Store();
      for (const each of before) store.apply(store.index + 1, { actions: actionOf(store, each), now: 0 });
      const overlay = new Overlay(store);
      for (const each of after) overlay.lay(actionOf(overlay, each));
      const seen = picture(overlay);
      store.apply(store.index + 1, { actions: overlay.actions, now: 0 });
      expect(seen).toEqual(picture(store));
    }),
    { seed: 14, numRuns: 400 },
  );
});

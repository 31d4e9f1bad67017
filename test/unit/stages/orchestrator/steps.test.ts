/** A service may have any number of tasks: what the orchestrator does for it comes in steps, each of which looks at few of them. */
import { expect, test } from 'vitest';
import type { TaskState } from '#model/object/task-state';
import { orchestrate } from '#stages/orchestrator/orchestrator';
import { schedule } from '#stages/scheduler/scheduler';
import type { Action } from '#store/action';
import type { Store } from '#store/store';
import { aNode, aService, aTask, contextAt, storeOf } from '#test/support/cluster-objects';
import { Room } from '#store/room';
import type { Stage } from '#store/stage';

const count = 5000;
/** Tasks of a step, with what several rules take together of the same ones. */
const mostLooks = 1000;

/** A view that counts the tasks that are taken from it, and how often one's id is read afterwards. */
function counted(store: Store) {
  const looks = { count: 0, ids: 0 };
  const view = Object.create(store, {}) as Store;
  Object.assign(view, {
    tasksOfService: function* (id: string) {
      for (const task of store.tasksOfService(id)) {
        looks.count++;
        yield new Proxy(task, { get: (target, key) => (key === 'ID' && looks.ids++, Reflect.get(target, key)) as unknown });
      }
    },
    get: (...of: Parameters<Store['get']>) => store.get(...of),
    list: (...of: Parameters<Store['list']>) => store.list(...of),
    find: (...of: Parameters<Store['find']>) => store.find(...of),
    keys: (...of: Parameters<Store['keys']>) => store.keys(...of),
    serialOf: (...of: Parameters<Store['serialOf']>) => store.serialOf(...of),
    loadOf: (id: string) => store.loadOf(id),
  });
  return { view, looks };
}

function storeWith(replicas: number, state: TaskState) {
  return storeOf({
    node: [aNode('n1'), aNode('n2')],
    service: [aService('one', { Mode: { Replicated: { Replicas: replicas } } })],
    task: Array.from({ length: count }, (_, n) =>
      aTask(`t${n}`, state, { ServiceID: 'one', Slot: n + 1, NodeID: state === 'running' ? `n${1 + (n % 2)}` : '' }),
    ),
  });
}

function run(stage: Stage, store: Store, room = contextAt().room): { steps: number; most: number; mostIds: number; actions: readonly Action[] } {
  const { view, looks } = counted(store);
  const result = stage(view, { ...contextAt(), room });
  if (!('next' in result)) throw new Error('it comes in one step');
  for (let steps = 1, most = 0, mostIds = 0; ; steps++) {
    const before = { ...looks };
    const { done, value } = result.next();
    most = Math.max(most, looks.count - before.count);
    mostIds = Math.max(mostIds, looks.ids - before.ids);
    if (done === true) return { steps, most, mostIds, actions: value.actions };
  }
}

test.each([
  ['at rest', count, 0],
  ['scaled down', 1, count - 1],
])('a large service that is %s', (_what, replicas, changed) => {
  const { steps, most, actions } = run(orchestrate, storeWith(replicas, 'running'));
  expect(actions).toHaveLength(changed);
  expect(most).toBeLessThanOrEqual(mostLooks);
  expect(steps).toBeGreaterThanOrEqual(count / mostLooks);
});

test.each([
  ['few of its tasks', 'running', 20],
  ['all of them', 'failed', Infinity],
] as const)('a large service of which a rule changes %s: those that are not at rest are found in steps', (_what, state, limit) => {
  const room = new Room({ actions: limit, bytes: Infinity });
  const { mostIds, actions } = run(orchestrate, storeWith(limit === Infinity ? count : 1, state), room);
  expect(actions.length).toBeGreaterThanOrEqual(20);
  expect(mostIds).toBeLessThanOrEqual(mostLooks);
});

test('a large service whose tasks are to be placed', () => {
  const { steps, actions } = run(schedule, storeWith(count, 'pending'));
  expect(actions).toHaveLength(count);
  expect(steps).toBeGreaterThanOrEqual(count / mostLooks);
});

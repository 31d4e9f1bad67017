import { expect, test } from 'vitest';
import { finish } from '#base/pace/steps';
import { fillSlots } from '#stages/orchestrator/replicated';
import { orchestrate, settleService, settleSlots, surroundingsOf } from '#stages/orchestrator/orchestrator';
import { glanceAt, SlotNumbers } from '#stages/orchestrator/rest';
import type { Task } from '#model/object/task';
import { newMeta } from '#store/action';
import { Room } from '#store/room';
import { aNode, aService, aTask, contextAt, startTime, storeOf } from '#test/support/cluster-objects';

const spec = (Replicas: number) => aService('s', { Mode: { Replicated: { Replicas } } });

function running(slot: number, more: Partial<Task> = {}): Task {
  return aTask(`t${slot}${more.DesiredState ?? ''}`, 'running', {
    ...newMeta(`t${slot}${more.DesiredState ?? ''}`),
    ServiceID: 's',
    Slot: slot,
    NodeID: 'n',
    ...more,
  });
}

function storeWith(replicas: number, tasks: readonly Task[]) {
  return storeOf({ node: [aNode('n')], service: [spec(replicas)], task: tasks });
}

function contextWith(actions: number) {
  let ids = 0;
  return { ...contextAt(startTime), newId: () => `new${ids++}`, room: new Room({ actions, bytes: Infinity }) };
}

/** What fills the slots, and what all rules decide. */
function bothFor(store: ReturnType<typeof storeWith>, actions: number) {
  const service = store.get('service', 's');
  if (!service) throw new Error('no service');
  const [one, other] = [surroundingsOf(store, contextWith(actions)), surroundingsOf(store, contextWith(actions))];
  const glance = finish(glanceAt(service, one));
  if (typeof glance === 'string' || glance.what !== 'vacancy') throw new Error(`the glance says ${JSON.stringify(glance)}`);
  return [finish(fillSlots(service, glance, one)), finish(settleService(service, other))] as const;
}

test.each([
  ['from nothing', 30, [], Infinity],
  ['beyond the entry', 300, [], 100],
  ['to the last place of the entry', 103, [1, 2, 3], 100],
  ['gaps', 9, [1, 4, 5, 8, 40], Infinity],
  ['more than may come up at a time', 5000, [1], Infinity],
])('free slots are filled as all rules would: %s', (_what, replicas, slots, actions) => {
  const [filled, settled] = bothFor(
    storeWith(
      replicas,
      slots.map((slot) => running(slot)),
    ),
    actions,
  );
  expect(filled.decided.length).toBeGreaterThan(0);
  expect(filled.decided).toEqual(settled.decided);
  expect(filled.hasMore).toBe(settled.hasMore);
});

test.each([
  ['a task ended', [running(1), aTask('t2', 'failed', { ServiceID: 's', Slot: 2, NodeID: 'n' })]],
  ['a slot has two', [running(1), running(1, { DesiredState: 'ready' })]],
  ['history of a slot that nobody has', [running(1), aTask('t2', 'failed', { ServiceID: 's', Slot: 2, NodeID: 'n', DesiredState: 'shutdown' })]],
  ['more than there should be', Array.from({ length: 9 }, (_, at) => running(at + 1))],
])('where %s, all rules look', (_what, tasks) => {
  const store = storeWith(8, tasks);
  const service = store.get('service', 's');
  expect(service && finish(glanceAt(service, surroundingsOf(store, contextWith(99))))).toBe('work');
});

/** What is decided on the restless slots alone, and what all rules decide. */
function partAndWhole(tasks: readonly Task[], replicas = 100) {
  const down = aNode('down');
  const store = storeOf({ node: [aNode('n'), { ...down, Status: { ...down.Status, State: 'down' } }], service: [spec(replicas)], task: tasks });
  const service = store.get('service', 's');
  if (!service) throw new Error('no service');
  const [one, other] = [surroundingsOf(store, contextWith(Infinity)), surroundingsOf(store, contextWith(Infinity))];
  const glance = finish(glanceAt(service, one));
  if (typeof glance === 'string' || glance.what !== 'restless') throw new Error(`the glance says ${JSON.stringify(glance)}`);
  const slots = [...glance.slots].sort((a, b) => a - b);
  return { slots, part: finish(settleSlots(service, glance, one)), whole: finish(settleService(service, other)) };
}

const others = (...but: number[]): Task[] => Array.from({ length: 100 }, (_, at) => running(at + 1)).filter(({ Slot = 0 }) => !but.includes(Slot));
const ended = (slot: number, more: Partial<Task> = {}): Task =>
  aTask(`old${slot}${more.ID ?? ''}`, 'failed', { ServiceID: 's', Slot: slot, NodeID: 'n', DesiredState: 'shutdown', ...more });

test.each([
  ['a node died', [...others(7), running(7, { NodeID: 'down' })], [7]],
  ['tasks failed', [...others(3, 50), ended(3, { DesiredState: 'running' }), ended(50, { DesiredState: 'running' })], [3, 50]],
  ['a slot has two', [...others(), running(9, { DesiredState: 'ready' })], [9]],
  ['a slot has more history than is kept', [...others(), ...Array.from({ length: 9 }, (_, at) => ended(5, newMeta(`h${at}`)))], [5]],
  ['one waits for another to stop', [...others(4), running(4, { ...newMeta('next'), DesiredState: 'ready', NodeID: '' }), ended(4, { NodeID: 'down' })], [4]],
])('where %s in few slots, the rules look at these and decide what they would on all', (_what, tasks, restless) => {
  const { slots, part, whole } = partAndWhole(tasks);
  expect(slots).toEqual(restless);
  expect(whole.decided.length).toBeGreaterThan(0);
  expect(part).toEqual(whole);
});

test('where a service has more history in all than is kept, the rules look at all, however few slots are restless', () => {
  const history = Array.from({ length: 100 }, (_, slot) => Array.from({ length: 11 }, (_, nth) => ended(slot + 1, newMeta(`h${slot}-${nth}`)))).flat();
  const tasks = [...history, ...others(7), ended(7, { DesiredState: 'running' })];
  const many = { ...spec(100), Spec: { ...spec(100).Spec, TaskTemplate: { ContainerSpec: { Image: 'app' }, RestartPolicy: { MaxAttempts: 100, Window: 1 } } } };
  const store = storeOf({ node: [aNode('n')], service: [many], task: tasks.map((task) => ({ ...task, Spec: many.Spec.TaskTemplate })) });
  const { actions } = finish(orchestrate(store, { ...contextWith(Infinity), scope: 'all' }));
  expect(actions.filter(({ type }) => type === 'remove').length).toBeGreaterThanOrEqual(100);
});

test('where a slot loses its holder, the rules look at all', () => {
  const leaving = ended(8, { DesiredState: 'remove', Status: { ...running(8).Status, State: 'failed' } });
  expect(partAndWhole([...others(8), leaving]).part).toBeUndefined();
});

test('a service that grows has its tasks gone through once an entry, and not by every rule', () => {
  const store = storeWith(
    2000,
    Array.from({ length: 1000 }, (_, at) => running(at + 1)),
  );
  let looks = 0;
  const seen = Array.from(
    store.tasksOfService('s'),
    (task) => new Proxy(task, { get: (target, key) => (key === 'DesiredState' && looks++, Reflect.get(target, key)) as unknown }),
  );
  const view = Object.create(store, {
    tasksOfService: { value: () => seen },
    get: { value: store.get.bind(store) },
    list: { value: store.list.bind(store) },
  }) as typeof store;
  const { actions } = finish(
    orchestrate(view, {
      ...contextWith(100),
      scope: { services: new Set(['s']), specs: new Set(), nodes: new Set(), loads: new Set(), waiting: false, networks: false },
    }),
  );
  expect(actions).toHaveLength(100);
  // A look at what each is to do, and one more at whether it does.
  expect(looks).toBeLessThanOrEqual(2 * 1000);
});

test('numbers of slots are known however high', () => {
  const numbers = new SlotNumbers(3);
  for (const slot of [0, 3, 4, 2 ** 40]) {
    expect(numbers.has(slot)).toBe(false);
    numbers.add(slot);
    expect(numbers.has(slot)).toBe(true);
  }
  expect([numbers.size, numbers.has(1), numbers.has(5)]).toEqual([4, false, false]);
  expect(new SlotNumbers(2 ** 40).has(2 ** 39)).toBe(false);
});

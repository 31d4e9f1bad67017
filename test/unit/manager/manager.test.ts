import { expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { silentLogger } from '#test/support/silent-logger';
import { Refusal } from '#base/refusal';
import { decodeEntry } from '#replica/entry-format';
import { encodeEntry } from '#test/support/entry-bytes';
import type { UseCase } from '#control/cluster';
import { createConfig, removeConfig, updateConfig } from '#control/configs';
import { createService } from '#control/service/services';
import { Manager, type ManagerOptions } from '#manager/manager';
import { ReplicatedState } from '#replica/state';
import type { Task } from '#model/object/task';
import { create, newMeta, update, type Action, type Entry } from '#store/action';
import type { Scope, Stage } from '#store/stage';
import type { View } from '#store/view';
import { MemoryLog } from '#test/support/memory-log';
import { settle, VirtualClock } from '#test/support/virtual-clock';

/** Makes each replicated service's tasks, as a stand-in for the orchestrator. */
const makeTasks: Stage = (view, { newId, room }) => {
  const actions: Action[] = [];
  for (const service of view.list('service')) {
    const wanted = service.Spec.Mode?.Replicated?.Replicas ?? 1;
    const present = [...view.tasksOfService(service.ID)].length;
    for (let slot = present + 1; slot <= wanted; slot++) {
      const action = create('task', newTask(newId(), service.ID, slot));
      if (!room.admit(action)) return { actions, rest: { services: new Set([service.ID]) } };
      actions.push(action);
    }
  }
  return { actions };
};

/** Puts tasks on the one node. */
const placeTasks: Stage = (view) => {
  const waiting = [...view.list('task')].filter((task) => task.NodeID === '');
  return { actions: waiting.map((task) => update('task', { ...task, NodeID: 'one' })) };
};

function newTask(id: string, serviceId: string, slot: number): Task {
  return {
    ...newMeta(id),
    Spec: {},
    ServiceID: serviceId,
    Slot: slot,
    NodeID: '',
    Status: { Timestamp: '', State: 'new', Message: '' },
    DesiredState: 'running',
    Shoal: { ServiceName: '', ServiceLabels: {}, SpecVersion: 0 },
  };
}

async function setUp(stages: readonly Stage[], options: ManagerOptions = {}, entries: Uint8Array[] = []) {
  const state = new ReplicatedState();
  const log = new MemoryLog(state, entries);
  const clock = new VirtualClock();
  const fatal: unknown[] = [];
  const manager = new Manager(options, {
    log,
    term: 1,
    state,
    stages,
    clock,
    random: seededRandom(7),
    logger: silentLogger,
    onFatal: (error) => fatal.push(error),
  });
  await log.start();
  manager.start();
  await settle();
  return { manager, log, state, clock, fatal };
}

function service(name: string, replicas: number) {
  return createService({ Name: name, TaskTemplate: { ContainerSpec: { Image: 'app' } }, Mode: { Replicated: { Replicas: replicas } } });
}

function entriesOf(log: MemoryLog): Entry[] {
  return log.entries.map((bytes) => decodeEntry(bytes));
}

const config = (name: string) => createConfig({ Name: name, Data: 'eA==' });

test('a service, its tasks and their places are one entry, each object written once', async () => {
  const { manager, log } = await setUp([makeTasks, placeTasks]);
  const { ID } = await manager.submit(service('web', 3));
  const [entry, ...rest] = entriesOf(log);
  expect(rest).toEqual([]);
  expect(entry?.actions.map(({ type, kind }) => `${type} ${kind}`)).toEqual(['create service', 'create task', 'create task', 'create task']);
  const view = await manager.read();
  expect([...view.tasksOfService(ID)].map((task) => task.NodeID)).toEqual(['one', 'one', 'one']);
  await manager.stop();
});

test('what exceeds an entry follows in further ones, and the request is answered after the first', async () => {
  const { manager, log, state } = await setUp([makeTasks, placeTasks], { limits: { actions: 4, bytes: 1e6 } });
  const { ID } = await manager.submit(service('web', 10));
  expect(entriesOf(log).map((entry) => entry.actions.length)).toEqual([5]);
  await settle();
  expect(entriesOf(log).map((entry) => entry.actions.length)).toEqual([5, 4, 2]);
  expect([...state.store.tasksOfService(ID)]).toHaveLength(10);
});

test('requests are decided one after the other, each on what the one before has written', async () => {
  const { manager, log } = await setUp([makeTasks]);
  const results = await Promise.allSettled([manager.submit(service('web', 1)), manager.submit(service('web', 1)), manager.submit(config('c'))]);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { code: 'alreadyExists' } });
  // Those whose objects don't meet share an entry.
  expect(log.entries).toHaveLength(1);
});

test('requests that write the same object get an entry each, and the second sees the version that the first made', async () => {
  const { manager, log, state } = await setUp([]);
  const { ID } = await manager.submit(config('a'));
  const relabel = (version: number, label: string) => manager.submit(updateConfig(ID, version, { Name: 'a', Labels: { label } }));
  const version = state.store.get('config', ID)?.Version.Index ?? 0;
  const results = await Promise.allSettled([relabel(version, 'one'), manager.submit(config('b')), relabel(version, 'two'), manager.submit(config('c'))]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(results[2]).toMatchObject({ reason: { message: expect.stringContaining('update out of sequence') as string } });
  expect(state.store.get('config', ID)?.Spec.Labels).toEqual({ label: 'one' });
  expect(entriesOf(log).map(({ actions }) => actions.length)).toEqual([1, 2, 1]);
});

test('who is refused because of another of the same entry hears so only when that one is stored', async () => {
  const { manager, log } = await setUp([]);
  log.failures.push(new Refusal('unavailable', 'gone'));
  const results = await Promise.allSettled([manager.submit(config('a')), manager.submit(config('a'))]);
  expect(results).toMatchObject([{ reason: { message: 'gone' } }, { reason: { message: 'gone' } }]);
});

test('a leader that is none any more refuses nobody on what it has read', async () => {
  const { manager, log } = await setUp([]);
  await manager.submit(config('a'));
  log.leading = false;
  await expect(manager.submit(config('a'))).rejects.toMatchObject({ code: 'unavailable' });
  await expect(manager.submit(removeConfig('b'))).rejects.toMatchObject({ code: 'unavailable' });
});

test('an entry that another came before is decided again', async () => {
  const { manager, log, state } = await setUp([makeTasks]);
  const web = manager.submit(service('web', 1));
  // As if a leader of before had left it: it commits between the decision and its entry.
  log.before = encodeEntry({ actions: [create('config', { ...newMeta('x'), Spec: { Name: 'x' } })], now: 1 });
  const { ID } = await web;
  expect(entriesOf(log).map(({ base }) => base)).toEqual([undefined, 0, 1]);
  expect([...state.store.tasksOfService(ID)]).toHaveLength(1);
  expect(log.outcomes).toEqual([false, true]);
});

test('one id is for one request: another that is asked under it is refused, and has no effect', async () => {
  const { manager, state } = await setUp([]);
  const first = await manager.submit(config('a'), 'id', 'asks for a');
  await expect(manager.submit(config('b'), 'id', 'asks for b')).rejects.toMatchObject({ code: 'alreadyExists', facts: { reason: 'otherRequest' } });
  // Where nobody says what is asked there is nothing to compare.
  expect(await manager.submit(config('a'), 'id')).toEqual(first);
  expect([...state.store.list('config')]).toHaveLength(1);
});

test('a request that is asked again under its id takes effect once, and gets the first answer', async () => {
  const first = await setUp([]);
  const create1 = await first.manager.submit(config('a'), 'request-1');
  expect(await first.manager.submit(config('a'), 'request-1')).toEqual(create1);
  const both = await Promise.all([first.manager.submit(config('b'), 'request-2'), first.manager.submit(config('b'), 'request-2')]);
  expect(both[0]).toEqual(both[1]);
  await expect(first.manager.submit(config('b'), 'request-3')).rejects.toMatchObject({ code: 'alreadyExists' });
  await expect(first.manager.submit(config('d'), 'x'.repeat(129))).rejects.toMatchObject({ code: 'invalidArgument' });
  expect([...first.state.store.list('config')]).toHaveLength(2);
  // The next leader knows it too.
  const second = await setUp([], {}, first.log.entries);
  expect(await second.manager.submit(config('a'), 'request-1')).toEqual(create1);
  expect(second.log.proposals).toBe(0);
});

test('what some node does not know is refused before it reaches the log, alone', async () => {
  const { manager, log, fatal } = await setUp([]);
  const planet: UseCase<void> = () => ({ actions: [{ type: 'create', kind: 'planet', object: { ID: 'p' } } as never], result: undefined });
  const results = await Promise.allSettled([manager.submit(config('a')), manager.submit(planet), manager.submit(config('b'))]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { code: 'unimplemented', message: 'this manager does not know how to create a planet' } });
  expect([log.entries.length, fatal]).toEqual([1, []]);
});

test('the first entry of a leader carries the hash of what it rests on, and then every thousandth', async () => {
  const { manager, log, state } = await setUp([]);
  for (let at = 0; at < 1002; at++) {
    await manager.submit(config(`c${at}`));
    // As with a disk, turns of the event loop pass: what changed is counted in them.
    while (state.store.hashIsBehind) await new Promise((resolve) => void setImmediate(resolve));
  }
  const checked = entriesOf(log).flatMap(({ check }, at) => (check === undefined ? [] : [at]));
  expect(checked).toEqual([0, 1000]);
});

test('watchers hear of a commit before its request is answered', async () => {
  const { manager, state } = await setUp([]);
  const order: string[] = [];
  const stop = manager.watch(([event]) => {
    order.push(`${event?.kind} ${state.store.get('config', event?.id ?? '') ? 'readable' : 'missing'}`);
  });
  await manager.submit(config('a')).then(() => order.push('answered'));
  stop();
  await manager.submit(config('b'));
  expect(order).toEqual(['config readable', 'answered']);
});

test('no actions: no entry', async () => {
  const { manager, log } = await setUp([makeTasks]);
  const nothing: UseCase<string> = () => ({ actions: [], result: 'same' });
  expect(await manager.submit(nothing)).toBe('same');
  expect(log.proposals).toBe(0);
});

test('a refusal of the log is the answer, and the pass is tried again', async () => {
  const { manager, log, clock, fatal } = await setUp([]);
  log.leading = false;
  await expect(manager.submit(config('a'))).rejects.toMatchObject({ code: 'unavailable' });
  log.leading = true;
  await clock.advance(2000);
  await manager.submit(config('a'));
  expect(log.entries).toHaveLength(1);
  expect(fatal).toEqual([]);
});

test('a failed log is fatal, and nothing is accepted any more', async () => {
  const { manager, log, fatal } = await setUp([]);
  log.failures.push(new Error('disk is gone'));
  await expect(manager.submit(config('a'))).rejects.toThrow('disk is gone');
  expect(fatal).toEqual([new Error('disk is gone')]);
  await expect(manager.submit(config('b'))).rejects.toMatchObject({ code: 'unavailable' });
});

test('a stage that throws is fatal', async () => {
  let broken = false;
  const { manager, fatal } = await setUp([
    () => {
      if (broken) throw new Error('contradiction');
      return { actions: [] };
    },
  ]);
  broken = true;
  await expect(manager.submit(service('web', 1))).rejects.toThrow('contradiction');
  expect(fatal).toHaveLength(1);
});

test('the earliest deadline wakes a pass over what is due, once', async () => {
  const scopes: [number, Scope][] = [];
  const start = new VirtualClock().now();
  const due = start + 5000;
  const stage: Stage = (view, { now, scope }) => {
    scopes.push([now, scope]);
    const [service] = view.list('service');
    return { actions: [], ...(service && { wakes: [{ kind: 'service', id: service.ID, ...(due > now && { at: due }) }] }) };
  };
  const { manager, clock } = await setUp([stage]);
  await manager.submit(service('web', 1));
  const nothing = { services: new Set(), specs: new Set(), nodes: new Set(), loads: new Set(), waiting: false, networks: false };
  const [stored] = (await manager.read()).list('service');
  const one = new Set([stored?.ID]);
  expect(scopes.at(-1)).toEqual([start, { ...nothing, services: one, specs: one }]);
  const count = scopes.length;
  await clock.advance(4999);
  expect(scopes).toHaveLength(count);
  await clock.advance(10_000);
  expect(scopes.slice(count)).toEqual([[start + 5000, { ...nothing, services: one }]]);
});

test('stages that never come to rest are stopped and looked at again later', async () => {
  const restless: Stage = (view) => {
    const actions: Action[] = [...view.list('config')].map((object) => update('config', { ...object }));
    return { actions };
  };
  const { manager, log, clock } = await setUp([restless]);
  await manager.submit((_view, { newId }) => ({
    actions: [
      create('config', { ...newMeta(newId()), Spec: { Name: 'c' } }),
      create('service', { ...newMeta(newId()), Spec: { Name: 's', TaskTemplate: {} }, Shoal: { SpecVersion: 0 } }),
    ],
    result: undefined,
  }));
  expect(log.entries).toHaveLength(1);
  await clock.advance(1000);
  expect(log.entries).toHaveLength(2);
  await manager.stop();
});

test('a new manager goes on from the log, and from a snapshot', async () => {
  const first = await setUp([makeTasks, placeTasks]);
  await first.manager.submit(service('web', 2));
  await first.manager.stop();
  const second = await setUp([makeTasks, placeTasks], {}, first.log.entries);
  expect(await image(second.manager)).toEqual(await image(first.manager, first.state.store));
  expect(second.log.proposals).toBe(0);
  const restored = new ReplicatedState();
  await restored.restore(1, first.state.snapshot());
  expect(restored.store.image()).toEqual(first.state.store.image());
});

test('what waits when the manager stops is refused', async () => {
  const { manager, log } = await setUp([]);
  let open = (): void => {};
  log.gate = new Promise((resolve) => (open = resolve));
  const first = manager.submit(config('a'));
  await settle();
  const second = expect(manager.submit(config('b'))).rejects.toMatchObject({ code: 'unavailable' });
  const stopped = manager.stop();
  open();
  await Promise.all([expect(first).resolves.toBeDefined(), second, stopped]);
});

async function image(manager: Manager, store?: View): Promise<unknown> {
  const view = store ?? (await manager.read());
  return [[...view.list('service')], [...view.list('task')]];
}

/** A stage that has nothing to do, and a clock by which its steps take long; `others` is what happens in the turns between them. */
async function withLongSteps(others: (parts: { manager: Manager; log: MemoryLog; state: ReplicatedState }) => void, further: readonly Stage[] = []) {
  let passedMs = 0;
  const slow: Stage = function* () {
    passedMs += 100;
    yield;
    return { actions: [] };
  };
  const parts = await setUp([slow, ...further]);
  parts.clock.monotonicNow = () => passedMs;
  parts.clock.soon = (run) => {
    others(parts);
    setImmediate(run);
  };
  return parts;
}

test('a pass that takes several turns ends with leadership, and who waits for it is refused', async () => {
  const { manager, log } = await withLongSteps((parts) => parts.manager.revoke());
  const before = log.entries.length;
  await expect(manager.submit(service('web', 1))).rejects.toMatchObject({ code: 'unavailable' });
  expect(log.entries).toHaveLength(before);
});

test('a pass that takes several turns begins anew when an entry came to be that nobody expected any more', async () => {
  let late = true;
  const { manager, state, fatal } = await withLongSteps(
    (parts) => {
      if (!late) return;
      late = false;
      const bytes = encodeEntry({ now: 0, actions: [create('config', { ...newMeta('late'), Spec: { Name: 'late', Data: '' } })] });
      parts.log.entries.push(bytes);
      void parts.state.apply({ index: parts.log.entries.length, term: 1, bytes });
    },
    [makeTasks],
  );
  await manager.submit(service('web', 2));
  expect(state.store.get('config', 'late')).toBeDefined();
  expect([...state.store.list('task')]).toHaveLength(2);
  expect(fatal).toEqual([]);
});

test.each([6000, 20_000])('an object nested %d deep, of which no text can be made, is refused, and the manager goes on', async (depth) => {
  const { manager, state, fatal } = await setUp([]);
  let Labels: unknown = 1;
  for (let level = 0; level < depth; level++) Labels = [Labels];
  const config = (id: string, more: object = {}) => create('config', { ...newMeta(id), Spec: { Name: id, Data: '', Labels: {}, ...more } });
  const refused = expect(manager.submit(() => ({ actions: [config('deep', { Labels })], result: undefined }))).rejects.toThrow();
  await settle();
  await refused;
  await manager.submit(() => ({ actions: [config('plain')], result: undefined }));
  expect([state.store.get('config', 'plain')?.ID, state.store.get('config', 'deep'), fatal]).toEqual(['plain', undefined, []]);
});

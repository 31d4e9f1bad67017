import { expect, test } from 'vitest';
import { encodeEntry } from '#test/support/entry-bytes';
import { Divergence } from '#replica/divergence';
import { ReplicatedState } from '#replica/state';
import type { Config } from '#model/object/secret';
import { create, newMeta, update, type Entry } from '#store/action';

function config(id: string, bytes = 10): Config {
  return { ...newMeta(id), Spec: { Name: id, Data: 'x'.repeat(bytes) } };
}

function committed(index: number, entry: Entry, term = 1) {
  return { index, term, bytes: encodeEntry(entry) };
}

test('an entry whose outcome was unknown commits after its client tried again: it has no effect, on any manager, and nothing breaks', () => {
  const state = new ReplicatedState();
  const events: unknown[] = [];
  state.watch((heard) => events.push(...heard));
  const entry: Entry = { actions: [create('config', config('a'))], now: 1, base: 0, term: 1 };
  expect(state.apply(committed(2, entry))).toEqual({ applied: true });
  expect(state.apply(committed(3, { ...entry, actions: [create('config', config('b'))] }))).toEqual({
    applied: false,
    reason: 'it was decided on the state at 0, and this is the one at 2',
  });
  // As old versions wrote it, without a word of what it rests on.
  expect(state.apply(committed(4, { actions: entry.actions, now: 1 }))).toMatchObject({
    applied: false,
    reason: 'it would create config a, which is there already',
  });
  expect(state.apply(committed(5, { ...entry, actions: [], base: 2 }, 2))).toMatchObject({
    applied: false,
    reason: 'it was decided in term 1, and the log has it in term 2',
  });
  expect(state.store.index).toBe(2);
  expect(events).toHaveLength(1);
  expect(state.apply(committed(6, { actions: [update('config', config('a'))], now: 1, base: 2, term: 2 }, 2))).toEqual({ applied: true });
});

test('a state that is not the one its leader had is told at once, with what to do', () => {
  const [leader, follower] = [new ReplicatedState(), new ReplicatedState()];
  const first = committed(1, { actions: [create('config', config('a'))], now: 1 });
  for (const each of [leader, follower]) void each.apply(first);
  const check = leader.store.hash();
  void follower.apply(committed(2, { actions: [], now: 1, check }));
  // A defect in memory.
  (follower.store.get('config', 'a') as { Spec: { Name: string } }).Spec.Name = 'b';
  void follower.apply(committed(3, { actions: [update('config', { ...config('a'), Spec: { Name: 'b', Data: 'y' } })], now: 1 }));
  void leader.apply(committed(3, { actions: [update('config', config('a'))], now: 1 }));
  expect(() => follower.apply(committed(4, { actions: [], now: 1, check: leader.store.hash() }))).toThrow(
    /the state of this manager at entry 3 .* must not serve any more/,
  );
  expect(() => follower.apply(committed(5, { actions: [], now: 1, check: `9${leader.store.hash().slice(1)}` }))).not.toThrow();
});

test('what this program does not know ends it with a word, not with a guess', () => {
  const state = new ReplicatedState();
  const planet = { type: 'create', kind: 'planet', object: { ID: 'x' } } as never;
  expect(() => state.apply(committed(1, { actions: [planet], now: 1 }))).toThrow(
    'would create a planet, which this program does not know: run the version of the other managers here',
  );
  expect(() => state.apply({ index: 1, term: 1, bytes: Uint8Array.of(7) })).toThrow('entry 1 of the log cannot be read: it is written in format 7');
});

test('a large entry is read in slices and takes effect in one turn', async () => {
  let pauses = 0;
  const state = new ReplicatedState({
    monotonicNow: () => 0,
    soon: (run) => {
      pauses++;
      queueMicrotask(run);
    },
  });
  const actions = Array.from({ length: 20 }, (_, at) => create('config', config(`c${at}`, 100_000)));
  const counts: number[] = [];
  state.watch((events) => counts.push(events.length));
  const outcome = state.apply(committed(1, { actions, now: 1 }));
  expect(outcome).toBeInstanceOf(Promise);
  expect([...state.store.list('config')]).toHaveLength(0);
  expect(await outcome).toEqual({ applied: true });
  expect(pauses).toBeGreaterThan(5);
  expect(counts).toEqual([20]);
});

test('a snapshot restores the state and all that hangs on it', async () => {
  const state = new ReplicatedState();
  void state.apply(committed(1, { actions: [create('config', config('a'))], now: 1, answers: [{ id: 'r', result: 'yes' }] }));
  const copy = new ReplicatedState();
  let restored = 0;
  copy.onRestore(() => restored++);
  await copy.restore(9, state.snapshot());
  expect(restored).toBe(1);
  expect(copy.store.image()).toEqual(state.store.image());
  // The base of the next entry is the last one that had an effect, not the log's index of the snapshot.
  expect(copy.apply(committed(10, { actions: [], now: 1, base: 1 }))).toEqual({ applied: true });
});

test('what changed is counted in turns to come, on whoever applies it, and no entry pays for those before it', async () => {
  const turns: (() => void)[] = [];
  const state = new ReplicatedState({ monotonicNow: () => 0, soon: (run) => void turns.push(run) });
  let counted = 0;
  const counting = (id: string) => ({ ...config(id, 1), toJSON: () => ({ counted: ++counted }) }) as ReturnType<typeof config>;
  for (let at = 0; at < 2000; at++) state.store.apply(at + 1, { actions: [create('config', counting(`c${at}`))], now: 1 });
  for (let at = 0; at < 300; at++) void state.apply(committed(2001 + at, { actions: [create('config', config(`d${at}`, 1))], now: 1 }));
  expect(counted).toBe(0);
  while (turns.length > 0) {
    turns.shift()?.();
    for (let step = 0; step < 10; step++) await Promise.resolve();
  }
  expect(state.store.hashIsBehind).toBe(false);
  expect(state.store.hashSoon()).toBe(state.store.hash());
});

test('a follower compares however much came before, once turns have passed', async () => {
  const turns: (() => void)[] = [];
  const state = new ReplicatedState({ monotonicNow: () => 0, soon: (run) => void turns.push(run) });
  for (let at = 0; at < 300; at++) void state.apply(committed(1 + at, { actions: [create('config', config(`d${at}`, 5000))], now: 1 }));
  while (turns.length > 0) {
    turns.shift()?.();
    for (let step = 0; step < 10; step++) await Promise.resolve();
  }
  expect(() => state.apply(committed(301, { actions: [], now: 1, check: '20000000000001' }))).toThrow(Divergence);
});

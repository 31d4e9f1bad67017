import { expect, test } from 'vitest';
import { seededRandom, type Random } from '#base/random';
import { Refusal } from '#base/refusal';
import { awaitNode, Heartbeats, type Moment } from '#stages/dispatcher/heartbeat';
import { latestBeat, leastSilent, mostSilent, paceOf } from '#model/options/silence';
import type { Node } from '#model/object/node';
import type { Action } from '#store/action';
import { registerNode } from '#stages/dispatcher/registration';
import { Overlay } from '#store/overlay';
import { testDescription } from '#test/support/memory-cluster';
import { aNode, startTime, storeOf } from '#test/support/cluster-objects';

/** Chance that always says `value`. */
function fixed(value: number): Random {
  return { next: () => value, bytes: () => new Uint8Array(), split: () => fixed(value) };
}

function inState(id: string, State: Node['Status']['State']): Node {
  return aNode(id, { Status: { State, Addr: '192.0.2.7' } });
}

/** Both clocks show the same. */
function at(ms: number): Moment {
  return { now: ms, monotonic: ms };
}

function statuses(actions: readonly Action[]): unknown[] {
  return actions.map((action) => action.type === 'update' && action.kind === 'node' && [action.object.ID, action.object.Status]);
}

test.each([
  [0, 1, 2000, 15_000],
  [0.5, 100, 1900, 15_000],
  [0.999999, 1, 1800, 15_000],
  [0, 250, 3500, 17_000],
  [0, 400, 5000, 19_000],
  [0.999999, 1000, 4500, 19_000],
])('with chance %d a node of %i beats again after %i ms, and may be silent for %i', (chance, nodes, due, silent) => {
  const heartbeats = new Heartbeats(fixed(chance));
  const [session] = Array.from({ length: nodes }, (_, n) => heartbeats.open(`n${n}`, 5000, 20_000));
  expect(heartbeats.beat('n0', session ?? 0, 5000, 5000)).toBe(due);
  expect(heartbeats.nextDeadline()).toBe(5000 + silent);
});

test('however many nodes there are, a leader takes few more beats than one a period of each, and a break of two periods leaves each half a one to be heard', () => {
  for (let nodes = 1; nodes <= 2000; nodes++) {
    const { beat, silent } = paceOf(nodes);
    expect([nodes, nodes / beat <= Math.max(450, nodes), silent - beat - 2 >= 0.59, silent - beat <= 2.91, silent <= mostSilent]).toEqual([
      nodes,
      true,
      true,
      true,
      true,
    ]);
    expect(silent).toBeGreaterThanOrEqual(leastSilent);
    expect(beat).toBeLessThan(latestBeat);
  }
});

test('a node that does not beat for three periods is down', () => {
  const store = storeOf({ node: [inState('n1', 'ready'), inState('n2', 'ready')] });
  const heartbeats = new Heartbeats(fixed(0.5));
  const first = heartbeats.open('n1', 5000, 0);
  const second = heartbeats.open('n2', 5000, 0);
  heartbeats.beat('n2', second, 5000, 9000);
  expect(heartbeats.expire(store, at(18_999))).toEqual([]);
  const actions = heartbeats.expire(store, at(19_000));
  expect(statuses(actions)).toEqual([['n1', { State: 'down', Addr: '192.0.2.7', Message: 'heartbeat failure' }]]);
  expect(actions).toMatchObject([{ object: { UpdatedAt: '1970-01-01T00:00:19.000Z' } }]);
  // An entry that does not come to be is decided on again; once it is there, nobody is waited for.
  expect(heartbeats.expire(store, at(19_000))).toEqual(actions);
  expect(heartbeats.nextDeadline()).toBe(19_000);
  store.apply(2, { actions, now: startTime });
  heartbeats.forgetDown(store);
  expect(heartbeats.expire(store, at(19_000))).toEqual([]);
  expect(heartbeats.nextDeadline()).toBe(24_000);
  expect(() => heartbeats.beat('n1', first, 5000, 19_001)).toThrow(new Refusal('invalidArgument', 'session invalid'));
});

test('a newer session ends the older one', () => {
  const heartbeats = new Heartbeats(seededRandom(1));
  const older = heartbeats.open('n1', 5000, 0);
  const newer = heartbeats.open('n1', 5000, 1);
  expect(newer).toBeGreaterThan(older);
  expect([heartbeats.isOpen('n1', older), heartbeats.isOpen('n1', newer)]).toEqual([false, true]);
  expect(() => heartbeats.beat('n1', older, 5000, 2)).toThrow('session invalid');
  expect(heartbeats.beat('n1', newer, 5000, 2)).toBeGreaterThan(0);
});

test('a new leader waits six periods for nodes that were not down', () => {
  const store = storeOf({ node: [inState('ready', 'ready'), inState('unknown', 'unknown'), inState('down', 'down'), inState('left', 'disconnected')] });
  const heartbeats = new Heartbeats(fixed(0.5));
  const Message = 'Node moved to "unknown" state due to leadership change in cluster';
  heartbeats.takeOver(store, 5000, at(startTime));
  const actions = heartbeats.unheard(store, startTime);
  expect(statuses(actions)).toEqual([
    ['ready', { State: 'unknown', Addr: '192.0.2.7', Message }],
    ['left', { State: 'unknown', Addr: '192.0.2.7', Message }],
  ]);
  store.apply(2, { actions, now: startTime });
  expect(heartbeats.unheard(store, startTime)).toEqual([]);
  heartbeats.open('left', 5000, startTime + 15_000);
  expect(heartbeats.expire(store, at(startTime + 29_999))).toEqual([]);
  expect(statuses(heartbeats.expire(store, at(startTime + 30_000)))).toMatchObject([
    ['ready', { State: 'down', Message: 'heartbeat failure for node in "unknown" state' }],
    ['unknown', { State: 'down' }],
  ]);
});

test('a node that two looks of one entry find silent is waited for until that entry is there', () => {
  const store = storeOf({ node: [inState('n1', 'ready')] });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.open('n1', 1000, 0);
  const entry = new Overlay(store);
  entry.lay(heartbeats.expire(entry, at(4000)));
  expect(heartbeats.expire(entry, at(4001))).toEqual([]);
  // It does not come to be.
  heartbeats.forgetDown(store);
  expect(heartbeats.expire(store, at(4002))).toHaveLength(1);
});

test('while workers keep coming to a new leader the others are waited for; one that opened a session and was not heard since is none that came', () => {
  const store = storeOf({ node: ['a', 'b', 'c', 'd'].map((id) => inState(id, 'unknown')) });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(0));
  const given = heartbeats.open('a', 1000, 1500);
  const down = (ms: number): unknown[] => heartbeats.expire(store, at(ms)).map((action) => action.type === 'update' && action.object.ID);
  const first = heartbeats.open('b', 1000, 5000);
  expect(down(7999)).toEqual([]);
  // The first beat says that it is there; the next ones put nothing off.
  expect(heartbeats.beat('b', first, 1000, 7000)).toBe(380);
  expect([heartbeats.beat('b', first, 1000, 9000), heartbeats.nextDeadline()]).toEqual([380, 10_000]);
  expect(down(9999)).toEqual([]);
  expect(heartbeats.isOpen('a', given)).toBe(true);
  expect(down(10_000)).toEqual(['a', 'c', 'd']);
  // When nobody comes any more, each is held to its beats.
  expect(down(11_999)).toEqual(['a', 'c', 'd']);
  expect(down(12_000)).toEqual(['a', 'b', 'c', 'd']);
});

test('while most of many workers are missing nobody is taken for dead: that is the leader, or a busy machine', () => {
  const ids = Array.from({ length: 10 }, (_, n) => `n${n}`);
  const store = storeOf({ node: ids.map((id) => inState(id, 'unknown')) });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(0));
  for (const id of ids.slice(0, 4)) heartbeats.open(id, 1000, 20_000);
  expect([heartbeats.expire(store, at(29_000)), heartbeats.nextDeadline()]).toEqual([[], 30_000]);
  heartbeats.open('n4', 1000, 29_500);
  // Where they are many, and it takes them long, a third of that time may pass between two.
  expect(heartbeats.nextDeadline()).toBe(39_333);
  expect(heartbeats.expire(store, at(39_332))).toEqual([]);
  expect(heartbeats.expire(store, at(39_333)).length).toBeGreaterThanOrEqual(5);
});

test('of many workers those that are back are not taken for dead either while the others come: their beats wait behind these', () => {
  const ids = Array.from({ length: 30 }, (_, n) => `n${n}`);
  const store = storeOf({ node: ids.map((id) => inState(id, 'unknown')) });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(0));
  for (const [second, id] of ids.entries()) {
    const session = heartbeats.open(id, 1000, second * 1000);
    heartbeats.beat(id, session, 1000, second * 1000 + 500);
    expect(heartbeats.expire(store, at(second * 1000 + 999))).toEqual([]);
  }
  // The last one came after 29.5 s: a third of that is left for what waits, and then silence counts.
  expect(heartbeats.nextDeadline()).toBe(39_333);
  expect(heartbeats.expire(store, at(39_333))).toHaveLength(30);
});

test('most of many workers that died together with the leader are down after thirty periods', () => {
  const ids = Array.from({ length: 10 }, (_, n) => `n${n}`);
  const store = storeOf({ node: ids.map((id) => inState(id, 'unknown')) });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(0));
  const sessions = ids.slice(0, 4).map((id) => ({ id, session: heartbeats.open(id, 1000, 1000) }));
  for (const ms of [2000, 29_000]) for (const { id, session } of sessions) heartbeats.beat(id, session, 1000, ms);
  expect(heartbeats.expire(store, at(29_900))).toEqual([]);
  expect(heartbeats.expire(store, at(30_000))).toHaveLength(6);
});

test('however long nodes keep coming to a new leader, one that is missing is down after sixty periods', () => {
  const ids = Array.from({ length: 70 }, (_, n) => `n${n}`);
  const store = storeOf({ node: ['missing', ...ids].map((id) => inState(id, 'unknown')) });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(0));
  let found = 0;
  for (const [second, id] of ids.entries()) {
    heartbeats.open(id, 1000, second * 1000);
    const due = heartbeats.expire(store, at(second * 1000)).some((action) => action.type === 'update' && action.object.ID === 'missing');
    if (due) found ||= second;
  }
  expect(found).toBe(60);
});

test('nodes that are gone, or down already, are forgotten', () => {
  const store = storeOf({ node: [inState('down', 'down')] });
  const heartbeats = new Heartbeats(fixed(0));
  heartbeats.open('gone', 5000, 0);
  heartbeats.open('down', 5000, 0);
  expect(heartbeats.expire(store, at(99_000))).toEqual([]);
  heartbeats.forgetDown(store);
  expect(heartbeats.nextDeadline()).toBeUndefined();
});

test('a node that said that it comes back is waited for longer, by the next leader too, and no longer than that', () => {
  const store = storeOf({ node: [inState('n1', 'ready')] });
  const heartbeats = new Heartbeats(fixed(0.5));
  const session = heartbeats.open('n1', 1000, 0);
  const actions = awaitNode(store, 'n1', startTime);
  expect(statuses(actions)).toEqual([['n1', { State: 'disconnected', Addr: '192.0.2.7', Message: expect.stringMatching(/waited for/) }]]);
  const [away] = actions.flatMap((action) => (action.type === 'update' && action.kind === 'node' ? [action.object] : []));
  heartbeats.pause('n1', session, 0);
  expect(() => heartbeats.beat('n1', session, 1000, 1)).toThrow('session invalid');
  expect(heartbeats.nextDeadline()).toBe(20_000);
  const next = new Heartbeats(fixed(0.5));
  const later = storeOf({ node: [away as Node] });
  // What is left of the time counts; it stays disconnected, and is not unknown.
  next.takeOver(later, 1000, { now: startTime + 8000, monotonic: 5 });
  expect(next.unheard(later, startTime + 8000)).toEqual([]);
  expect(next.nextDeadline()).toBe(12_005);
  const [expired] = next.expire(later, { now: startTime + 20_000, monotonic: 12_005 });
  expect(expired).toMatchObject({ object: { Status: { State: 'down', Message: 'its daemon was stopped and has not come back' } } });
  expect(expired).not.toHaveProperty('object.Shoal.AwayUntil');
  // A clock that was set says nothing of a node: nobody is waited for without end.
  const set = new Heartbeats(fixed(0.5));
  set.takeOver(later, 1000, { now: 0, monotonic: 0 });
  expect(set.nextDeadline()).toBe(60_000);
});

test('a manager that does not come to a new leader is down as soon as one that falls silent: its own log tells it who leads', () => {
  const dead = { ...inState('dead', 'ready'), Shoal: { Role: 'manager' as const } };
  const store = storeOf({ node: [dead, inState('worker', 'ready')] });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(startTime));
  expect(heartbeats.expire(store, at(startTime + 3799))).toEqual([]);
  expect(statuses(heartbeats.expire(store, at(startTime + 3800)))).toMatchObject([['dead', { State: 'down' }]]);
});

test('of many nodes some are noted in an entry, and all in the end', () => {
  const store = storeOf({ node: Array.from({ length: 250 }, (_, n) => inState(`n${n}`, 'ready')) });
  const heartbeats = new Heartbeats(fixed(0.5));
  heartbeats.takeOver(store, 1000, at(startTime));
  const counts = { unknown: [] as number[], down: [] as number[] };
  for (let index = 2, left = 1; left > 0; index++) {
    const actions = heartbeats.unheard(store, startTime);
    counts.unknown.push((left = actions.length));
    store.apply(index, { actions, now: startTime });
  }
  for (let index = 10; heartbeats.nextDeadline() !== undefined; index++) {
    const actions = heartbeats.expire(store, at(startTime + 3_600_000));
    counts.down.push(actions.length);
    store.apply(index, { actions, now: startTime });
    heartbeats.forgetDown(store);
  }
  expect(counts).toEqual({ unknown: [100, 100, 50, 0], down: [100, 100, 50] });
});

test('a node that is back is ready, and nothing is waited for', () => {
  const store = storeOf({ node: [inState('n1', 'ready')] });
  const [away] = awaitNode(store, 'n1', startTime).flatMap((action) => (action.type === 'update' && action.kind === 'node' ? [action.object] : []));
  const [back] = registerNode(storeOf({ node: [away as Node] }), 'n1', testDescription, '192.0.2.7');
  expect(back).toMatchObject({ object: { Status: { State: 'ready' } } });
  expect(back).not.toHaveProperty('object.Shoal.AwayUntil');
});

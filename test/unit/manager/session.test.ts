import { expect, test } from 'vitest';
import type { AssignmentChange, AssignmentUpdate } from '#model/object/assignment';
import { integerBetween, seededRandom } from '#base/random';
import { Session } from '#manager/session';
import { inOrder } from '#stages/dispatcher/item';
import { makeTask } from '#test/support/worker';

const task = (id: string): AssignmentUpdate => ({ action: 'update', kind: 'task', item: makeTask(id) });

const secret = (ID: string, n: number): AssignmentUpdate =>
  ({ action: 'update', kind: 'secret', item: { ID, Spec: { Name: `${n}` } } as AssignmentUpdate['item'] }) as AssignmentUpdate;
const keyOf = (change: AssignmentChange): string => `${change.kind} ${change.action === 'remove' ? change.id : change.item.ID}`;

/** A session that is woken whenever it has something for who reads. */
function open(whole: () => readonly AssignmentUpdate[], nodeId = 'n1'): Session {
  const session: Session = new Session(nodeId, 1, whole, () => void session.wake());
  return session;
}

test('changes of one key that wait are one, and come before what goes', async () => {
  const session = open(() => [task('t1')]);
  const messages = session.messages();
  expect((await messages.next()).value).toEqual({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [task('t1')] });
  const gone: AssignmentChange = { action: 'remove', kind: 'task', id: 't1' };
  for (const change of [gone, task('t2'), task('t2')]) session.add([change], false);
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 1, resultsIn: 2, changes: [task('t2'), gone] });
});

test('a reader too far behind is sent the whole set again', async () => {
  let whole = [task('t0')];
  const session = open(() => whole);
  const messages = session.messages();
  await messages.next();
  for (let i = 0; i <= 10_000; i++) session.add([task(`t${i}`)], false);
  whole = [task('new')];
  expect((await messages.next()).value).toEqual({ type: 'complete', appliesTo: 0, resultsIn: 2, changes: [task('new')] });
  session.add([task('next')], false);
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 2, resultsIn: 3, changes: [task('next')] });
  session.end();
  expect((await messages.next()).done).toBe(true);
});

test('what many commits left is sent some at a time, each when the session is woken, and a question with the last of it', async () => {
  let asked = 0;
  const session = new Session(
    'n1',
    1,
    () => [],
    () => void asked++,
  );
  const messages = session.messages();
  const whole = messages.next();
  expect(asked).toBe(1);
  expect(session.wake()).toBe(true);
  await whole;
  for (let i = 0; i < 5; i++)
    session.add(
      Array.from({ length: 450 }, (_, at) => task(`t${at % 2 === 0 ? at : i * 450 + at}`)),
      false,
    );
  void session.applied();
  const sizes: number[] = [];
  for (let woken = 0; woken < 3; woken++) {
    expect(session.wake(), 'nobody waits for a message').toBe(false);
    const next = messages.next();
    expect(asked).toBe(2 + woken);
    expect(session.wake()).toBe(true);
    const { value } = await next;
    sizes.push(value.changes.length);
    expect('acknowledge' in value).toBe(woken === 2);
  }
  // Of those with one key in two lists of a message the last one went.
  expect(sizes).toEqual([675, 675, 450]);
  void messages.next();
  expect([session.wake(), asked]).toEqual([false, 4]);
});

test('what cannot be made ends the stream of its reader, and not who woke it', async () => {
  const session = open(() => {
    throw new Error('no such set');
  });
  await expect(session.messages().next()).rejects.toThrow('no such set');
});

test('sessions that wait for the same lists are sent one list that was merged once', async () => {
  const lists = [
    [task('t1'), task('t2')],
    [task('t2'), task('t3')],
  ];
  const sent = await Promise.all(
    ['n1', 'n2'].map(async (id) => {
      const session = open(() => [], id);
      const messages = session.messages();
      await messages.next();
      for (const list of lists) session.add(list, true);
      return (await messages.next()).value?.changes;
    }),
  );
  expect(sent[0]).toEqual([task('t1'), task('t2'), task('t3')]);
  expect(sent[0]).toBe(sent[1]);
});

test('what a node was told alone is joined to what all were told, the last word on each key', async () => {
  const random = seededRandom(5);
  const below = (limit: number): number => integerBetween(random, 0, limit - 1);
  for (let round = 0; round < 200; round++) {
    const told = Array.from({ length: 1 + below(6) }, () => ({
      isShared: below(2) === 0,
      changes: inOrder(
        [...new Set(Array.from({ length: below(6) }, () => below(8)))].map((n): AssignmentChange =>
          below(3) === 0 ? { action: 'remove', kind: n % 2 === 0 ? 'task' : 'secret', id: `${n}` } : n % 2 === 0 ? task(`${n}`) : secret(`${n}`, below(9)),
        ),
      ),
    }));
    const session = open(() => []);
    const messages = session.messages();
    await messages.next();
    for (const { changes, isShared } of told) session.add(changes, isShared);
    const sent = (await messages.next()).value?.changes ?? [];
    const last = new Map(told.flatMap(({ changes }) => changes.map((change) => [keyOf(change), change] as const)));
    expect(new Map(sent.map((change: AssignmentChange) => [keyOf(change), change])), `round ${round}`).toEqual(last);
    expect(sent, `round ${round}`).toHaveLength(last.size);
    expect(sent, `round ${round}`).toEqual(inOrder(sent));
  }
});

test('a session that is full merges nothing in the turn of a commit: the whole set is next, whatever the keys', async () => {
  const session = open(() => [task('t1')]);
  const messages = session.messages();
  await messages.next();
  for (let i = 0; i <= 10_000; i++) session.add([task('t1')], false);
  expect((await messages.next()).value).toMatchObject({ type: 'complete', changes: [task('t1')] });
});

test('a question goes out with what was told so far, and the node’s word answers it and those before', async () => {
  const session = open(() => [task('t1')]);
  const messages = session.messages();
  await messages.next();
  const heard: string[] = [];
  session.add([task('t2')], false);
  const first = session.applied().then(() => heard.push('first'));
  expect((await messages.next()).value).toMatchObject({ resultsIn: 2, changes: [task('t2')], acknowledge: true });
  const second = session.applied().then(() => heard.push('second'));
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 2, resultsIn: 3, changes: [], acknowledge: true });
  session.acknowledged(1);
  session.acknowledged(2);
  await first;
  expect(heard).toEqual(['first']);
  session.acknowledged(3);
  await second;
  session.add([task('t3')], false);
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 3, resultsIn: 4, changes: [task('t3')] });
});

test('a node that is gone is waited for no longer', async () => {
  const session = open(() => []);
  const messages = session.messages();
  await messages.next();
  const waiting = [session.applied()];
  await messages.next();
  waiting.push(session.applied());
  session.end();
  await Promise.all([...waiting, session.applied()]);
});

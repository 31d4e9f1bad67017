import { expect, test } from 'vitest';
import type { AssignmentChange, AssignmentUpdate } from '#model/object/assignment';
import { Session } from '#manager/session';
import { makeTask } from '#test/support/worker';

const ignore = (): void => {};
const task = (id: string): AssignmentUpdate => ({ action: 'update', kind: 'task', item: makeTask(id) });

test('changes of one key that wait are one, and come before what goes', async () => {
  const session = new Session('n1', 1, () => [task('t1')], ignore);
  const messages = session.messages();
  expect((await messages.next()).value).toEqual({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [task('t1')] });
  const gone: AssignmentChange = { action: 'remove', kind: 'task', id: 't1' };
  for (const change of [gone, task('t2'), task('t2')]) session.add([change]);
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 1, resultsIn: 2, changes: [task('t2'), gone] });
});

test('a reader too far behind is sent the whole set again', async () => {
  let whole = [task('t0')];
  const session = new Session('n1', 1, () => whole, ignore);
  const messages = session.messages();
  await messages.next();
  for (let i = 0; i <= 10_000; i++) session.add([task(`t${i}`)]);
  whole = [task('new')];
  expect((await messages.next()).value).toEqual({ type: 'complete', appliesTo: 0, resultsIn: 2, changes: [task('new')] });
  session.add([task('next')]);
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 2, resultsIn: 3, changes: [task('next')] });
  session.end();
  expect((await messages.next()).done).toBe(true);
});

test('what many commits left is sent some at a time, and a question with the last of it', async () => {
  let asked = 0;
  const session = new Session(
    'n1',
    1,
    () => [],
    () => void asked++,
  );
  const messages = session.messages();
  await messages.next();
  for (let i = 0; i < 5; i++) session.add(Array.from({ length: 450 }, (_, at) => task(`t${at % 2 === 0 ? at : i * 450 + at}`)));
  void session.applied();
  const sizes: number[] = [];
  for (let woken = 0; woken < 3; woken++) {
    expect(asked).toBe(woken);
    expect(session.wake()).toBe([1000, 1000, 450][woken]);
    const { value } = await messages.next();
    sizes.push(value.changes.length);
    expect('acknowledge' in value).toBe(woken === 2);
  }
  // Of those with one key in two lists of a message the last one went.
  expect(sizes).toEqual([675, 675, 450]);
});

test('sessions that wait for the same lists are sent one list that was merged once', async () => {
  const lists = [
    [task('t1'), task('t2')],
    [task('t2'), task('t3')],
  ];
  const sent = await Promise.all(
    ['n1', 'n2'].map(async (id) => {
      const session = new Session(id, 1, () => [], ignore);
      const messages = session.messages();
      await messages.next();
      for (const list of lists) session.add(list);
      return (await messages.next()).value?.changes;
    }),
  );
  expect(sent[0]).toEqual([task('t1'), task('t2'), task('t3')]);
  expect(sent[0]).toBe(sent[1]);
});

test('a session that is full merges nothing in the turn of a commit: the whole set is next, whatever the keys', async () => {
  const session = new Session('n1', 1, () => [task('t1')], ignore);
  const messages = session.messages();
  await messages.next();
  for (let i = 0; i <= 10_000; i++) session.add([task('t1')]);
  expect(session.wake()).toBe(10_000);
  expect((await messages.next()).value).toMatchObject({ type: 'complete', changes: [task('t1')] });
});

test('a question goes out with what was told so far, and the node’s word answers it and those before', async () => {
  const session = new Session('n1', 1, () => [task('t1')], ignore);
  const messages = session.messages();
  await messages.next();
  const heard: string[] = [];
  session.add([task('t2')]);
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
  session.add([task('t3')]);
  expect((await messages.next()).value).toEqual({ type: 'incremental', appliesTo: 3, resultsIn: 4, changes: [task('t3')] });
});

test('a node that is gone is waited for no longer', async () => {
  const session = new Session('n1', 1, () => [], ignore);
  const messages = session.messages();
  await messages.next();
  const waiting = [session.applied()];
  await messages.next();
  waiting.push(session.applied());
  session.end();
  await Promise.all([...waiting, session.applied()]);
});

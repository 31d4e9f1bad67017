/** A thousand nodes come together, and report together: what each is told is a message, and one entry is for hundreds. */
import { nextTurn } from '#base/clock';
import { expect, test } from 'vitest';
import type { DispatcherSession } from '#model/object/assignment';
import { create } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { ofNode, running, setUpSessions as setUp } from '#test/support/leader-sessions';
import { testDescription } from '#test/support/memory-cluster';

const count = 120;
const names = Array.from({ length: count }, (_, n) => `n${n}`);

/** How many were settled in each turn of the event loop, until all are. */
async function turnsOf(clock: Parameters<typeof nextTurn>[0], works: readonly Promise<unknown>[]): Promise<number[]> {
  let done = 0;
  const turns: number[] = [];
  for (const work of works) void work.then(() => done++);
  for (let before = 0; before < works.length; before = done) {
    await nextTurn(clock);
    if (done > before) turns.push(done - before);
  }
  return turns;
}

test('nodes that open sessions together, and report together, share entries, and are answered some in each turn', async () => {
  const { sessions, store, clock, log, write } = await setUp();
  await write(names.map((name) => create('node', aNode(name))));
  await write(names.map((name) => create('task', { ...ofNode(`t-${name}`), NodeID: name })));
  const before = log.entries.length;
  const lines: DispatcherSession[] = [];
  const opening = names.map((name) => sessions.open(name, testDescription).then((line) => void lines.push(line)));
  const opened = await turnsOf(clock, opening);
  expect(Math.max(...opened)).toBeLessThanOrEqual(10);
  const reporting = lines.map((line, n) => line.updateTaskStatus([{ taskId: `t-n${n}`, status: running }]));
  const answered = await turnsOf(clock, reporting);
  expect(Math.max(...answered)).toBeLessThanOrEqual(10);
  expect([...store.list('task')].every(({ Status }) => Status.State === 'running')).toBe(true);
  expect(log.entries.length - before).toBeLessThanOrEqual(4);
});

test('a term that ends while nodes wait to hear that their sessions are open opens none of them', async () => {
  const { sessions, write } = await setUp();
  await write(names.map((name) => create('node', aNode(name))));
  let first = (): void => undefined;
  const one = new Promise<void>((resolve) => (first = resolve));
  const opening = names.map((name) => sessions.open(name, testDescription).finally(first));
  await one;
  sessions.stop();
  const outcomes = await Promise.allSettled(opening);
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(10);
});

test('a term that ends tells its nodes so some in each turn, and tells them nothing else', async () => {
  const { sessions, clock, write } = await setUp();
  await write(names.map((name) => create('node', aNode(name))));
  const lines = await Promise.all(names.map((name) => sessions.open(name, testDescription)));
  const told = names.map(() => '');
  const ending = lines.map(async (line, n) => {
    for await (const { type } of line.assignments()) told[n] += type;
  });
  // The first of them have their tasks by then, the others are still to be told.
  await nextTurn(clock);
  const before = [...told];
  const ended = turnsOf(clock, ending);
  sessions.stop();
  const refused = await Promise.allSettled(lines.map((line) => line.heartbeat()));
  expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
  expect(Math.max(...(await ended))).toBeLessThanOrEqual(10);
  expect(told).toEqual(before);
});

test('nodes that wait for their sessions when the term ends hear of it some in each turn', async () => {
  const { sessions, manager, clock, write } = await setUp();
  await write(names.map((name) => create('node', aNode(name))));
  const opening = names.map((name) => sessions.open(name, testDescription).catch(() => undefined));
  const refused = turnsOf(clock, opening);
  manager.revoke();
  sessions.stop();
  expect(Math.max(...(await refused))).toBeLessThanOrEqual(10);
});

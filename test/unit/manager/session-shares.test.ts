/** What one node may ask of the leader. */
import { expect, test } from 'vitest';
import { create } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { nodeId, ofNode as task, running, setUpSessions as setUp } from '#test/support/leader-sessions';
import { testDescription } from '#test/support/memory-cluster';
import { settle } from '#test/support/virtual-clock';

test('of what a node says of itself again and again the newest is written once a second', async () => {
  const { sessions, store, log, clock } = await setUp();
  const session = await sessions.open(nodeId, testDescription);
  await session.updateDescription({ ...testDescription, Hostname: 'first' });
  const before = log.entries.length;
  const said = Array.from({ length: 50 }, (_, n) => session.updateDescription({ ...testDescription, Hostname: `h${n}` }));
  await settle();
  expect(log.entries.length).toBe(before);
  await clock.advance(1000);
  await Promise.all(said);
  expect(log.entries.length).toBe(before + 1);
  expect(store.get('node', nodeId)?.Description?.Hostname).toBe('h49');
});

test('a node that opens one session after the other is told to wait, and no other is', async () => {
  const { sessions, clock, write, log } = await setUp();
  await write([create('node', aNode('node-two'))]);
  // Who has given up costs nothing.
  for (let given = 0; given < 20; given++) await expect(sessions.open(nodeId, testDescription, undefined, () => false)).rejects.toThrow('has given up');
  for (let opened = 0; opened < 10; opened++) await sessions.open(nodeId, { ...testDescription, Hostname: `h${opened}` });
  const before = log.entries.length;
  await expect(sessions.open(nodeId, testDescription)).rejects.toMatchObject({ code: 'unavailable' });
  expect(log.entries.length).toBe(before);
  await sessions.open('node-two', testDescription);
  await clock.advance(8000);
  await sessions.open(nodeId, testDescription);
});

test("reports of others' tasks take no place among those that wait", async () => {
  const { sessions, store, write, log } = await setUp();
  await write([create('node', aNode('node-two')), create('task', task('t1'))]);
  const [own, other] = [await sessions.open(nodeId, testDescription), await sessions.open('node-two', testDescription)];
  const before = log.entries.length;
  const foreign = Array.from({ length: 1000 }, () => ({ taskId: 't1', status: { ...running, State: 'failed' as const } }));
  await Promise.all(Array.from({ length: 110 }, () => other.updateTaskStatus(foreign)));
  expect(log.entries.length).toBe(before);
  await expect(other.updateTaskStatus([...foreign, ...foreign])).rejects.toThrow('a call brings at most 1000 reports');
  await own.updateTaskStatus([{ taskId: 't1', status: running }]);
  expect(store.get('task', 't1')?.Status.State).toBe('running');
});

test("a node asks whether others know of its own tasks' ends only", async () => {
  const { sessions, write } = await setUp();
  await write([create('node', aNode('node-two')), create('task', task('t1'))]);
  const other = await sessions.open('node-two', testDescription);
  await expect(other.withdrawn('t1')).rejects.toThrow('task t1 is not one of node node-two');
  await other.withdrawn('gone');
});

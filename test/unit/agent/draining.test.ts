/** How long a task waits for those who are connected to it. */
import { expect, test } from 'vitest';
import { drained } from '#agent/draining';
import type { Labels } from '#model/object/meta';
import { aTask } from '#test/support/cluster-objects';
import { RecordingNetwork } from '../../support/recording-network.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

function setUp(ServiceLabels: Labels) {
  const task = aTask('t1', 'running');
  const network = new RecordingNetwork();
  network.parts.ports.connections.add('t1');
  const clock = new VirtualClock();
  const state = { over: false, hurries: false };
  const ending = new AbortController();
  const waits = drained({ ...task, Shoal: { ...task.Shoal, ServiceLabels } }, { network, clock }, () => state.hurries, ending.signal);
  void waits.then(() => (state.over = true));
  return { clock, state, ending, connections: network.parts.ports.connections };
}

const tenSeconds = { 'shoal.drain': '10s' };

test('it is told to stop when the last one has gone', async () => {
  const { clock, state, connections } = setUp(tenSeconds);
  await clock.advance(5000);
  expect(state.over).toBe(false);
  connections.clear();
  await clock.advance(300);
  expect(state.over).toBe(true);
});

test('it waits no longer than its service says', async () => {
  const { clock, state } = setUp(tenSeconds);
  await clock.advance(9700);
  expect(state.over).toBe(false);
  await clock.advance(600);
  expect(state.over).toBe(true);
});

test.each([[{}], [{ 'shoal.drain': 'false' }]])('without a word of it, nobody is waited for: %j', async (labels) => {
  const { clock, state } = setUp(labels);
  await clock.advance(0);
  expect(state.over).toBe(true);
});

test('one that must not run on waits for nobody, and who ends waits no longer', async () => {
  const fenced = setUp(tenSeconds);
  const ended = setUp(tenSeconds);
  fenced.state.hurries = true;
  ended.ending.abort();
  for (const { clock } of [fenced, ended]) await clock.advance(300);
  expect([fenced.state.over, ended.state.over]).toEqual([true, true]);
});

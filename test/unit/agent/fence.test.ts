/** Tasks that must not run twice, on a node that is cut off. */
import { expect, onTestFinished, test } from 'vitest';
import { Agent } from '#agent/agent';
import { Fence } from '#agent/fence';
import { fencedFor, fenceOf } from '#model/options/fence';
import type { Task } from '#model/object/task';
import { silentLogger } from '#test/support/silent-logger';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { VirtualClock } from '#test/support/virtual-clock';
import { makeTask } from '#test/support/worker';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };

function fenced(id: string, grace?: string): Task {
  const task = makeTask(id);
  return { ...task, Shoal: { ...task.Shoal, ServiceLabels: grace === undefined ? {} : { 'shoal.fence': grace } } };
}

test('each waits as long as its service says, from when the call went out that was answered last', async () => {
  const clock = new VirtualClock();
  const tasks = [fenced('none'), fenced('off', 'false'), fenced('usual', 'true'), fenced('long', '10s')];
  const dues: string[] = [];
  const held = (): string =>
    tasks
      .filter((task) => fence.holds(task))
      .map(({ ID }) => ID)
      .join();
  const fence = new Fence(
    clock,
    () => tasks,
    () => dues.push(held()),
  );
  fence.plan();
  await clock.advance(4000);
  fence.heard(clock.monotonicNow() - 1000);
  await clock.advance(3999);
  expect([held(), dues]).toEqual(['', []]);
  await clock.advance(1);
  expect([held(), dues]).toEqual(['usual', ['usual']]);
  await clock.advance(5000);
  expect([held(), dues.at(-1)]).toEqual(['usual,long', 'usual,long']);
  fence.heard(clock.monotonicNow());
  expect([held(), dues.at(-1)]).toEqual(['', '']);
  fence.stop();
});

test('a shorter time than between two beats stops nothing that is well: one may come late', async () => {
  const clock = new VirtualClock();
  const task = fenced('short', '3s');
  const fence = new Fence(
    clock,
    () => [task],
    () => undefined,
  );
  for (let beat = 0; beat < 5; beat++) {
    fence.heard(clock.monotonicNow(), 5000);
    await clock.advance(6000);
    expect([beat, fence.holds(task)]).toEqual([beat, false]);
  }
  await clock.advance(4000);
  expect(fence.holds(task)).toBe(true);
  fence.stop();
});

test('managers wait until it has stopped there: its grace, its stop and a margin after the last beat', () => {
  expect(fenceOf(fenced('t', '3s'))).toBe(3000);
  expect(fencedFor(fenced('t', 'false'), 1000)).toBeUndefined();
  expect(fencedFor(fenced('t', '5s'), 1000)).toBe(5000 + 10_000 + 2000 - 3000);
  expect(fencedFor(fenced('t', '3s'), 5000)).toBe(11_000 + 10_000 + 2000 - 15_000);
  expect(fencedFor(fenced('t', '3s'), 60_000)).toBe(0);
});

test('a node that is cut off stops them and no others, and says so when it is heard again', { timeout: 60_000 }, async () => {
  const engine = new SimulatedEngine({ description, image: () => ({}) }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const agent = new Agent(
    { nodeId: 'node1' },
    { engine, network: new RecordingNetwork(), openSession: dispatcher.open, clock: realClock, logger: silentLogger },
  );
  onTestFinished(() => agent.stop());
  await agent.start();
  dispatcher.assign([fenced('alone', '3s'), fenced('any')].map((item) => ({ action: 'update', kind: 'task', item })));
  const reached = (what: () => boolean) => until(what, 30_000, () => JSON.stringify([...dispatcher.statuses]));
  await reached(() => dispatcher.state('alone') === 'running' && dispatcher.state('any') === 'running');
  dispatcher.refuse.open = true;
  dispatcher.endSession();
  await reached(() => engine.count('stopContainer') === 1);
  dispatcher.refuse.open = false;
  await reached(() => dispatcher.state('alone') === 'shutdown');
  expect([dispatcher.state('any'), engine.count('stopContainer')]).toEqual(['running', 1]);
});

test('a daemon that begins while its node is cut off stops them, for it knows of them by their containers', { timeout: 60_000 }, async () => {
  const engine = new SimulatedEngine({ description, image: () => ({}) }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const start = async (): Promise<Agent> => {
    const agent = new Agent(
      { nodeId: 'node1' },
      { engine, network: new RecordingNetwork(), openSession: dispatcher.open, clock: realClock, logger: silentLogger },
    );
    await agent.start();
    return agent;
  };
  const first = await start();
  const tasks = [fenced('alone', '2s'), fenced('any')];
  dispatcher.assign(tasks.map((item) => ({ action: 'update', kind: 'task', item })));
  const reached = (what: () => boolean) => until(what, 30_000, () => JSON.stringify([...dispatcher.statuses]));
  await reached(() => dispatcher.state('alone') === 'running' && dispatcher.state('any') === 'running');
  dispatcher.refuse.open = true;
  await first.stop();
  const second = await start();
  onTestFinished(() => second.stop());
  await reached(() => engine.count('stopContainer') === 1);
  const seen = new Map((await engine.observe()).map(({ taskId, state }) => [taskId, state]));
  await reached(() => seen.size === 2);
  expect(seen.get('any')).toBe('running');
});

/** The order in which a task leaves: nobody is led to it on any node before it is stopped. */
import { afterEach, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import type { AssignmentChange } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { makeTask } from '#test/support/worker';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };
const assigned = (item: Task): AssignmentChange => ({ action: 'update', kind: 'task', item });
const limitMs = 30_000;

let running: Agent[] = [];
afterEach(async () => {
  for (const agent of running) await agent.stop();
  running = [];
});

async function startAgent() {
  const engine = new SimulatedEngine({ description, image: () => ({}) }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const network = new RecordingNetwork();
  const agent = new Agent({ nodeId: 'node1' }, { engine, network, openSession: dispatcher.open, clock: realClock, logger: silentLogger });
  running.push(agent);
  await agent.start();
  const reach = (taskId: string, state: string) =>
    until(
      () => dispatcher.state(taskId) === state,
      limitMs,
      () => JSON.stringify(dispatcher.statuses.get(taskId)),
    );
  return { agent, engine, dispatcher, network, reach };
}

test('it ends only when no other node leads anybody to it; a node that is alone asks nobody', async () => {
  const { agent, dispatcher, engine, reach } = await startAgent();
  const asked: string[] = [];
  let release = () => {};
  dispatcher.beforeWithdrawn = (taskId) => {
    asked.push(taskId);
    return new Promise((resolve) => (release = resolve));
  };
  const tasks = ['alone', 't1'].map((id) => makeTask(id));
  const node: AssignmentChange = { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: {} } };
  dispatcher.assign([...tasks.map(assigned), node]);
  for (const { ID } of tasks) await reach(ID, 'running');
  const stop = (at: number) => assigned({ ...tasks[at]!, DesiredState: 'shutdown' });
  dispatcher.change(1, [stop(0)]);
  await reach('alone', 'shutdown');
  const peer = { ID: 'net/node2', NodeID: 'node2', NetworkID: 'net', Gateway: '10.5.0.254', Address: '192.0.2.2' };
  dispatcher.change(2, [{ action: 'update', kind: 'peer', item: peer }, stop(1)]);
  await until(
    () => asked.length > 0,
    limitMs,
    () => 'nobody was asked',
  );
  expect([asked, engine.count('stopContainer')]).toEqual([['t1'], 1]);
  expect(['net', 'other'].map((id) => agent.neighbours(id).map(({ nodeId, address }) => [nodeId, address]))).toEqual([[['node2', '192.0.2.2']], []]);
  release();
  await reach('t1', 'shutdown');
});

test('it says what is in force when it is asked, after that is', async () => {
  const { dispatcher, network } = await startAgent();
  dispatcher.assign([]);
  let release = () => {};
  await until(
    () => network.updates.length > 0,
    limitMs,
    () => 'nothing was published',
  );
  network.beforeUpdate = () => new Promise((resolve) => (release = resolve));
  const held = release;
  dispatcher.send({ type: 'incremental', appliesTo: 1, resultsIn: 2, changes: [], acknowledge: true });
  await until(
    () => release !== held,
    limitMs,
    () => 'no update asked',
  );
  expect(dispatcher.acknowledged).toEqual([]);
  network.beforeUpdate = async () => {};
  release();
  await until(
    () => dispatcher.acknowledged.length > 0,
    limitMs,
    () => 'nothing was acknowledged',
  );
  expect(dispatcher.acknowledged).toEqual([2]);
});

test('leaving finds what the engine still was making', async () => {
  const { engine, dispatcher } = await startAgent();
  const agent = running[0]!;
  const known = engine.carryOut.bind(engine);
  let asked = (): void => undefined;
  const making = new Promise<void>((resolve) => (asked = resolve));
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  // The engine makes the container whoever still waits for it, and tells of it by an event alone.
  engine.carryOut = async (step, signal) => {
    if (step.type !== 'createContainer') return known(step, signal);
    asked();
    await answered;
    return known(step, new AbortController().signal);
  };
  dispatcher.assign([assigned(makeTask('t1'))]);
  await making;
  const left = agent.removeAll(limitMs);
  answer();
  await left;
  expect(await engine.observe()).toEqual([]);
});

test('a node that leaves says so before anything ends, answers whoever waits for it meanwhile, and comes back no more', async () => {
  const { engine, dispatcher, reach } = await startAgent();
  const agent = running[0]!;
  dispatcher.assign([assigned(makeTask('t1'))]);
  await reach('t1', 'running');
  let letGo = (): void => undefined;
  dispatcher.beforeLeft = () => new Promise((resolve) => (letGo = resolve));
  const left = agent.removeAll(limitMs);
  await until(
    () => dispatcher.left > 0,
    limitMs,
    () => 'nobody was told',
  );
  dispatcher.send({ type: 'incremental', appliesTo: 1, resultsIn: 2, changes: [], acknowledge: true });
  await until(
    () => dispatcher.acknowledged.length > 0,
    limitMs,
    () => 'nothing was acknowledged',
  );
  expect([dispatcher.acknowledged, engine.count('stopContainer')]).toEqual([[2], 0]);
  letGo();
  await left;
  expect([await engine.observe(), dispatcher.left, dispatcher.attempts]).toEqual([[], 1, 1]);
});

test('what must not run twice ends before the managers know that its node leaves', async () => {
  const { engine, dispatcher, reach } = await startAgent();
  const agent = running[0]!;
  const task = makeTask('fenced');
  const fenced = { ...task, Shoal: { ...task.Shoal, ServiceLabels: { 'shoal.fence': 'true' } } };
  dispatcher.assign([assigned(fenced), assigned(makeTask('other'))]);
  for (const id of ['fenced', 'other']) await reach(id, 'running');
  let stopped: number | undefined;
  dispatcher.beforeLeft = async () => {
    stopped = engine.count('stopContainer');
  };
  await agent.removeAll(limitMs);
  expect([stopped, dispatcher.state('fenced'), await engine.observe()]).toEqual([1, 'shutdown', []]);
});

test('a task that is to end is told to stop when nobody is connected to it any more', async () => {
  const { dispatcher, engine, network, reach } = await startAgent();
  const made = makeTask('t1');
  const task = { ...made, Shoal: { ...made.Shoal, ServiceLabels: { 'shoal.drain': '30s' } } };
  const { connections } = network.parts.ports;
  connections.add('t1');
  dispatcher.assign([assigned(task)]);
  await reach('t1', 'running');
  let asked = 0;
  network.parts.ports.connected = async (taskId) => (++asked, connections.has(taskId));
  dispatcher.change(1, [assigned({ ...task, DesiredState: 'shutdown' })]);
  await until(
    () => asked > 1,
    limitMs,
    () => 'nobody asked who is connected',
  );
  expect(engine.count('stopContainer')).toBe(0);
  connections.clear();
  await reach('t1', 'shutdown');
  expect(engine.count('stopContainer')).toBe(1);
});

/** What a task needs comes side by side: its image, its networks, its container. */
import { afterEach, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine, type SimulatedImage } from '#test/support/simulated-engine';
import type { AssignmentChange } from '#model/object/assignment';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { makeNetwork, makeTask } from '#test/support/worker';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };
const network = makeNetwork('net1', 'x', '10.0.1.0/24');
const items: AssignmentChange[] = [
  { action: 'update', kind: 'network', item: network },
  { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: { net1: '10.0.1.1' } } },
  { action: 'update', kind: 'task', item: makeTask('t1', {}, { NetworksAttachments: [{ Network: network, Addresses: ['10.0.1.5/24'] }] }) },
];

let running: Agent | undefined;
afterEach(async () => running?.stop());

async function startAgent(images: Record<string, SimulatedImage> = { 'test:1': {} }) {
  const engine = new SimulatedEngine({ description, image: (reference) => images[reference] }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const kept = new RecordingNetwork();
  running = new Agent({ nodeId: 'node1' }, { engine, network: kept, openSession: dispatcher.open, clock: realClock, logger: silentLogger });
  await running.start();
  const reach = (state: string) =>
    until(
      () => dispatcher.state('t1') === state,
      5000,
      () => JSON.stringify(dispatcher.statuses.get('t1')),
    );
  return { engine, dispatcher, kept, reach };
}

test('the image comes while its network is made, and nobody looks for a container that was not asked for', async () => {
  const { dispatcher, engine, reach } = await startAgent();
  const done: string[] = [];
  const [carryOut, observe] = [engine.carryOut.bind(engine), engine.observe.bind(engine)];
  let made = (): void => {};
  const isMade = new Promise<void>((resolve) => (made = resolve));
  engine.carryOut = async (step, signal) => {
    if (step.type !== 'pruneFiles') done.push(step.type);
    if (step.type === 'createNetwork') await isMade;
    return carryOut(step, signal);
  };
  engine.observe = (taskId) => {
    if (taskId !== undefined) done.push('look');
    return observe(taskId);
  };
  dispatcher.assign(items);
  await reach('preparing');
  made();
  await reach('running');
  expect(done.slice(0, 2).toSorted()).toEqual(['createNetwork', 'pull']);
  // The engine shares pulls of one image that come together.
  expect(done.slice(2, 5)).toEqual(['pull', 'createContainer', 'startContainer']);
});

test('a container is made while rules and names of its network are loaded, and starts after that', async () => {
  const { dispatcher, engine, kept, reach } = await startAgent();
  const carryOut = engine.carryOut.bind(engine);
  engine.carryOut = (step, signal) => {
    kept.calls.push(step.type);
    return carryOut(step, signal);
  };
  kept.beforeCreated = () =>
    until(
      () => engine.count('createContainer') === 1,
      5000,
      () => 'no container is made',
    );
  dispatcher.assign(items);
  await reach('running');
  const order = ['createNetwork', 'createContainer', 'created net1 10.0.1.1', 'startContainer'];
  expect(kept.calls.filter((each) => order.includes(each))).toEqual(order);
});

test('an image that is refused ends a task that waits for its network', async () => {
  const { dispatcher, engine, reach } = await startAgent({});
  const carryOut = engine.carryOut.bind(engine);
  engine.carryOut = (step, signal) => (step.type === 'createNetwork' ? new Promise(() => {}) : carryOut(step, signal));
  dispatcher.assign(items);
  await reach('rejected');
  expect([dispatcher.statuses.get('t1')?.Err, engine.count('pull')]).toEqual(['No such image: test:1', 1]);
});

/** A task with name servers of its own: these answer from its first look-up on, over restarts of the daemon. */
import { afterEach, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import type { AssignmentChange } from '#model/object/assignment';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { makeNetwork, makeTask } from '#test/support/worker';
import { until } from '../../support/machine.mjs';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };
const Network = makeNetwork('net1', 'web_default', '10.0.1.0/24');
const task = makeTask('t1', { DNSConfig: { Nameservers: ['192.0.2.53'] } }, { NetworksAttachments: [{ Network, Addresses: ['10.0.1.5/24'] }] });
const items: readonly AssignmentChange[] = [
  { action: 'update', kind: 'network', item: Network },
  { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: { net1: '10.0.1.1' } } },
  { action: 'update', kind: 'task', item: task },
];

let running: Agent[] = [];
afterEach(async () => {
  for (const agent of running.splice(0)) await agent.stop();
  running = [];
});

function node() {
  const engine = new SimulatedEngine({ description, image: () => ({}) }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const network = new RecordingNetwork();
  const start = async (): Promise<Agent> => {
    const agent = new Agent({ nodeId: 'node1' }, { engine, network, openSession: dispatcher.open, clock: realClock, logger: silentLogger });
    running.push(agent);
    await agent.start();
    return agent;
  };
  const runs = () => until(() => dispatcher.state('t1') === 'running', 5000, () => `${dispatcher.state('t1')}`); // prettier-ignore
  return { engine, dispatcher, start, runs, names: network.parts.names };
}

test('are known before its container starts', async () => {
  const { engine, dispatcher, start, runs, names } = node();
  const carryOut = engine.carryOut.bind(engine);
  let known: unknown;
  engine.carryOut = (step, signal) => {
    if (step.type === 'startContainer') known = names.attachments.at(-1);
    return carryOut(step, signal);
  };
  await start();
  dispatcher.assign(items);
  await runs();
  expect(known).toEqual({ taskId: 't1', networks: [{ networkId: 'net1', address: '10.0.1.5' }], goesOn: true });
});

test('are forgotten when its container is not wanted before it ran', async () => {
  const { engine, dispatcher, start, names } = node();
  const carryOut = engine.carryOut.bind(engine);
  engine.carryOut = async (step, signal) => {
    if (step.type !== 'startContainer') return carryOut(step, signal);
    dispatcher.change(1, [{ action: 'remove', kind: 'task', id: 't1' }]);
    return { ok: false, permanent: false, message: 'not now' };
  };
  await start();
  dispatcher.assign(items);
  await until(() => names.gone.includes('t1'), 5000, () => JSON.stringify(names.attachments)); // prettier-ignore
});

test('are known before any name is answered by a daemon that saw the container before it heard of the task', async () => {
  const { dispatcher, start, runs, names } = node();
  const first = await start();
  dispatcher.assign(items);
  await runs();
  await first.stop();
  dispatcher.refuse.open = true;
  names.attachments.length = 0;
  await start();
  await until(() => names.attachments.length === 1, 5000, () => 'the container is not seen'); // prettier-ignore
  let known: unknown;
  names.before = async () => {
    known ??= names.attachments.at(-1);
  };
  dispatcher.refuse.open = false;
  await until(() => known !== undefined, 10_000, () => 'nothing is applied'); // prettier-ignore
  expect(known).toMatchObject({ taskId: 't1', goesOn: true });
});

/** A node that is new to its cluster: its managers have it before its network is up. */
import { describe, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import type { Clock } from '#base/clock';
import { managersItemId, type AssignmentChange } from '#model/object/assignment';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { settle, VirtualClock } from '#test/support/virtual-clock';
import { makeTask } from '#test/support/worker';
import { until } from '../../support/machine.mjs';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };

function makeAgent(clock: Clock = realClock) {
  const engine = new SimulatedEngine({ description, image: () => ({}) }, clock);
  const dispatcher = new ScriptedDispatcher();
  const network = new RecordingNetwork();
  const haste: boolean[] = [];
  const describe = async (inHaste: boolean) => {
    haste.push(inHaste);
    return inHaste ? description : { ...description, Shoal: { UsedSubnets: [], FeatureLevel: 1 } };
  };
  const agent = new Agent({ nodeId: 'node1' }, { engine, network, describe, openSession: dispatcher.open, clock, logger: silentLogger });
  return { agent, engine, dispatcher, network, haste };
}

test('it has a session before its network, tasks wait for that, and what it could not say in haste it says then', async () => {
  const { agent, engine, dispatcher, network, haste } = makeAgent();
  let enter = (): void => undefined;
  const started = agent.start(new Promise((resolve) => (enter = resolve)));
  await agent.connected;
  dispatcher.assign([{ action: 'update', kind: 'task', item: makeTask('t1') }]);
  await until(
    () => dispatcher.beats > 2,
    30_000,
    () => 'the session does not live',
  );
  expect([haste, network.calls, engine.count('createContainer')]).toEqual([[true], [], 0]);
  enter();
  await started;
  await until(
    () => dispatcher.state('t1') === 'running' && dispatcher.descriptions.length > 1,
    30_000,
    () => JSON.stringify([dispatcher.statuses.get('t1'), dispatcher.descriptions]),
  );
  expect(network.calls[0]).toBe('start');
  expect(dispatcher.descriptions.at(-1)).toMatchObject({ Shoal: { FeatureLevel: 1 } });
  await agent.stop();
});

test('one that stops before that begins no network', async () => {
  const { agent, network } = makeAgent();
  let enter = (): void => undefined;
  const started = agent.start(new Promise((resolve) => (enter = resolve)));
  await agent.connected;
  const stopped = agent.stop();
  enter();
  await Promise.all([stopped, expect(started).rejects.toThrow()]);
  expect(network.calls).toEqual(['stop']);
});

const ofItself: AssignmentChange[] = [
  { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: {}, Role: 'worker' } },
  { action: 'update', kind: 'managers', item: { ID: managersItemId, Addresses: ['192.0.2.1:2377'], NodeIDs: ['m1'] } },
];

describe('the network of one that is in, and runs nothing,', () => {
  async function entered() {
    const clock = new VirtualClock();
    const made = makeAgent(clock);
    made.dispatcher.assign(ofItself);
    const started = made.agent.start(Promise.resolve());
    await settle();
    expect(made.network.calls).toEqual([]);
    return { ...made, clock, started };
  }

  test('begins when the hosts that join after it have had their time, whatever managers come meanwhile', async () => {
    const { agent, network, dispatcher, clock, started } = await entered();
    dispatcher.change(1, ofItself.slice(1));
    await clock.advance(2000);
    expect(network.calls).toEqual([]);
    await clock.advance(2000);
    await started;
    expect(network.calls[0]).toBe('start');
    await agent.stop();
  });

  const coming: [string, AssignmentChange][] = [
    ['a task', { action: 'update', kind: 'task', item: makeTask('t1') }],
    ['a service that it leads clients to', { action: 'update', kind: 'service', item: { ID: 's1', Name: 'web', Ports: [] } }],
    ['another role', { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: {}, Role: 'manager' } }],
  ];
  test.each(coming)('begins at once for %s', async (_what, change) => {
    const { agent, network, dispatcher, started } = await entered();
    dispatcher.change(1, [change]);
    await started;
    expect(network.calls[0]).toBe('start');
    await agent.stop();
  });

  test('begins at once where it leaves: what it has is taken away by it', async () => {
    const { agent, network, clock, started } = await entered();
    const removed = agent.removeAll(1000);
    await started;
    await clock.advance(1000);
    await removed;
    expect(network.calls[0]).toBe('start');
    await agent.stop();
  });
});

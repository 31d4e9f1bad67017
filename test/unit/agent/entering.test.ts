/** A node that is new to its cluster: its managers have it before its network is up. */
import { expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { makeTask } from '#test/support/worker';
import { until } from '../../support/machine.mjs';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };

function makeAgent() {
  const engine = new SimulatedEngine({ description, image: () => ({}) }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const network = new RecordingNetwork();
  const haste: boolean[] = [];
  const describe = async (inHaste: boolean) => {
    haste.push(inHaste);
    return inHaste ? description : { ...description, Shoal: { UsedSubnets: [], FeatureLevel: 1 } };
  };
  const agent = new Agent({ nodeId: 'node1' }, { engine, network, describe, openSession: dispatcher.open, clock: realClock, logger: silentLogger });
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

import { expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { until } from '../../support/machine.mjs';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };

test('what a node has become is known to all when every other one has said so, and to nobody where no manager hears it', async () => {
  const dispatcher = new ScriptedDispatcher();
  const engine = new SimulatedEngine({ description, image: () => undefined }, realClock);
  const agent = new Agent(
    { nodeId: 'node1' },
    { engine, network: new RecordingNetwork(), openSession: dispatcher.open, clock: realClock, logger: silentLogger },
  );
  await expect(agent.describeToAll()).rejects.toThrow('no manager can be reached');
  const asked: string[] = [];
  let others = (): void => {};
  dispatcher.beforeWithdrawn = (id) => {
    asked.push(id);
    return new Promise((resolve) => (others = resolve));
  };
  await agent.start();
  await agent.connected;
  const said = dispatcher.descriptions.length;
  let known = false;
  const telling = agent.describeToAll().then(() => (known = true));
  await until(
    () => asked.length > 0,
    30_000,
    () => 'nobody is asked',
  );
  expect(asked).toEqual(['node1']);
  expect(dispatcher.descriptions.length).toBeGreaterThan(said);
  expect(known).toBe(false);
  others();
  await telling;
  await agent.stop();
});

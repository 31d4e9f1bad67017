import { test } from 'vitest';
import { Agent } from '#agent/agent';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { silentLogger } from '#test/support/silent-logger';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { until } from '../../support/machine.mjs';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };

test('the managers hear at once of a port that somebody else has, and when he has it no more', async () => {
  const dispatcher = new ScriptedDispatcher();
  const network = new RecordingNetwork();
  const engine = new SimulatedEngine({ description, image: () => undefined }, realClock);
  const agent = new Agent({ nodeId: 'node1' }, { engine, network, openSession: dispatcher.open, clock: realClock, logger: silentLogger });
  await agent.start();
  const clashes = () => dispatcher.descriptions.at(-1)?.Shoal?.Clashes;
  const explain = () => JSON.stringify(dispatcher.descriptions);
  network.parts.ports.taken = [{ Service: 'web', Text: 'it is in use by nc' }];
  dispatcher.assign([{ action: 'update', kind: 'service', item: { ID: 's', Name: 'web', Ports: [] } }]);
  await until(() => clashes()?.[0]?.Text === 'it is in use by nc', 30_000, explain);
  network.parts.ports.taken = [];
  dispatcher.assign([{ action: 'update', kind: 'service', item: { ID: 's', Name: 'web2', Ports: [] } }]);
  await until(() => clashes() === undefined, 30_000, explain);
  await agent.stop();
});

/** The agent while its engine is away. */
import { expect, onTestFinished, test } from 'vitest';
import { Agent } from '#agent/agent';
import { silentLogger } from '#test/support/silent-logger';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { SimulatedEngine } from '#test/support/simulated-engine';
import { makeTask } from '#test/support/worker';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };

test('it is waited for once and not by every task, and told of once', async () => {
  const told: string[] = [];
  const note = (_facts: object, message: string) => void told.push(message);
  const engine = new SimulatedEngine({ description, image: () => ({ startMs: 5 }) }, realClock);
  const dispatcher = new ScriptedDispatcher();
  const logger = { ...silentLogger, info: note, warn: note, error: note };
  const agent = new Agent({ nodeId: 'node1' }, { engine, network: new RecordingNetwork(), openSession: dispatcher.open, clock: realClock, logger });
  onTestFinished(() => agent.stop());
  await agent.start();
  const tasks = Array.from({ length: 500 }, (_, index) => makeTask(`t${index}`));
  const some = () => tasks.filter((task) => dispatcher.state(task.ID) === 'running').length;
  dispatcher.assign(tasks.map((item) => ({ action: 'update', kind: 'task', item })));
  await until(
    () => some() > 0,
    30_000,
    () => 'none runs',
  );
  engine.away = true;
  // Asked for again and again, each time later: by now every task would have tried twice and more.
  await until(
    () => engine.notReached.looks >= 3,
    30_000,
    () => JSON.stringify(engine.notReached),
  );
  // What was under way when it went.
  expect(engine.notReached.others).toBeLessThan(200);
  expect(told).toHaveLength(1);
  engine.away = false;
  await until(
    () => some() === tasks.length,
    60_000,
    () => `${some()} run`,
  );
  expect(told.at(-1)).toBe('the Docker Engine answers again');
}, 120_000);

/** Networks that somebody removes behind our back. */
import { expect, test } from 'vitest';
import { NetworkLoop } from '#agent/network-loop';
import { silentLogger } from '#test/support/silent-logger';
import type { Engine } from '#engine/engine';
import { SimulatedEngine } from '#test/support/simulated-engine';
import type { StepOutcome } from '#task/step';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { settle, VirtualClock } from '#test/support/virtual-clock';
import { makeNetwork } from '#test/support/worker';

const net1 = { Network: makeNetwork('net1', 'x', '10.0.0.0/24'), Gateway: '10.0.0.1' };

test('a network counts as lost when two looks miss it, and updates are one at a time', async () => {
  const description = { Hostname: 'h1', Platform: { Architecture: '', OS: '' }, Resources: {}, Engine: { EngineVersion: '0' } };
  const network = new RecordingNetwork();
  const modules = { engine: new SimulatedEngine({ description, image: () => undefined }, realClock), network, clock: realClock, logger: silentLogger };
  const keeper = new NetworkLoop(
    modules,
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map([['net1', net1]]), served: () => {}, changed: () => {} },
    new AbortController().signal,
  );
  keeper.carryOut({ create: [net1], remove: [] });
  await keeper.begin();
  expect(keeper.states.get('net1')?.ready).toBe(true);
  keeper.observed([]);
  expect(keeper.states.has('net1')).toBe(true);
  keeper.observed(['net1']);
  keeper.observed([]);
  expect(keeper.states.has('net1')).toBe(true);
  keeper.observed([]);
  expect(keeper.states.has('net1')).toBe(false);

  let underWay = 0;
  network.beforeUpdate = async () => {
    expect(++underWay).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
  };
  await Promise.all(Array.from({ length: 20 }, () => keeper.publish()));
  await until(
    () => underWay === 0,
    1000,
    () => `${underWay}`,
  );
  expect(network.updates.length).toBeLessThanOrEqual(4);
});

test('a network that cannot be removed yet is known on, and asked again after a pause', async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const outcomes: StepOutcome[] = [{ ok: false, permanent: false, message: 'has active endpoints' }, { ok: true }];
  const engine = { carryOut: () => Promise.resolve(outcomes[tries++] ?? { ok: true }) } as unknown as Engine;
  const modules = { engine, network: new RecordingNetwork(), clock, logger: silentLogger };
  const decide = () => keeper.carryOut({ create: [], remove: [...keeper.present] });
  const keeper: NetworkLoop = new NetworkLoop(
    modules,
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), served: () => {}, changed: () => decide() },
    new AbortController().signal,
  );
  keeper.observed(['net1']);
  decide();
  await settle();
  decide();
  await settle();
  expect([tries, [...keeper.present]]).toEqual([1, ['net1']]);
  await clock.advance(2000);
  await settle();
  expect([tries, [...keeper.present]]).toEqual([2, []]);
});

test('an audit before anything was applied leaves the last life’s bridges as they are', async () => {
  const clock = new VirtualClock();
  const network = new RecordingNetwork();
  const modules = { engine: {} as Engine, network, clock, logger: silentLogger };
  const keeper = new NetworkLoop(
    modules,
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), served: () => {}, changed: () => {} },
    new AbortController().signal,
  );
  await keeper.start();
  await clock.advance(65_000);
  await settle();
  expect([network.parts.bridges.applied, network.parts.names.applied, network.parts.ports.applied]).toEqual([0, 0, 0]);
  await keeper.begin();
  await settle();
  expect([network.parts.bridges.applied, network.parts.names.applied, network.parts.ports.applied]).toEqual([1, 1, 1]);
});

test('names that cannot be answered keep no port from being published, and are tried again', async () => {
  const clock = new VirtualClock();
  const network = new RecordingNetwork();
  let broken = true;
  network.parts.names.before = () => (broken ? Promise.reject(new Error('no resolver')) : Promise.resolve());
  const modules = { engine: {} as Engine, network, clock, logger: silentLogger };
  const keeper = new NetworkLoop(
    modules,
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), served: () => {}, changed: () => {} },
    new AbortController().signal,
  );
  await keeper.begin();
  await settle();
  expect([network.parts.names.applied, network.parts.ports.applied]).toEqual([0, 1]);
  await keeper.withdraw('t1');
  expect(network.parts.ports.applied).toBe(2);
  broken = false;
  await clock.advance(1000);
  await settle();
  expect(network.parts.names.applied).toBeGreaterThan(0);
});

test('a burst of news that nobody waits for comes in force in few rounds, and whoever waits does not wait for more of it', async () => {
  const clock = new VirtualClock();
  const network = new RecordingNetwork();
  const modules = { engine: {} as Engine, network, clock, logger: silentLogger };
  const keeper = new NetworkLoop(
    modules,
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), served: () => {}, changed: () => {} },
    new AbortController().signal,
  );
  await keeper.begin();
  await settle();
  await clock.advance(1000);
  const before = network.parts.ports.applied;
  keeper.publishSoon();
  await settle();
  expect(network.parts.ports.applied - before, 'the first of it at once').toBe(1);
  for (let news = 0; news < 50; news++) {
    keeper.publishSoon();
    await clock.advance(20);
  }
  expect(network.parts.ports.applied - before).toBeLessThanOrEqual(7);
  expect(network.parts.ports.applied - before).toBeGreaterThanOrEqual(5);
  await clock.advance(1000);
  const quiet = network.parts.ports.applied;
  await clock.advance(1000);
  expect(network.parts.ports.applied, 'nothing new, no round').toBe(quiet);

  keeper.publishSoon();
  await settle();
  keeper.publishSoon();
  await settle();
  expect(network.parts.ports.applied - quiet, 'the second one rests').toBe(1);
  await keeper.publish();
  expect(network.parts.ports.applied - quiet, 'somebody waits for it').toBe(2);
  expect(clock.running).toBe(0);
});

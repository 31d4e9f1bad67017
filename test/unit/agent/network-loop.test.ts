/** Networks that somebody removes behind our back. */
import { expect, test } from 'vitest';
import { NetworkLoop } from '#agent/network-loop';
import { pause } from '#base/clock';
import { silentLogger } from '#test/support/silent-logger';
import type { Engine } from '#engine/engine';
import { SimulatedEngine } from '#test/support/simulated-engine';
import type { StepOutcome } from '#task/step';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { settle, VirtualClock } from '#test/support/virtual-clock';
import { endpointTask, serviceEndpoint } from '#test/support/endpoints';
import { makeNetwork } from '#test/support/worker';

const quiet = { knownElsewhere: () => Promise.resolve(), served: () => {} };
const net1 = { Network: makeNetwork('net1', 'x', '10.0.0.0/24'), Gateway: '10.0.0.1' };

test('a network counts as lost when two looks miss it, and updates are one at a time', async () => {
  const description = { Hostname: 'h1', Platform: { Architecture: '', OS: '' }, Resources: {}, Engine: { EngineVersion: '0' } };
  const network = new RecordingNetwork();
  const modules = { engine: new SimulatedEngine({ description, image: () => undefined }, realClock), network, clock: realClock, logger: silentLogger };
  const keeper = new NetworkLoop(
    modules,
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map([['net1', net1]]), ...quiet, changed: () => {} },
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
    { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), ...quiet, changed: () => decide() },
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

/** Of a node that is on no network. */
function idle() {
  const clock = new VirtualClock();
  const network = new RecordingNetwork();
  const modules = { engine: {} as Engine, network, clock, logger: silentLogger };
  const calls = { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), ...quiet, changed: () => {} };
  return { clock, network, keeper: new NetworkLoop(modules, calls, new AbortController().signal) };
}

test('an audit before anything was applied leaves the last life’s bridges as they are', async () => {
  const { keeper, network, clock } = idle();
  await keeper.start();
  await clock.advance(65_000);
  await settle();
  expect([network.parts.bridges.applied, network.parts.names.applied, network.parts.ports.applied]).toEqual([0, 0, 0]);
  await keeper.begin();
  await settle();
  expect([network.parts.bridges.applied, network.parts.names.applied, network.parts.ports.applied]).toEqual([1, 1, 1]);
});

test('names that cannot be answered keep no port from being published, and are tried again', async () => {
  const { keeper, network, clock } = idle();
  let broken = true;
  network.parts.names.before = () => (broken ? Promise.reject(new Error('no resolver')) : Promise.resolve());
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

test('of a service whose tasks are replaced one by one, the one that leaves is not taken out before the one that came is led to', async () => {
  const clock = new VirtualClock();
  const network = new RecordingNetwork();
  const modules = { engine: {} as Engine, network, clock, logger: silentLogger };
  let ready = ['old'];
  const endpoints = () => [
    serviceEndpoint(
      'app',
      [],
      ['old', 'new'].map((id, at) => endpointTask(id, at + 1, ready.includes(id))),
    ),
  ];
  const keeper = new NetworkLoop(
    modules,
    { endpoints, peers: () => [], port: () => undefined, assigned: () => new Map(), ...quiet, changed: () => {} },
    new AbortController().signal,
  );
  const led: string[] = [];
  network.parts.ports.after = () => led.push(network.tasks.join());
  await keeper.begin();
  await settle();
  // The news of who came lies for a moment, because nobody waits for it.
  ready = ['old', 'new'];
  keeper.publishSoon(false);
  await keeper.withdraw('old');
  expect(led).toEqual(['old', 'old,new', 'new']);
});

test('a burst of news that nobody waits for comes in force in few rounds, and whoever waits does not wait for more of it', async () => {
  const { keeper, network, clock } = idle();
  await keeper.begin();
  await settle();
  await clock.advance(1000);
  const before = network.parts.ports.applied;
  keeper.publishSoon(false);
  await settle();
  expect(network.parts.ports.applied - before, 'the first of it at once').toBe(1);
  for (let news = 0; news < 50; news++) {
    keeper.publishSoon(false);
    await clock.advance(20);
  }
  expect(network.parts.ports.applied - before).toBeLessThanOrEqual(7);
  expect(network.parts.ports.applied - before).toBeGreaterThanOrEqual(5);
  await clock.advance(1000);
  const rested = network.parts.ports.applied;
  await clock.advance(1000);
  expect(network.parts.ports.applied, 'nothing new, no round').toBe(rested);

  keeper.publishSoon(false);
  await settle();
  keeper.publishSoon(false);
  await settle();
  expect(network.parts.ports.applied - rested, 'the second one rests').toBe(1);
  await keeper.publish();
  expect(network.parts.ports.applied - rested, 'somebody waits for it').toBe(2);
  expect(clock.running).toBe(0);
});

test('on a host whose rounds take long, what nobody waits for comes in force in fewer of them', async () => {
  const { keeper, network, clock } = idle();
  await keeper.begin();
  await settle();
  network.parts.ports.before = () => pause(clock, 300);
  const before = network.parts.ports.applied;
  for (let news = 0; news < 300; news++) {
    keeper.publishSoon(false);
    await clock.advance(10);
  }
  expect(network.parts.ports.applied - before, 'in 3 s, each with 900 ms between').toBe(3);
});

/** The ingress network with this address of the node. */
function ingressOf(Gateway: string) {
  const network = makeNetwork('in1', 'ingress', '10.0.0.0/24');
  return { Network: { ...network, Spec: { ...network.Spec, Ingress: true } }, Gateway };
}

function madeBy(engine: Partial<Engine>, calls: { knownElsewhere?: () => Promise<void> }) {
  const network = new RecordingNetwork();
  const clock = new VirtualClock();
  const given = { now: ingressOf('10.0.0.1') };
  const assigned = () => new Map([['in1', given.now]]);
  const modules = { engine: engine as Engine, network, clock, logger: silentLogger };
  const all = { endpoints: () => [], peers: () => [], port: () => undefined, ...quiet, assigned, changed: () => {}, ...calls };
  return { network, given, keeper: new NetworkLoop(modules, all, new AbortController().signal) };
}

test('no client is led into a network that was just made before the other nodes know this one’s address there', async () => {
  let know = () => {};
  const knownElsewhere = () => new Promise<void>((resolve) => (know = resolve));
  const { network, given, keeper } = madeBy({ carryOut: async () => ({ ok: true, made: true }) }, { knownElsewhere });
  const entry = () => network.parts.ports.wanted?.entry;
  keeper.carryOut({ create: [given.now], remove: [] });
  await keeper.begin();
  await settle();
  expect([keeper.states.get('in1')?.ready, entry()]).toEqual([true, { networkId: 'in1', open: false }]);
  know();
  await settle();
  expect(entry()).toEqual({ networkId: 'in1', open: true });
});

test('clients are led into a network of an earlier life at once', async () => {
  const { network, given, keeper } = madeBy({ carryOut: async () => ({ ok: true }) }, { knownElsewhere: () => new Promise(() => {}) });
  keeper.carryOut({ create: [given.now], remove: [] });
  await keeper.begin();
  await settle();
  expect(network.parts.ports.wanted?.entry).toEqual({ networkId: 'in1', open: true });
});

test('a network in which this node has another address now is taken away and made anew, and closed until that is known', async () => {
  const steps: string[] = [];
  const carryOut: Engine['carryOut'] = async (step) => {
    steps.push(
      `${step.type} ${step.type === 'createNetwork' ? step.gateway : ''} of ${network.parts.overlay.wanted?.networks.map(({ gateway }) => gateway).join()}`,
    );
    return { ok: true, made: true };
  };
  const waits: (() => void)[] = [];
  const { network, given, keeper } = madeBy({ carryOut }, { knownElsewhere: () => new Promise((resolve) => waits.push(resolve)) });
  keeper.carryOut({ create: [given.now], remove: [] });
  await keeper.begin();
  waits[0]?.();
  await settle();
  given.now = ingressOf('10.0.0.9');
  keeper.carryOut({ create: [given.now], remove: [] });
  await settle();
  expect(steps).toEqual(['createNetwork 10.0.0.1 of undefined', 'createNetwork 10.0.0.9 of ']);
  expect(network.parts.ports.wanted?.entry).toEqual({ networkId: 'in1', open: false });
  waits[1]?.();
  await settle();
  expect(network.parts.ports.wanted).toMatchObject({ entry: { open: true }, networks: [{ gateway: '10.0.0.9' }] });
});

test('whoever makes a task ready waits for ways and addresses that are not in force yet, not for who else became ready', async () => {
  const network = new RecordingNetwork();
  const clock = new VirtualClock();
  const calls = { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), ...quiet, changed: () => {} };
  const keeper = new NetworkLoop({ engine: {} as Engine, network, clock, logger: silentLogger }, calls, new AbortController().signal);
  await keeper.begin();
  await settle();
  expect(keeper.upToDate()).toBeUndefined();
  network.beforeUpdate = () => Promise.reject(new Error('busy'));
  keeper.publishSoon(true);
  let isReady = false;
  void keeper.upToDate()?.then(() => (isReady = true));
  await settle();
  expect(isReady, 'it could not be brought in force').toBe(false);
  network.beforeUpdate = async () => {};
  await clock.advance(1000);
  await settle();
  expect(isReady).toBe(true);
  keeper.publishSoon(false);
  expect(keeper.upToDate()).toBeUndefined();
});

test('what cannot be brought in force is tried once a second, and waited for by nobody after ten', async () => {
  const network = new RecordingNetwork();
  const clock = new VirtualClock();
  const calls = { endpoints: () => [], peers: () => [], port: () => undefined, assigned: () => new Map(), ...quiet, changed: () => {} };
  const keeper = new NetworkLoop({ engine: {} as Engine, network, clock, logger: silentLogger }, calls, new AbortController().signal);
  await keeper.begin();
  await settle();
  let rounds = 0;
  network.parts.overlay.before = () => Promise.reject(new Error('File exists'));
  network.beforeUpdate = () => Promise.reject(new Error(`busy ${++rounds}`));
  keeper.publishSoon(true);
  let isGivenUp = false;
  void keeper.upToDate()?.then(() => (isGivenUp = true));
  for (let second = 0; second < 9; second++) {
    await clock.advance(1000);
    await settle();
  }
  expect([isGivenUp, keeper.failure]).toEqual([false, 'busy 10']);
  await clock.advance(1000);
  await settle();
  expect([isGivenUp, keeper.upToDate(), rounds]).toEqual([true, undefined, 11]);
});

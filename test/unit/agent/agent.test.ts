/** The agent with a simulated engine and a scripted dispatcher. */
import { afterEach, describe, expect, test } from 'vitest';
import { Agent } from '#agent/agent';
import { silentLogger } from '#test/support/silent-logger';
import { Refusal } from '#base/refusal';
import { SimulatedEngine, type SimulatedImage } from '#test/support/simulated-engine';
import type { AssignmentChange } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import { until } from '../../support/machine.mjs';
import { realClock } from '#test/support/real-clock';
import { VirtualClock } from '#test/support/virtual-clock';
import { RecordingNetwork } from '#test/support/recording-network';
import { ScriptedDispatcher } from '#test/support/scripted-dispatcher';
import { makeNetwork, makeSecret, makeTask } from '#test/support/worker';

const description = { Hostname: 'h1', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '0' } };
const assigned = (item: Task): AssignmentChange => ({ action: 'update', kind: 'task', item });

let running: Agent[] = [];
afterEach(async () => {
  for (const agent of running) await agent.stop();
  running = [];
});

async function startAgent(images: Record<string, SimulatedImage> = { 'test:1': {} }, clock: typeof realClock = realClock) {
  const engine = new SimulatedEngine({ description, image: (reference) => images[reference] }, clock);
  const dispatcher = new ScriptedDispatcher();
  const network = new RecordingNetwork();
  const start = async () => {
    const agent = new Agent({ nodeId: 'node1' }, { engine, network, openSession: dispatcher.open, clock, logger: silentLogger });
    running.push(agent);
    await agent.start();
    return agent;
  };
  const reach = (taskId: string, state: string) =>
    until(
      () => dispatcher.state(taskId) === state,
      5000,
      () => JSON.stringify(dispatcher.statuses.get(taskId)),
    );
  return { engine, dispatcher, network, start, reach, agent: await start() };
}

describe('tasks', () => {
  test('many run, each reported running in few writes', async () => {
    const { engine, dispatcher } = await startAgent();
    const tasks = Array.from({ length: 300 }, (_, index) => makeTask(`t${index}`));
    dispatcher.assign(tasks.map(assigned));
    await until(
      () => tasks.every((task) => dispatcher.state(task.ID) === 'running'),
      10_000,
      () => `${dispatcher.reports.length}`,
    );
    expect(engine.count('startContainer')).toBe(300);
    expect(Math.max(...tasks.map((task) => dispatcher.states(task.ID).length))).toBeLessThanOrEqual(4);
    expect(dispatcher.reports.length).toBeLessThan(100);
  });

  test('a task that is up within one flush is written once', async () => {
    const clock = new VirtualClock();
    const { dispatcher } = await startAgent(undefined, clock);
    dispatcher.assign([assigned(makeTask('t1'))]);
    await clock.advance(1000);
    expect(dispatcher.states('t1')).toEqual(['running']);
  });

  test('a replacement waits at ready until it is wanted running', async () => {
    const { dispatcher, engine, reach } = await startAgent();
    const task = makeTask('t1', {}, { DesiredState: 'ready' });
    dispatcher.assign([assigned(task)]);
    await reach('t1', 'ready');
    expect(engine.count('startContainer')).toBe(0);
    dispatcher.change(1, [assigned({ ...task, DesiredState: 'running' })]);
    await reach('t1', 'running');
  });

  test('ends are told as they are', async () => {
    const { dispatcher, engine, reach } = await startAgent({
      'test:1': {},
      'ends:1': { exit: { afterMs: 5, code: 0 } },
      'sick:1': { health: { afterMs: 5, verdict: 'unhealthy' } },
      'broken:1': { startError: 'no such file' },
    });
    const ids = ['runs', 'ends', 'sick', 'broken', 'nowhere'];
    dispatcher.assign(ids.map((id) => assigned(makeTask(id, { Image: id === 'runs' ? 'test:1' : `${id}:1` }))));
    await reach('ends', 'complete');
    await reach('sick', 'failed');
    await reach('broken', 'failed');
    await reach('nowhere', 'rejected');
    await reach('runs', 'running');
    engine.exit('runs', 3);
    await reach('runs', 'failed');
    expect(ids.map((id) => dispatcher.statuses.get(id)?.Err)).toEqual([
      'task: non-zero exit (3)',
      undefined,
      'dockerexec: unhealthy container',
      'starting container failed: no such file',
      'No such image: nowhere:1',
    ]);
  });

  test('a silent registry is shown and asked again', async () => {
    const image: SimulatedImage = { pullError: 'connection refused' };
    const { dispatcher, reach } = await startAgent({ 'test:1': image });
    dispatcher.assign([assigned(makeTask('t1'))]);
    await until(
      () => dispatcher.statuses.get('t1')?.Err === 'connection refused',
      5000,
      () => 'no error shown',
    );
    expect(dispatcher.state('t1')).toBe('preparing');
    delete image.pullError;
    await reach('t1', 'running');
    expect(dispatcher.statuses.get('t1')?.Err).toBeUndefined();
  });

  test('a pull that is not wanted any more is cancelled', async () => {
    const { dispatcher, reach } = await startAgent({ 'test:1': { pullMs: 60_000 } });
    const task = makeTask('t1');
    dispatcher.assign([assigned(task)]);
    await reach('t1', 'preparing');
    dispatcher.change(1, [assigned({ ...task, DesiredState: 'shutdown' })]);
    await reach('t1', 'shutdown');
  });

  test('a task that leaves the set goes with its container and files', async () => {
    const { dispatcher, engine, reach } = await startAgent();
    const File = { Name: 'k', UID: '0', GID: '0', Mode: 0o400 };
    const task = makeTask('t1', { Secrets: [{ SecretID: 's1', SecretName: 'k', File }] });
    dispatcher.assign([{ action: 'update', kind: 'secret', item: makeSecret('s1', 'k', 'x') }, assigned(task)]);
    await reach('t1', 'running');
    expect(engine.mounted).toEqual(['t1']);
    dispatcher.change(1, [{ action: 'remove', kind: 'task', id: 't1' }]);
    await until(
      async () => (await engine.observe()).length === 0 && engine.mounted.length === 0,
      5000,
      () => engine.mounted.join(),
    );
  });
});

describe('networks', () => {
  const network = makeNetwork('net1', 'web_default', '10.0.1.0/24');
  const attached = (id: string) => makeTask(id, {}, { NetworksAttachments: [{ Network: network, Addresses: ['10.0.1.5/24'] }] });
  const networkItems: AssignmentChange[] = [
    { action: 'update', kind: 'network', item: network },
    { action: 'update', kind: 'node', item: { ID: 'node1', Gateways: { net1: '10.0.1.1' } } },
  ];
  const endpoint = (...ids: string[]): AssignmentChange[] => [
    { action: 'update', kind: 'service', item: { ID: 'service1', Name: 'web', Ports: [] } },
    ...ids.map((ID): AssignmentChange => ({
      action: 'update',
      kind: 'backend',
      item: { ID, ServiceID: 'service1', NodeID: 'node1', Ready: true, Networks: [] },
    })),
  ];

  test('a network is ready before its first container, and goes after the last', async () => {
    const { dispatcher, engine, network: kept, reach } = await startAgent();
    dispatcher.assign([...networkItems, assigned(attached('t1'))]);
    await reach('t1', 'running');
    expect(kept.calls).toEqual(['start', 'created net1 10.0.1.1']);
    await until(
      () => kept.networks.includes('net1'),
      2000,
      () => 'not published',
    );
    dispatcher.change(1, [
      { action: 'remove', kind: 'task', id: 't1' },
      { action: 'remove', kind: 'network', id: 'net1' },
    ]);
    await until(
      async () => (await engine.observeNetworks()).length === 0,
      5000,
      () => 'still there',
    );
    expect(kept.calls.at(-1)).toBe('removed net1');
    expect(kept.networks).toEqual([]);
  });

  test('an agent that comes back takes no names and ports down while its networks are made ready again', async () => {
    const { agent, dispatcher, network: kept, start, reach } = await startAgent();
    dispatcher.assign([...networkItems, assigned(attached('t1')), ...endpoint('t1')]);
    await reach('t1', 'running');
    await agent.stop();
    kept.updates.length = 0;
    dispatcher.statuses.clear();
    let release = () => {};
    kept.beforeCreated = () => new Promise((resolve) => (release = resolve));
    const held = release;
    await start();
    await reach('t1', 'running');
    await until(
      () => release !== held,
      2000,
      () => 'the network is not asked for',
    );
    dispatcher.change(1, [...endpoint('t1')]);
    kept.beforeCreated = async () => {};
    release();
    await until(
      () => kept.updates.length > 0,
      2000,
      () => 'no update',
    );
    expect(kept.updates[0]).toBe('net1');
  });

  test('a container that somebody took off its network is put back, and nothing is said', async () => {
    const { dispatcher, engine, network: kept, reach } = await startAgent();
    dispatcher.assign([...networkItems, assigned(attached('t1'))]);
    await reach('t1', 'running');
    const given = { taskId: 't1', networks: [{ networkId: 'net1', address: '10.0.1.5' }] };
    await until(
      () => kept.parts.bridges.attachments.length === 1,
      2000,
      () => 'not told',
    );
    engine.disconnect('t1', 'net1');
    await until(
      () => kept.parts.bridges.attachments.length === 2,
      5000,
      () => 'not told again',
    );
    expect(kept.parts.bridges.attachments).toMatchObject([given, given]);
    expect(dispatcher.states('t1').at(-1)).toBe('running');
  });

  test('one that cannot be put back fails with the reason, and ends', async () => {
    const { dispatcher, engine, reach } = await startAgent();
    dispatcher.assign([...networkItems, assigned(attached('t1'))]);
    await reach('t1', 'running');
    engine.disconnect('t1', 'net1', 'Address already in use');
    await reach('t1', 'failed');
    expect(dispatcher.statuses.get('t1')?.Err).toBe('Address already in use');
    await until(
      () => engine.count('stopContainer') === 1,
      5000,
      () => 'it runs on',
    );
  });

  test('a network that somebody removed is made again, and its containers are on it', async () => {
    const { dispatcher, engine, network: kept, reach } = await startAgent();
    dispatcher.assign([...networkItems, assigned(attached('t1'))]);
    await reach('t1', 'running');
    engine.disconnect('t1', 'net1', undefined);
    engine.removeNetwork('net1');
    await until(
      async () => (await engine.observeNetworks()).includes('net1') && kept.parts.bridges.attachments.length >= 2,
      8000,
      () => 'not made again',
    );
    expect(dispatcher.states('t1').at(-1)).toBe('running');
  });

  test('a network that is refused holds its tasks back, with the reason', async () => {
    const { dispatcher, network: kept, reach } = await startAgent();
    kept.refusal = 'nft is missing';
    dispatcher.assign([...networkItems, assigned(attached('t1'))]);
    await until(
      () => dispatcher.statuses.get('t1')?.Err === 'nft is missing',
      5000,
      () => 'no error shown',
    );
    kept.refusal = undefined;
    await reach('t1', 'running');
  });

  test('a task is out of names and ports before its program is told to stop', async () => {
    const { dispatcher, engine, network: kept, reach } = await startAgent();
    const task = makeTask('t1');
    dispatcher.assign([assigned(task), assigned(makeTask('t2')), ...endpoint('t1', 't2')]);
    await reach('t1', 'running');
    await until(
      () => kept.tasks.length === 2,
      2000,
      () => kept.tasks.join(),
    );
    let release = () => {};
    kept.beforeUpdate = () => new Promise((resolve) => (release = resolve));
    const held = release;
    dispatcher.change(1, [assigned({ ...task, DesiredState: 'shutdown' })]);
    await until(
      () => release !== held,
      2000,
      () => 'no update asked',
    );
    expect(engine.count('stopContainer')).toBe(0);
    kept.beforeUpdate = async () => {};
    release();
    await reach('t1', 'shutdown');
    expect(engine.count('stopContainer')).toBe(1);
    expect(kept.tasks).toEqual(['t2']);
  });
});

describe('sessions', () => {
  test('the set survives a lost session, and statuses are told again to who does not know them', async () => {
    const { dispatcher, engine, reach } = await startAgent();
    dispatcher.assign([assigned(makeTask('t1'))]);
    await reach('t1', 'running');
    dispatcher.statuses.clear();
    dispatcher.endSession();
    await reach('t1', 'running');
    expect(dispatcher.sessions).toBe(2);
    expect(engine.count('startContainer')).toBe(1);
  });

  test('statuses wait for a dispatcher that takes them', async () => {
    const { dispatcher, reach } = await startAgent();
    dispatcher.refuse = { report: true };
    dispatcher.assign([assigned(makeTask('t1'))]);
    await until(
      () => dispatcher.sessions > 2,
      5000,
      () => `${dispatcher.sessions}`,
    );
    expect(dispatcher.reports).toEqual([]);
    dispatcher.refuse = {};
    await reach('t1', 'running');
  });

  test('a message out of order opens a new session', async () => {
    const { dispatcher } = await startAgent();
    await until(
      () => dispatcher.sessions === 1 && dispatcher.beats > 1,
      2000,
      () => `${dispatcher.beats}`,
    );
    dispatcher.change(7, []);
    await until(
      () => dispatcher.sessions === 2,
      5000,
      () => `${dispatcher.sessions}`,
    );
  });

  test('an agent that comes back goes on with what runs, and removes what nobody knows', async () => {
    const { agent, dispatcher, engine, start, reach } = await startAgent();
    dispatcher.assign([assigned(makeTask('t1')), assigned(makeTask('t2'))]);
    await reach('t1', 'running');
    await reach('t2', 'running');
    await agent.stop();
    expect((await engine.observe()).map((container) => container.state)).toEqual(['running', 'running']);
    dispatcher.statuses.clear();
    dispatcher.assign([assigned(makeTask('t1'))]);
    await start();
    await reach('t1', 'running');
    await until(
      async () => (await engine.observe()).length === 1,
      5000,
      () => 'the orphan stays',
    );
    expect([engine.count('startContainer'), engine.count('createContainer')]).toEqual([2, 2]);
  });

  test('without a dispatcher nothing is touched', async () => {
    const { agent, dispatcher, engine, start, reach } = await startAgent();
    dispatcher.assign([assigned(makeTask('t1'))]);
    await reach('t1', 'running');
    await agent.stop();
    dispatcher.refuse = { open: true };
    await start();
    await until(
      () => dispatcher.attempts > 3,
      5000,
      () => `${dispatcher.attempts}`,
    );
    expect(await engine.observe()).toMatchObject([{ state: 'running' }]);
  });

  test('a node that leaves its cluster removes all that is its own', async () => {
    const { agent, dispatcher, engine, reach } = await startAgent();
    dispatcher.assign([assigned(makeTask('t1'))]);
    await reach('t1', 'running');
    await agent.removeAll(5000);
    expect(await engine.observe()).toEqual([]);
  });
});

test('what the managers say against a node is told until one serves it again', async () => {
  const { dispatcher, start } = await startAgent();
  dispatcher.refuse = { open: new Refusal('permissionDenied', 'node node1 was removed from swarm') };
  const agent = await start();
  await until(
    () => agent.refused === 'node node1 was removed from swarm',
    30_000,
    () => String(agent.refused),
  );
  dispatcher.refuse = { open: new Refusal('unavailable', 'nobody leads') };
  await until(
    () => agent.refused === undefined,
    30_000,
    () => String(agent.refused),
  );
  dispatcher.refuse = {};
  await agent.connected;
  expect(agent.refused).toBeUndefined();
});

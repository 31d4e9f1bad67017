import { nextTurn } from '#base/clock';
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import type { AssignmentMessage, DispatcherSession } from '#model/object/assignment';
import { taskNetwork, type Task } from '#model/object/task';
import type { Node } from '#model/object/node';
import { create, remove, update } from '#store/action';
import { aNode, aService, aSubnet } from '#test/support/cluster-objects';
import { testDescription } from '#test/support/memory-cluster';
import { nodeId, ofNode as task, running, setUpSessions as setUp } from '#test/support/leader-sessions';
import { settle } from '#test/support/virtual-clock';

/** Collects the stream in the background. */
function collect(stream: AsyncIterable<AssignmentMessage>): { messages: AssignmentMessage[]; ended: Promise<void> } {
  const messages: AssignmentMessage[] = [];
  const ended = (async () => {
    for await (const message of stream) messages.push(message);
  })();
  return { messages, ended };
}

function changes(message: AssignmentMessage | undefined): string[] {
  return (message?.changes ?? []).map((change) => `${change.action} ${change.kind} ${change.action === 'remove' ? change.id : (change.item as Task).ID}`);
}

test("a node that sends what is no report spoils nobody else's", async () => {
  const { sessions, store, write } = await setUp();
  const other = 'node-two';
  await write([create('node', aNode(other)), create('task', task('t1'))]);
  const good = await sessions.open(nodeId, testDescription);
  const bad = await sessions.open(other, testDescription);
  const reports = [bad.updateTaskStatus([{ taskId: 't1' } as never]), good.updateTaskStatus([{ taskId: 't1', status: running }])];
  expect((await Promise.allSettled(reports)).map((each) => each.status)).toEqual(['rejected', 'fulfilled']);
  expect(store.get('task', 't1')?.Status.State).toBe('running');
  const orphaned = { ...running, State: 'orphaned' } as const;
  await expect(good.updateTaskStatus([{ taskId: 't1', status: orphaned }])).rejects.toThrow('a node may not report the state "orphaned"');
  await expect(sessions.open(other, { ...testDescription, Resources: 5 as never })).rejects.toMatchObject({ code: 'invalidArgument' });
});

test('a new leader knows no node until it opens a session, which makes it ready with its description', async () => {
  const { sessions, store } = await setUp();
  expect(store.get('node', nodeId)?.Status.State).toBe('unknown');
  await sessions.open(nodeId, { ...testDescription, Hostname: 'renamed' });
  expect(store.get('node', nodeId)).toMatchObject({ Status: { State: 'ready', Addr: '10.0.0.9' }, Description: { Hostname: 'renamed' } });
  await expect(sessions.open('stranger', testDescription)).rejects.toMatchObject({ code: 'notFound', message: 'node not registered' });
});

test('a node whose deadline comes while it is still unknown whether anything is to be written of its new session has that session', async () => {
  const { sessions, store, clock, log, write } = await setUp();
  await write([create('node', aNode('node-two'))]);
  await sessions.open('node-two', testDescription);
  await clock.advance(3790);
  let know = (): void => undefined;
  log.reading = new Promise((resolve) => (know = resolve));
  const opening = sessions.open('node-two', testDescription);
  await clock.advance(100);
  know();
  log.reading = undefined;
  const session = await opening;
  await settle();
  expect(await session.heartbeat()).toBeGreaterThan(0);
  expect(store.get('node', 'node-two')?.Status.State).toBe('ready');
});

test('nobody is registered who gave up on his session while it waited', async () => {
  const { sessions, store, log, write } = await setUp();
  await write([create('node', aNode('node-two', { Status: { State: 'unknown', Addr: '10.0.0.8' } }))]);
  let open = (): void => undefined;
  log.gate = new Promise((resolve) => (open = resolve));
  const first = sessions.open(nodeId, testDescription);
  await settle();
  let waits = true;
  const opening = sessions.open('node-two', testDescription, undefined, () => waits);
  const failed = expect(opening).rejects.toThrow('node node-two has given up on this session');
  await settle();
  waits = false;
  const { proposals } = log;
  open();
  await Promise.all([failed, first]);
  expect([log.proposals - proposals, store.get('node', 'node-two')?.Status.State]).toEqual([0, 'unknown']);
});

test('a node that is noted as down by an entry that does not come to be is noted by the next one', async () => {
  const { sessions, store, clock, log } = await setUp();
  await sessions.open(nodeId, testDescription);
  log.failures.push(new Refusal('unavailable', 'the disk is full'));
  await clock.advance(60_000);
  expect(log.failures).toEqual([]);
  expect(store.get('node', nodeId)?.Status.State).toBe('down');
});

test('the whole set comes first, then what changes, right after each commit', async () => {
  const { sessions, write } = await setUp();
  await write([create('task', task('t1'))]);
  const session = await sessions.open(nodeId, testDescription);
  const { messages, ended } = collect(session.assignments());
  await settle();
  expect(messages.map(changes)).toEqual([['update managers all', 'update node node-one', 'update task t1']]);
  await write([create('task', task('t2'))]);
  await settle();
  await write([remove('task', 't1')]);
  await settle();
  expect(messages.map(({ type, appliesTo, resultsIn }) => [type, appliesTo, resultsIn])).toEqual([
    ['complete', 0, 1],
    ['incremental', 1, 2],
    ['incremental', 2, 3],
  ]);
  expect(messages.slice(1).map(changes)).toEqual([['update task t2'], ['remove task t1']]);
  session.close();
  await ended;
});

test('a slow reader gets one delta over all that it missed', async () => {
  const { sessions, write } = await setUp();
  const session = await sessions.open(nodeId, testDescription);
  const stream = session.assignments()[Symbol.asyncIterator]();
  await stream.next();
  await write([create('task', task('t1'))]);
  await write([create('task', task('t2'))]);
  await write([remove('task', 't1')]);
  const { value } = await stream.next();
  // What came and went unseen is taken back all the same: the reader may not know it, and that does no harm.
  expect(changes(value)).toEqual(['update task t2', 'remove task t1']);
  session.close();
});

test('a newer session ends the older one', async () => {
  const { sessions } = await setUp();
  const old = await sessions.open(nodeId, testDescription);
  const { ended } = collect(old.assignments());
  const next = await sessions.open(nodeId, testDescription);
  await ended;
  await expect(old.heartbeat()).rejects.toThrow('session invalid');
  await expect(old.updateTaskStatus([])).rejects.toThrow('session invalid');
  await expect(next.heartbeat()).resolves.toBeGreaterThan(800);
});

test('reports that arrive while an entry is written share the next one', async () => {
  const { sessions, write, log, store } = await setUp();
  await write(['t1', 't2', 't3', 't4'].map((id) => create('task', task(id))));
  const session = await sessions.open(nodeId, testDescription);
  const before = log.entries.length;
  let open = (): void => {};
  log.gate = new Promise((resolve) => (open = resolve));
  const first = session.updateTaskStatus([{ taskId: 't1', status: running }]);
  await settle();
  const others = ['t2', 't3', 't4'].map((taskId) => session.updateTaskStatus([{ taskId, status: running }]));
  await settle();
  open();
  await Promise.all([first, ...others]);
  expect(log.entries.length - before).toBe(2);
  expect([...store.list('task')].map((each) => each.Status.State)).toEqual(['running', 'running', 'running', 'running']);
  // What is known already is no entry.
  await session.updateTaskStatus([{ taskId: 't1', status: running }]);
  expect(log.entries.length - before).toBe(2);
});

test('reports that the log does not take are refused, and the next ones go through', async () => {
  const { sessions, write, log, store } = await setUp();
  await write([create('task', task('t1'))]);
  const session = await sessions.open(nodeId, testDescription);
  log.leading = false;
  await expect(session.updateTaskStatus([{ taskId: 't1', status: running }])).rejects.toMatchObject({ code: 'unavailable' });
  log.leading = true;
  await session.updateTaskStatus([{ taskId: 't1', status: running }]);
  expect(store.get('task', 't1')?.Status.State).toBe('running');
});

test('a node that beats stays ready; one that stops is down after three periods, and its session is over', async () => {
  const { sessions, store, clock, write } = await setUp();
  await write([create('node', aNode('another'))]);
  const session = await sessions.open(nodeId, testDescription);
  const { ended } = collect(session.assignments());
  for (let beat = 0; beat < 10; beat++) {
    await session.heartbeat();
    await clock.advance(1000);
  }
  expect(store.get('node', nodeId)?.Status.State).toBe('ready');
  // Within four seconds of the last beat.
  await clock.advance(3500);
  expect(store.get('node', nodeId)?.Status).toMatchObject({ State: 'down', Message: 'heartbeat failure' });
  await ended;
  await expect(session.heartbeat()).rejects.toThrow('session invalid');
  await sessions.open(nodeId, testDescription);
  expect(store.get('node', nodeId)?.Status.State).toBe('ready');
});

test('a node without others beats more seldom, until another comes', async () => {
  const { sessions, store, clock, write } = await setUp();
  const session = await sessions.open(nodeId, testDescription);
  const alone = await session.heartbeat();
  expect(alone).toBeGreaterThanOrEqual(1800);
  await clock.advance(alone);
  await write([create('node', aNode('another'))]);
  expect(await session.heartbeat()).toBeLessThanOrEqual(1100);
  expect(store.get('node', nodeId)?.Status.State).toBe('ready');
});

const hourMs = 3_600_000;

test.each([
  ['back', -hourMs],
  ['ahead', hourMs],
])('a clock on the wall that is set %s by an hour neither kills a node that beats nor keeps one alive that does not', async (_way, byMs) => {
  const { sessions, store, clock, write } = await setUp();
  await write([create('node', aNode('another'))]);
  const session = await sessions.open(nodeId, testDescription);
  const { ended } = collect(session.assignments());
  const state = () => store.get('node', nodeId)?.Status.State;
  for (let beat = 0; beat < 10; beat++) {
    await session.heartbeat();
    if (beat === 3) clock.set(byMs);
    await clock.advance(1000);
    expect(state()).toBe('ready');
  }
  await session.heartbeat();
  await clock.advance(1600);
  clock.set(byMs);
  await clock.advance(800);
  expect(state()).toBe('ready');
  await clock.advance(1600);
  expect(state()).toBe('down');
  await ended;
});

test('a manager that slept through the deadlines gives the nodes time to beat', async () => {
  const { sessions, store, clock } = await setUp();
  await sessions.open(nodeId, testDescription);
  clock.sleep(100_000);
  await clock.advance(800);
  expect(store.get('node', nodeId)?.Status.State).toBe('ready');
  await clock.advance(10_000);
  expect(store.get('node', nodeId)?.Status.State).toBe('down');
});

test('a changed description is written, an unchanged one is not', async () => {
  const { sessions, store, log } = await setUp();
  const session = await sessions.open(nodeId, testDescription);
  const before = log.entries.length;
  await session.updateDescription(testDescription);
  expect(log.entries.length).toBe(before);
  await session.updateDescription({ ...testDescription, Hostname: 'other' });
  expect(store.get('node', nodeId)?.Description?.Hostname).toBe('other');
});

test('the session of a node that is removed ends', async () => {
  const { sessions, write, store } = await setUp();
  const node = store.get('node', nodeId);
  if (!node) throw new Error('no node');
  const session = await sessions.open(nodeId, testDescription);
  const { ended } = collect(session.assignments());
  await write([update('node', { ...node, Spec: { ...node.Spec, Availability: 'drain' } })]);
  await write([remove('node', nodeId)]);
  await ended;
});

test('stopping ends every session', async () => {
  const { sessions, clock } = await setUp();
  const { ended } = collect((await sessions.open(nodeId, testDescription)).assignments());
  sessions.stop();
  await ended;
  expect(clock.next).toBeUndefined();
});

test('what very many nodes are told is one list, and they are woken in turns', async () => {
  const { sessions, write, clock } = await setUp();
  const names = Array.from({ length: 250 }, (_, n) => `n${n}`);
  await write(names.map((name) => create('node', aNode(name))));
  const told: AssignmentMessage[] = [];
  for (const name of names) {
    const session = await sessions.open(name, testDescription);
    void (async () => {
      for await (const message of session.assignments()) if (message.type === 'incremental') told.push(message);
    })();
  }
  await settle();
  told.length = 0;
  const Ports = [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' as const }];
  await write([create('service', aService('web', {}, { Endpoint: { Spec: { Ports }, Ports } }))]);
  // Nothing but the turn of the commit has passed, which had enough to do; then they are told some at a time.
  expect(told).toHaveLength(0);
  await nextTurn(clock);
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThanOrEqual(10);
  for (let before = 0; told.length > before; await settle()) before = told.length;
  expect(told).toHaveLength(250);
  expect(new Set(told.map(({ changes: list }) => list)).size).toBe(1);
  expect(changes(told[0])).toEqual(['update service web']);
});

test.each<[string, (session: DispatcherSession) => Promise<void>]>([
  ['a task is left', (session) => session.withdrawn('t1')],
  ['another key of a node is known', (session) => session.withdrawn(nodeId)],
  ['a node that goes for good is left', (session) => session.leave()],
])('%s elsewhere when every other node that was told of it says so, or is gone', async (_what, ask) => {
  const { sessions, store, write } = await setUp();
  const network = aSubnet('net', '10.1.0.0/24', '10.1.0.1');
  const others = ['two', 'three', 'apart'];
  const { Description: _none, ...neverSeen } = aNode('never', { Shoal: { Gateways: { net: '10.1.0.249' } } });
  const attached = { NetworksAttachments: [{ Network: taskNetwork(network), Addresses: ['10.1.0.2/24'] }] };
  await write([
    create('network', network),
    ...others.map((id) => create('node', aNode(id, id === 'apart' ? {} : { Shoal: { Gateways: { net: `10.1.0.25${id.length}` } } }))),
    // One that joined and never came: nobody told it anything.
    create('node', { ...neverSeen, Status: { State: 'unknown', Addr: '' } }),
    create('task', { ...task('t1', 'running'), ...attached }),
    update('node', { ...(store.get('node', nodeId) as Node), Shoal: { Gateways: { net: '10.1.0.250' } } }),
  ]);
  const session = await sessions.open(nodeId, testDescription);
  const told = await Promise.all(others.map(async (id) => ({ id, session: await sessions.open(id, testDescription) })));
  const streams = told.map((each) => ({ ...each, ...collect(each.session.assignments()) }));
  collect(session.assignments());
  await settle();
  let left = false;
  void ask(session).then(() => (left = true));
  await settle();
  const [two, three, apart] = streams;
  expect(streams.map(({ messages }) => messages.at(-1)?.acknowledge)).toEqual([true, true, undefined]);
  await two?.session.acknowledge(two.messages.at(-1)?.resultsIn ?? 0);
  await settle();
  expect(left).toBe(false);
  // Who is away leads people by what he knew: he is asked when he is back, or is down.
  three?.session.close();
  await settle();
  expect(left).toBe(false);
  const back = await sessions.open('three', testDescription);
  const again = collect(back.assignments());
  await settle();
  expect(again.messages.at(-1)?.acknowledge).toBe(true);
  expect(left).toBe(false);
  back.close();
  await settle();
  const gone = store.get('node', 'three');
  if (gone) await write([update('node', { ...gone, Status: { ...gone.Status, State: 'down' } })]);
  await settle();
  expect(left).toBe(true);
  for (const each of [session, two?.session, apart?.session]) each?.close();
});

test('a node that does not say that it goes by what it was told is waited for once, and again when it has said so', async () => {
  const { sessions, store, write, clock } = await setUp();
  const network = aSubnet('net', '10.1.0.0/24', '10.1.0.1');
  const NetworksAttachments = [{ Network: taskNetwork(network), Addresses: ['10.1.0.2/24'] }];
  await write([
    create('network', network),
    create('node', aNode('mute', { Shoal: { Gateways: { net: '10.1.0.254' } } })),
    create('task', { ...task('t1', 'running'), NetworksAttachments }),
    create('task', { ...task('t2', 'running'), NetworksAttachments }),
    update('node', { ...(store.get('node', nodeId) as Node), Shoal: { Gateways: { net: '10.1.0.250' } } }),
  ]);
  const [session, mute] = [await sessions.open(nodeId, testDescription), await sessions.open('mute', testDescription)];
  const { messages } = collect(mute.assignments());
  collect(session.assignments());
  const left: string[] = [];
  const leave = (id: string): void => void session.withdrawn(id).then(() => left.push(id));
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await Promise.all([session.heartbeat(), mute.heartbeat()]);
      await clock.advance(1000);
    }
  };
  leave('t1');
  await pass(14);
  expect([left, messages.at(-1)?.acknowledge]).toEqual([[], true]);
  await pass(2);
  expect(left).toEqual(['t1']);
  leave('t2');
  await settle();
  expect(left).toEqual(['t1', 't2']);
  await mute.acknowledge(messages.at(-1)?.resultsIn ?? 0);
  leave('t1');
  await settle();
  expect(left).toEqual(['t1', 't2']);
  await mute.acknowledge(messages.at(-1)?.resultsIn ?? 0);
  await settle();
  expect(left).toEqual(['t1', 't2', 't1']);
  for (const each of [session, mute]) each.close();
});

test('a node that leaves is down from then on, and its session is over when nobody is led to it any more', async () => {
  const { sessions, store, clock, write } = await setUp();
  await write([create('node', aNode('node-two'))]);
  const session = await sessions.open(nodeId, testDescription);
  const stays = await sessions.open('node-two', testDescription);
  await session.leave();
  expect(store.get('node', nodeId)?.Status).toMatchObject({ State: 'down', Message: 'it left the cluster' });
  await expect(session.heartbeat()).rejects.toThrow('session invalid');
  await stays.heartbeat();
  await clock.advance(2000);
  await stays.heartbeat();
  await clock.advance(2000);
  expect(store.get('node', nodeId)?.Status.Message).toBe('it left the cluster');
  expect(store.get('node', 'node-two')?.Status.State).toBe('ready');
});

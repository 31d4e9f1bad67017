/** Requests that are the leader's, at a node that does not lead. */
import { afterEach, expect, test } from 'vitest';
import type { Duplex } from 'node:stream';
import type { Dependencies, LeaderLine, TaskLogLine, TaskLogOptions } from '#api/dependencies';
import { ApiServer } from '#api/server';
import { notePlace, placesText, readPlaces, type Places } from '#api/stream/places';
import { silentLogger } from '#test/support/silent-logger';
import { Refusal } from '#base/refusal';
import { create, remove } from '#store/action';
import { createNetwork } from '#control/networks';
import { createService } from '#control/service/services';
import { runningTask, wallClock } from '#test/support/api-fixture';
// @ts-ignore -- plain JavaScript
import { until } from '../../support/machine.mjs';
import { temporaryFolder } from '#test/support/folder';
import { LogFrames } from '#model/log-frame';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { duplexPair } from '#test/support/duplex-pair';
import { request } from 'node:http';
import { join } from 'node:path';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Node {
  readonly server: ApiServer;
  readonly cluster: MemoryCluster;
  readonly line: { leads: boolean; open: () => Duplex | undefined; lost: Refusal | undefined };
  /** What a task's log holds, and says while it is followed. */
  lines: TaskLogLine[];
  /** What the logs of other tasks held before they were followed. */
  before: readonly TaskLogLine[];
  readonly asked: (TaskLogOptions & { task: string })[];
  readonly socketPath: string;
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
}

async function start(leaderPatienceMs = 0): Promise<Node> {
  const socketPath = join(await temporaryFolder(), 'api.sock');
  const cluster = initialisedCluster();
  const line: Node['line'] = { leads: false, open: () => undefined, lost: undefined };
  const leader: LeaderLine = {
    alone: () => false,
    leads: () => line.leads,
    open: () => line.open(),
    lost: () => line.lost,
    view: () => cluster.store,
    standing: () => undefined,
    checkRemoval: () => undefined,
  };
  const status = () => ({ LocalNodeState: 'active', NodeID: 'n', NodeAddr: '', ControlAvailable: true, Error: '' }) as const;
  const node = { lines: [] as TaskLogLine[], before: [] as Node['before'], asked: [] as Node['asked'] };
  const logs: Dependencies['logs'] = {
    async *open(task, options, signal) {
      node.asked.push({ ...options, task: task.ID });
      if (task.ID !== 'task1') return void (options.follow || (yield* node.before));
      for (let at = 0; !signal.aborted;) {
        const line = node.lines[at];
        if (line) {
          at++;
          yield line;
        } else if (!options.follow) return;
        else await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  const parts = {
    cluster,
    logs,
    leader,
    swarm: { status },
    engineSocket: `${socketPath}.none`,
    logger: silentLogger,
    clock: wallClock,
    reconcileEvents: { watch: () => () => undefined },
  };
  const metrics = { raftIndex: () => 0, leads: () => line.leads, readOnly: () => false, network: async () => [] };
  const server = new ApiServer({ socketPath, version: '0.1.0', leaderPatienceMs }, { ...parts, metrics } as unknown as Dependencies);
  await server.start();
  stops.push(() => server.stop());
  const ask: Node['ask'] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const call = request({ socketPath, method, path, agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return Object.assign(node, { server, cluster, line, ask, socketPath });
}

/** A way from one to the other's API. */
function wayTo(other: Node): () => Duplex {
  return () => {
    const [near, far] = duplexPair();
    other.server.connected(far);
    return near;
  };
}

test('a request goes to the leader once and never further: two that think of each other do not send it in circles', async () => {
  const [one, two] = await Promise.all([start(), start()]);
  one.line.open = wayTo(two);
  two.line.open = wayTo(one);
  expect((await one.ask('GET', '/configs')).status).toBe(503);
  two.line.leads = true;
  expect((await one.ask('POST', '/configs/create', { Name: 'c', Data: 'eA==' })).status).toBe(201);
  expect([one, two].map(({ cluster }) => [...cluster.store.list('config')].length)).toEqual([0, 1]);
});

test('a leader that hands its leadership on lets the next one answer, whoever was asked', async () => {
  for (const asked of ['leader', 'other']) {
    const [one, two] = await Promise.all([start(10_000), start(10_000)]);
    one.line.open = wayTo(two);
    two.line.open = wayTo(one);
    one.line.leads = true;
    one.cluster.submit = () => {
      // It still leads as this is refused.
      setImmediate(() => ([one.line.leads, two.line.leads] = [false, true]));
      return Promise.reject(new Refusal('unavailable', 'the leadership is being handed to another manager: try again', { outcome: 'none' }));
    };
    const { status } = await (asked === 'leader' ? one : two).ask('POST', '/configs/create', { Name: 'c', Data: 'eA==' });
    expect([asked, status, [...two.cluster.store.list('config')].length]).toEqual([asked, 201, 1]);
  }
});

test('what is read while the managers are too busy to confirm the leader is asked again, whoever was asked', async () => {
  for (const asked of ['leader', 'other']) {
    const [one, two] = await Promise.all([start(10_000), start(10_000)]);
    one.line.open = wayTo(two);
    two.line.leads = true;
    const read = two.cluster.read.bind(two.cluster);
    let busy = 3;
    two.cluster.read = () => {
      if (busy-- > 0) throw new Refusal('unavailable', 'The swarm does not have a leader.', { reason: 'noLeader' });
      return read();
    };
    expect((await (asked === 'leader' ? two : one).ask('GET', '/nodes')).status).toBe(200);
    expect(busy).toBeLessThan(0);
  }
});

test('unused networks of the cluster are pruned by whoever leads, whichever manager is asked', async () => {
  const [one, two] = await Promise.all([start(), start()]);
  two.line.leads = true;
  for (const { cluster } of [one, two]) cluster.run(createNetwork({ Name: 'unused', Driver: 'overlay' }));
  const networks = (node: Node) => [...node.cluster.store.list('network')].map(({ Spec }) => Spec.Name);
  const [seen] = [...one.cluster.store.list('network')].filter(({ Spec }) => Spec.Name === 'unused');
  const [held] = [...two.cluster.store.list('network')].filter(({ Spec }) => Spec.Name === 'unused');
  // Both hold the same, as managers do.
  if (held && seen) two.cluster.write([remove('network', held.ID), create('network', { ...held, ID: seen.ID })]);
  expect(networks(two)).toContain('unused');
  expect(JSON.parse((await one.ask('POST', '/networks/prune')).text), 'nobody to ask').toEqual({ NetworksDeleted: null });
  one.line.open = wayTo(two);
  expect(JSON.parse((await one.ask('POST', '/networks/prune')).text)).toEqual({ NetworksDeleted: ['unused'] });
  expect(networks(two)).not.toContain('unused');
});

test('what is of the node itself is answered by it', async () => {
  const one = await start();
  one.line.open = () => {
    throw new Error('nobody needs the leader for this');
  };
  for (const path of ['/_ping', '/info', '/version', '/healthz', '/networks']) expect([path, (await one.ask('GET', path)).status]).toEqual([path, 200]);
});

test('without a leader to come it is answered why at once; what the node holds can be read', async () => {
  const one = await start();
  one.line.lost = new Refusal('unavailable', 'm2 is missing', { missing: ['m2'] });
  const refused = await one.ask('POST', '/configs/create', { Name: 'c', Data: 'eA==' });
  expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('m2 is missing')]);
  expect((await one.ask('GET', '/nodes?stale=1')).status).toBe(200);
  // Only reading can be stale.
  expect((await one.ask('POST', '/configs/create?stale=1', { Name: 'c', Data: 'eA==' })).status).toBe(503);
});

test('a leader that says nothing, or nonsense, costs a request its answer and nothing else', async () => {
  const one = await start();
  for (const say of ['', 'nonsense\r\n\r\n']) {
    one.line.open = () => {
      const [near, far] = duplexPair();
      far.once('data', () => far.end(say));
      return near;
    };
    const answer = await one.ask('POST', '/configs/create', { Name: 'c', Data: 'eA==' });
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('may still take effect')]);
  }
});

test('a daemon that stops while the leader has not answered says so to its client: that is no failure of its own', async () => {
  const one = await start();
  let carried = 0;
  one.line.open = () => {
    const [near, far] = duplexPair();
    far.once('data', () => carried++);
    return near;
  };
  const asked = [one.ask('POST', '/configs/create', { Name: 'c', Data: 'eA==' }), one.ask('GET', '/configs')];
  await until(
    () => carried === 2,
    30_000,
    () => `${carried} of 2 were carried`,
  );
  await one.server.stop();
  expect((await Promise.all(asked)).map(({ status, text }) => [status, /may still take effect/.test(text)])).toEqual([
    [503, true],
    [503, false],
  ]);
});

test('a stream of lines that breaks off with the leader says so, in a frame that ends the docker CLI with it', async () => {
  const one = await start();
  const said = '\u0001\0\0\0\0\0\0\u0003one';
  one.line.open = () => {
    const [near, far] = duplexPair();
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
    far.once('data', () => far.write(`${head}${said.length.toString(16)}\r\n${said}\r\n`));
    near.on('data', () => setImmediate(() => near.destroy()));
    return near;
  };
  const { text } = await one.ask('GET', '/services/web/logs?stdout=1&follow=1');
  expect(text.slice(0, said.length)).toBe(said);
  expect([text.charCodeAt(said.length), text]).toEqual([
    3,
    expect.stringMatching(/the connection to the leader broke, and lines that came since are missing: ask again\n$/),
  ]);
});

const second = (number: number): TaskLogLine => ({ stream: 'stdout', timestamp: `2026-01-01T00:00:0${number}Z`, text: `line ${number}\n` });

/** A node whose service `web` has one task that runs, of the same id everywhere. */
async function startWithTask(): Promise<Node> {
  const node = await start();
  const { ID } = node.cluster.run(createService({ Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x:1' } } }));
  const service = node.cluster.store.get('service', ID);
  if (service) node.cluster.write([create('task', runningTask(service, { id: 'task1', slot: 1, nodeId: 'n', now: 0 }))]);
  return node;
}

/** The log as it comes, in the frames of the docker CLI. */
function followLog(node: Node, tail = '7'): { frames: { stream: string; text: string }[]; headers: () => NodeJS.Dict<string | string[]>; stop: () => void } {
  const frames: { stream: string; text: string }[] = [];
  let headers: NodeJS.Dict<string | string[]> = {};
  const sent = request({ socketPath: node.socketPath, path: `/v1.41/services/web/logs?stdout=1&tail=${tail}&follow=1`, agent: false }, (response) => {
    ({ headers } = response);
    const reader = new LogFrames();
    response.on('data', (chunk: Buffer) => frames.push(...reader.push(chunk)));
    response.on('error', () => undefined);
  });
  sent.on('error', () => undefined).end();
  return { frames, headers: () => headers, stop: () => sent.destroy() };
}

/** Whom the follower takes for the leader, and the ways that it opened to those. */
function leadersOf(follower: Node): { ways: Duplex[]; lead: (node: Node) => void } {
  const ways: Duplex[] = [];
  const lead = (node: Node): void => {
    node.line.leads = true;
    follower.line.open = () => {
      const way = wayTo(node)();
      ways.push(way);
      return way;
    };
  };
  return { ways, lead };
}

test.each(['another manager', 'this node'])('a log that is followed goes on where its leader died, when %s is the next', async (next) => {
  const [follower, first, other] = [await startWithTask(), await startWithTask(), await startWithTask()];
  const { ways, lead } = leadersOf(follower);
  lead(first);
  first.lines = [second(1), second(2)];
  const log = followLog(follower);
  const said = (): string[] => log.frames.map(({ stream, text }) => `${stream} ${text}`);
  const heard = (count: number): Promise<void> =>
    until(
      () => log.frames.length >= count,
      30_000,
      () => said().join(''),
    );
  await heard(2);
  const successor = next === 'this node' ? follower : other;
  // What came before and what was told is in the log of its container still.
  successor.lines = [second(2), second(3)];
  follower.line.open = () => undefined;
  for (const way of ways) way.destroy();
  if (successor === follower) follower.line.leads = true;
  else lead(successor);
  await heard(3);
  expect(said()).toEqual(['stdout line 1\n', 'stdout line 2\n', 'stdout line 3\n']);
  expect(first.asked).toMatchObject([
    { follow: false, tail: 7 },
    { follow: true, sinceMs: Date.parse('2026-01-01T00:00:02Z') },
  ]);
  expect(successor.asked).toEqual([expect.objectContaining({ follow: true, sinceMs: Date.parse('2026-01-01T00:00:02Z'), task: 'task1' })]);
  expect(log.headers()).not.toHaveProperty('shoal-log-places');
  successor.lines.push(second(4));
  await heard(4);
  log.stop();
});

test.each([
  ['/v1.47/services/web/logs?stdout=1&follow=1', {}],
  ['/v1.47/services/web/logs?stdout=1&follow=1&since=12', { sinceMs: 12_000 }],
])('of a task of which nothing was told yet nothing is lost either: %s', async (path, wanted) => {
  const [follower, first, next] = [await startWithTask(), await startWithTask(), await startWithTask()];
  for (const { cluster } of [first, next]) {
    const [service] = cluster.store.list('service');
    if (service) cluster.write([create('task', runningTask(service, { id: 'silent', slot: 2, nodeId: 'n', now: 0 }))]);
  }
  const { ways, lead } = leadersOf(follower);
  lead(first);
  first.lines = [second(1)];
  const sent = request({ socketPath: follower.socketPath, path, agent: false }, (response) => response.on('error', () => undefined).resume());
  sent.on('error', () => undefined).end();
  await until(
    () => first.asked.filter(({ follow }) => follow).length === 2,
    30_000,
    () => 'nobody is asked',
  );
  lead(next);
  ways[0]?.destroy();
  await until(
    () => next.asked.filter(({ follow }) => follow).length === 2,
    30_000,
    () => 'nobody is asked again',
  );
  sent.destroy();
  const silent = next.asked.find(({ task }) => task === 'silent');
  expect({ sinceMs: silent?.sinceMs, tail: silent?.tail }).toEqual({ sinceMs: undefined, tail: undefined, ...wanted });
});

test.each([
  ['that spoke before goes on from its last line', [second(1)], Date.parse('2026-01-01T00:00:01Z')],
  ['that never spoke goes on from its beginning', [], undefined],
  ['that did not speak since the time that was asked for goes on from there', [], Date.parse('2026-01-01T00:00:02.999Z'), Date.parse('2026-01-01T00:00:03Z')],
] as const)('where the last lines are not wanted, a task %s when the leader dies, whatever the clocks say', async (_what, before, sinceMs, asked?: number) => {
  const [follower, first, next] = [await startWithTask(), await startWithTask(), await startWithTask()];
  for (const { cluster } of [first, next]) {
    const [service] = cluster.store.list('service');
    if (service) cluster.write([create('task', runningTask(service, { id: 'silent', slot: 2, nodeId: 'n', now: 0 }))]);
  }
  first.before = before;
  const { ways, lead } = leadersOf(follower);
  lead(first);
  const log = followLog(follower, asked === undefined ? '0' : `0&since=${asked / 1000}`);
  const followed = (node: Node): Promise<void> =>
    until(
      () => node.asked.filter(({ follow }) => follow).length === 2,
      30_000,
      () => JSON.stringify(node.asked),
    );
  await followed(first);
  // What the leader said before this line has come, too.
  first.lines = [second(5)];
  await until(
    () => log.frames.length > 0,
    30_000,
    () => 'no line comes',
  );
  lead(next);
  ways[0]?.destroy();
  await followed(next);
  log.stop();
  expect(log.frames.map(({ text }) => text)).toEqual(['line 5\n']);
  const silent = next.asked.find(({ task }) => task === 'silent');
  expect({ sinceMs: silent?.sinceMs, tail: silent?.tail }).toEqual({ sinceMs, tail: undefined });
});

test('as many places are kept as may be told in a body', () => {
  const places: Places = new Map();
  for (let at = 0; at < 6000; at++) notePlace(places, `task${at}`, '2026-01-01T00:00:00.000000000Z');
  notePlace(places, 'task1500', '2026-01-01T00:00:01.000000000Z');
  expect([places.size, places.has('task999'), [...places.keys()].at(-1)]).toEqual([5000, false, 'task1500']);
  expect(readPlaces(placesText(places))).toEqual(places);
});

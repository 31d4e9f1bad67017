/** No request and no stream reaches the process: every route and stream is walked with parts that throw, reject, fail late or give nonsense, and with clients that vanish. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Dependencies, LocalSwarm, StoreEvent } from '#api/dependencies';
import { ApiServer } from '#api/server';
import { allRoutes } from '#api/routes/all';
import type { Context } from '#api/context';
import type { Metrics } from '#api/metrics/metrics';
import type { Logger } from '#base/logger';
import type { Cluster } from '#control/cluster';
import { runningTask, wallClock } from '#test/support/api-fixture';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { startRecordingEngine, type RecordingEngine } from '#test/support/recording-engine-socket';
import { createService } from '#control/service/services';
import { create } from '#store/action';

const routes = allRoutes({} as Context, {} as Metrics, false).map(({ method, pattern }) => [method, pattern] as const);
const streams = [
  '/events',
  '/events?since=0',
  '/shoal/v1/events',
  '/services/web/logs?stdout=1&follow=1',
  '/services/web/logs?stdout=1',
  '/tasks/task-one/logs?stdout=1&follow=1',
];

/** How a part answers: `later` fails after the handler has had time to go on. */
const manners = {
  throws: () => {
    throw new Error('planted');
  },
  rejects: () => Promise.reject(new Error('planted')),
  'throws what is no error': () => {
    throw undefined; // oxlint-disable-line only-throw-error -- planted
  },
  'rejects later': () => new Promise((_resolve, reject) => setImmediate(() => reject(new Error('planted')))),
  'answers nonsense': () => Promise.resolve(nonsense),
} as const;

/** An object whose every property is a function that throws. */
const nonsense: unknown = new Proxy(
  {},
  {
    get: (_target, key) =>
      key === 'then' || typeof key === 'symbol'
        ? undefined
        : () => {
            throw new Error('planted');
          },
  },
);

let folder: string;
let engine: RecordingEngine;
let server: ApiServer | undefined;
const escaped: unknown[] = [];
const seen = (error: unknown) => void escaped.push(error);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-faults-'));
  process.on('unhandledRejection', seen);
  process.on('uncaughtException', seen);
  // Half an answer, then the line is cut: what an engine does that is restarted.
  engine = await startRecordingEngine(join(folder, 'engine.sock'), (_request, response) => {
    response.writeHead(200).write('{"half":');
    setTimeout(() => response.destroy(), 5);
  });
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(escaped.splice(0)).toEqual([]);
});

afterAll(async () => {
  process.off('unhandledRejection', seen);
  process.off('uncaughtException', seen);
  await engine.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A logger whose warnings and errors are kept. */
function keptLog(lines: string[]): Logger {
  const keep = (_facts: object, message: string) => void lines.push(message);
  const logger: Logger = { debug() {}, info() {}, warn: keep, error: keep, child: () => logger };
  return logger;
}

async function start(parts: Partial<Dependencies>, lines: string[] = []): Promise<string> {
  const socketPath = join(folder, `api-${Math.random().toString(36).slice(2)}.sock`);
  const status = () => ({ LocalNodeState: 'active', NodeID: 'node-one', NodeAddr: '1.2.3.4', ControlAvailable: true, Error: '' }) as const;
  const dependencies: Dependencies = {
    cluster: initialisedCluster(),
    swarm: { status, init: async () => 'node-one', join: async () => undefined, leave: async () => undefined },
    engineSocket: join(folder, 'engine.sock'),
    logs: { async *open() {} },
    reconciler: {
      sync: async () => undefined,
      waiting: () => undefined,
      planCommit: async () => ({ repository: '', commit: '', stacks: [] }),
      commits: async () => ({ Commits: [] }),
      git: async () => undefined,
      adoption: async () => [],
      plan: async () => ({ stack: '', changes: [] }),
    },
    reconcileEvents: { watch: () => () => undefined },
    metrics: { raftIndex: () => 0, leads: () => true, readOnly: () => false, network: async () => [] },
    logger: keptLog(lines),
    clock: wallClock,
    ...parts,
  };
  server = new ApiServer({ socketPath, version: '0.1.0' }, dependencies);
  await server.start();
  return socketPath;
}

/** Status of one request, 0 when the connection was cut; streams are left after a moment. */
function ask(socketPath: string, method: string, path: string, vanish?: 'at once' | 'with the answer'): Promise<number> {
  return new Promise((resolve) => {
    const request = httpRequest({ socketPath, method, path, agent: false, headers: { 'Content-Type': 'application/json' } }, (response) => {
      response.on('error', () => undefined);
      response.on('close', () => resolve(response.statusCode ?? 0));
      if (vanish) response.destroy();
      else response.resume();
      setTimeout(() => request.destroy(), 150);
    });
    request.on('error', () => resolve(0));
    request.end(method === 'POST' ? bodyFor(path) : undefined);
    if (vanish === 'at once') setImmediate(() => request.destroy());
  });
}

/** A body that every route takes as far as its parts. */
function bodyFor(path: string): string {
  return JSON.stringify({
    Name: 'web',
    Data: 'eA==',
    Role: 'worker',
    Availability: 'active',
    URL: 'https://example.org/x.git',
    Driver: path.startsWith('/networks') ? 'overlay' : undefined,
    TaskTemplate: { ContainerSpec: { Image: 'a' }, Networks: [{ Target: 'other' }] },
    Container: 'c',
    HostConfig: { NetworkMode: 'other' },
    Spec: {},
  });
}

const filled = (pattern: string): string =>
  `${pattern.replaceAll('{}', 'web')}${pattern.endsWith('update') ? '?version=1' : pattern.endsWith('logs') ? '?stdout=1&follow=1' : ''}`;

/** Every function of every part answers in one manner; what it is to be watched by is watched. */
function broken(manner: () => unknown): Partial<Dependencies> {
  const status: LocalSwarm['status'] = () => ({ LocalNodeState: 'active', NodeID: 'n', NodeAddr: '', ControlAvailable: true, Error: '' });
  const any = manner as never;
  return {
    cluster: { read: any, submit: any, watch: () => () => undefined },
    swarm: { status, init: any, join: any, leave: any },
    logs: { open: any },
    reconciler: { sync: any, waiting: any, planCommit: any, commits: any, git: any, adoption: any, plan: any },
    reconcileEvents: { watch: () => () => undefined },
    metrics: { raftIndex: manners.throws, leads: manners.throws, readOnly: manners.throws, network: async () => [] },
  };
}

test.each(Object.entries(manners))('a part that %s fails requests, never the process', async (_name, manner) => {
  const socketPath = await start(broken(manner));
  expect(routes.length).toBeGreaterThan(45);
  for (const [method, pattern] of routes) await ask(socketPath, method, filled(pattern));
  await Promise.all(routes.map(([method, pattern]) => ask(socketPath, method, filled(pattern), 'at once')));
  await Promise.all(streams.map((path) => ask(socketPath, 'GET', path, 'with the answer')));
  expect(await ask(socketPath, 'GET', '/healthz')).toBe(200);
});

test('a node whose own state cannot be told fails requests only', async () => {
  const socketPath = await start({
    swarm: { status: manners.throws as never, init: manners.throws as never, join: manners.throws as never, leave: manners.throws as never },
  });
  for (const [method, pattern] of routes) expect([pattern, await ask(socketPath, method, filled(pattern))]).not.toEqual([pattern, 0]);
});

/** A cluster with a service `web` whose task runs. */
function withTask(): MemoryCluster {
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createService({ Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'a' } } }, {}));
  addTask(cluster, ID, 'task-one', 1);
  return cluster;
}

function addTask(cluster: MemoryCluster, serviceId: string, id: string, slot: number): void {
  const service = cluster.store.get('service', serviceId);
  if (service) cluster.write([create('task', runningTask(service, { id, slot, nodeId: 'node-one', now: 0 }))]);
}

const logManners: Record<string, Dependencies['logs']['open']> = {
  'throws when it is opened': manners.throws as never,
  'is no stream at all': (() => undefined) as never,
  // oxlint-disable-next-line require-yield -- planted
  'fails at its first line': async function* () {
    throw new Error('planted');
  },
  'fails later': async function* () {
    yield { stream: 'stdout', timestamp: '2026-01-01T00:00:00Z', text: 'one\n' };
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('planted');
  },
  'gives nonsense': async function* () {
    yield undefined as never;
  },
};

test.each(Object.entries(logManners))('logs of which one %s: the stream goes on, also for tasks that come later', async (_name, open) => {
  const cluster = withTask();
  const socketPath = await start({ cluster, logs: { open } });
  const [service] = cluster.store.list('service');
  const asked = streams.map((path) => ask(socketPath, 'GET', path));
  const left = streams.map((path) => ask(socketPath, 'GET', path, 'with the answer'));
  for (let slot = 2; slot < 6; slot++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    addTask(cluster, service?.ID ?? '', `task-${slot}`, slot);
  }
  expect(await Promise.all(asked)).toEqual(streams.map(() => 200));
  await Promise.all(left);
});

test('a listener that fails on what it is told costs its stream one event, and is told of in the log', async () => {
  const tell: ((events: readonly StoreEvent[]) => void)[] = [];
  const inner = withTask();
  const cluster: Cluster = {
    read: () => inner.read(),
    submit: (useCase) => inner.submit(useCase),
    watch: (listener) => {
      tell.push(listener);
      return () => undefined;
    },
  };
  const told: ((event: never) => void)[] = [];
  const lines: string[] = [];
  const socketPath = await start({ cluster, reconcileEvents: { watch: (listener) => (told.push(listener as never), () => undefined) } }, lines);
  const asked = streams.map((path) => ask(socketPath, 'GET', path));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  for (const events of [undefined, [undefined], [nonsense], [{ kind: 'service', id: 'x', object: nonsense }], [{ kind: 'task', object: cyclic }]]) {
    for (const listener of tell) listener(events as never);
  }
  for (const event of [cyclic, undefined, nonsense]) for (const listener of told) listener(event as never);
  expect(await Promise.all(asked)).toEqual(streams.map(() => 200));
  expect(lines.join('\n')).toContain('a listener to the cluster failed: this listener misses what it was told; the others and the daemon go on');
});

test('sockets that send garbage, half a request, or go in the middle of a body or of a hijacked connection', async () => {
  const socketPath = await start({});
  const pieces = [
    '\u0000\u0001\u0002',
    'GET',
    'GET /services HTTP/1.1\r\nHost: x\r\n',
    'POST /configs/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"Name"',
    'POST /configs/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}',
    'POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nabc',
    'POST /exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 20\r\n\r\n{}',
    'POST /exec/x/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    `GET /${'a'.repeat(2_000_000)} HTTP/1.1\r\n\r\n`,
  ];
  await Promise.all(
    pieces.flatMap((piece) =>
      ['end', 'destroy', 'resetAndDestroy'].map(
        (way) =>
          new Promise<void>((resolve) => {
            const socket = connect(socketPath);
            socket.on('error', () => undefined);
            socket.on('close', () => resolve());
            socket.resume();
            socket.write(piece);
            setTimeout(() => (way === 'end' ? socket.end() : socket.destroy()), 20);
            setTimeout(() => socket.destroy(), 200);
          }),
      ),
    ),
  );
  expect(await ask(socketPath, 'GET', '/healthz')).toBe(200);
});

/** Who answers what is asked about a container: this host's engine, or by way of the leader the node whose task it is. */
import { request } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Dependencies, LeaderLine } from '#api/dependencies';
import { connectionPair } from '#api/nodes/pair';
import { ApiServer } from '#api/server';
import { Refusal } from '#base/refusal';
import { create } from '#store/action';
import { wallClock } from '#test/support/api-fixture';
import { aTask } from '#test/support/cluster-objects';
import { temporaryFolder } from '#test/support/folder';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';
import { startRecordingEngine, type RecordingEngine } from '#test/support/recording-engine-socket';
import { silentLogger } from '#test/support/silent-logger';

const [remoteId, leadersId, plainId] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)];
const execId = 'e'.repeat(64);

interface Node {
  readonly server: ApiServer;
  readonly engine: RecordingEngine;
  /** Containers that its engine has; commands in them have one id. */
  readonly containers: Set<string>;
  ask(method: string, path: string, body?: string): Promise<{ status: number; json: any }>; // oxlint-disable-line no-explicit-any -- a reply under test may be anything
}

const stops: (() => Promise<void>)[] = [];
let cluster: MemoryCluster;
let lost: Refusal | undefined;
let follower: Node;
let leader: Node;
let worker: Node;

async function start(nodeId: string, role: 'leader' | 'follower' | 'worker'): Promise<Node> {
  const folder = await temporaryFolder();
  const [socketPath, engineSocket] = [join(folder, 'api.sock'), join(folder, 'engine.sock')];
  const containers = new Set<string>();
  const engine = await startRecordingEngine(engineSocket, (incoming, response) => {
    const [, of, ref = '', what] = (incoming.url ?? '').replace(/^\/v1\.41/, '').split(/[/?]/);
    const known = of === 'exec' ? ref === execId : containers.has(ref);
    if (!known) return void response.writeHead(404).end(JSON.stringify({ message: `No such container: ${ref}` }));
    const answers: Record<string, object> = { exec: { Id: execId }, json: of === 'exec' ? { ContainerID: [...containers][0] } : { Id: ref, by: nodeId } };
    response.writeHead(what === 'exec' ? 201 : 200).end(JSON.stringify(answers[what ?? ''] ?? {}));
  });
  const line: LeaderLine = {
    alone: () => false,
    leads: () => role === 'leader',
    open: () => {
      if (lost) return undefined;
      const [near, far] = connectionPair();
      leader.server.connected(far);
      return near;
    },
    lost: () => lost,
    view: () => cluster.store,
    standing: () => undefined,
    checkRemoval: () => undefined,
  };
  const nodes = {
    open: async (id: string): Promise<Duplex> => {
      if (id !== 'w') throw new Refusal('unavailable', `node ${id} is not available`, { node: id });
      const [near, far] = connectionPair();
      worker.server.asked(far);
      return near;
    },
    isTask: (id: string) => containers.has(id) && id !== plainId,
  };
  const manages = role !== 'worker';
  const status = () => ({ LocalNodeState: 'active', NodeID: nodeId, NodeAddr: '', ControlAvailable: manages, Error: '' }) as const;
  const parts = {
    cluster,
    leader: line,
    nodes,
    swarm: { status },
    reconcileEvents: { watch: () => () => undefined },
    engineSocket,
    logger: silentLogger,
    clock: wallClock,
  };
  const metrics = { raftIndex: () => 0, leads: () => role === 'leader', readOnly: () => false, network: async () => [] };
  const server = new ApiServer({ socketPath, version: '0.1.0', leaderPatienceMs: 0 }, { ...parts, metrics } as unknown as Dependencies);
  await server.start();
  stops.push(async () => {
    await server.stop();
    await engine.stop();
  });
  return { server, engine, containers, ask: (...asked) => http(socketPath, ...asked) };
}

function http(socketPath: string, method: string, path: string, body?: string): ReturnType<Node['ask']> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(parts).toString() || 'null') as unknown }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

const placed = (id: string, NodeID: string, ContainerID: string) => {
  const task = aTask(id, 'running', { NodeID, Slot: 1 });
  return create('task', { ...task, Status: { ...task.Status, ContainerStatus: { ContainerID } }, Shoal: { ...task.Shoal, ServiceName: 'web' } });
};

beforeEach(async () => {
  lost = undefined;
  cluster = initialisedCluster();
  cluster.write([placed('t1', 'w', remoteId), placed('t2', 'l', leadersId), placed('t3', 'gone', 'd'.repeat(64))]);
  [follower, leader, worker] = await Promise.all([start('f', 'follower'), start('l', 'leader'), start('w', 'worker')]);
  worker.containers.add(remoteId);
  leader.containers.add(leadersId);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test('a task elsewhere is found by id, beginning of the id and name, at the leader and at a follower', async () => {
  for (const node of [follower, leader]) {
    for (const ref of [remoteId, remoteId.slice(0, 12), 'web.1.t1']) {
      expect(await node.ask('GET', `/v1.41/containers/${ref}/json`)).toEqual({ status: 200, json: { Id: remoteId, by: 'w' } });
    }
  }
  expect(await follower.ask('GET', `/containers/${leadersId}/json`)).toEqual({ status: 200, json: { Id: leadersId, by: 'l' } });
  expect(await follower.ask('GET', '/containers/web.1.t3/json')).toEqual({ status: 503, json: { message: 'node gone is not available' } });
});

test('what this host has is its own, and nobody else is asked', async () => {
  follower.containers.add('web.1.t1').add(remoteId);
  expect((await follower.ask('GET', '/containers/web.1.t1/json')).json).toEqual({ Id: 'web.1.t1', by: 'f' });
  expect((await follower.ask('POST', `/containers/${remoteId}/exec`, '{}')).json).toEqual({ Id: execId });
  expect((await follower.ask('GET', `/exec/${execId}/json`)).status).toBe(200);
  expect([leader.engine.seen, worker.engine.seen]).toEqual([[], []]);
});

test("a container of another host that is no task is nobody's to see, the leader's own least of all", async () => {
  leader.containers.add('plain').add(plainId);
  worker.containers.add('plain').add(plainId);
  for (const ref of ['plain', plainId]) {
    expect(await follower.ask('GET', `/containers/${ref}/json`)).toEqual({ status: 404, json: { message: `No such container: ${ref}` } });
  }
  expect([leader.engine.seen, worker.engine.seen]).toEqual([[], []]);
});

test('a command that is made elsewhere is found again by its id, through whatever manager', async () => {
  const made = await follower.ask('POST', `/containers/${remoteId.slice(0, 12)}/exec`, JSON.stringify({ Cmd: ['true'] }));
  expect(made).toEqual({ status: 201, json: { Id: `${execId}-w` } });
  for (const node of [leader, follower]) expect(await node.ask('GET', `/exec/${made.json.Id}/json`)).toEqual({ status: 200, json: { ContainerID: remoteId } });
  expect((await leader.ask('POST', `/exec/${made.json.Id}/start`, JSON.stringify({ Detach: true }))).status).toBe(200);
  expect(worker.engine.seen.filter((seen) => seen.startsWith('POST'))).toEqual([`POST /containers/${remoteId}/exec`, `POST /exec/${execId}/start`]);
  expect(follower.engine.seen.filter((seen) => seen.includes(execId))).toEqual([]);
});

test('a command in a task of another node is an event at the leader: which task, where, and what, cut short', async () => {
  await follower.ask('POST', `/containers/${remoteId}/exec`, JSON.stringify({ Cmd: ['sh', '-c', 'x'.repeat(20_000)], Env: ['TOKEN=secret'] }));
  const filters = encodeURIComponent('{"type":["task"]}');
  const { json } = await leader.ask('GET', `/events?since=1&until=${(Date.now() + 1) / 1000}&filters=${filters}`);
  const told = { name: 'web.1.t1', service: 'web', node: 'w', command: `sh -c ${'x'.repeat(494)}` };
  expect(json).toMatchObject({ Type: 'task', Action: 'exec', Actor: { ID: 't1', Attributes: told } });
});

test('without a leader this manager says what it knows: that there is no such container, or that it cannot be reached', async () => {
  lost = new Refusal('unavailable', 'm2 is missing', { missing: ['m2'] });
  expect(await follower.ask('GET', '/containers/unknown/json')).toEqual({ status: 404, json: { message: 'No such container: unknown' } });
  expect(await follower.ask('GET', `/containers/${remoteId}/json`)).toEqual({ status: 503, json: { message: 'm2 is missing' } });
});

test('a worker, and a host of no cluster, ask their own engine alone', async () => {
  expect(await worker.ask('GET', `/containers/${leadersId}/json`)).toEqual({ status: 404, json: { message: `No such container: ${leadersId}` } });
  expect((await worker.ask('GET', `/exec/${execId}-l/json`)).status).toBe(503);
  expect(leader.engine.seen).toEqual([]);
});

test('what is not in the table goes to the own engine and no further', async () => {
  for (const [method, path] of [
    ['POST', `/containers/${remoteId}/stop`],
    ['DELETE', `/containers/${remoteId}`],
    ['GET', `/containers/${remoteId}/archive?path=/`],
  ] as const) {
    expect((await follower.ask(method, path)).status).toBe(404);
  }
  expect([leader.engine.seen, worker.engine.seen]).toEqual([[], []]);
});

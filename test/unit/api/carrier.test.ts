/** Requests that are the leader's, at a node that does not lead. */
import { afterEach, expect, test } from 'vitest';
import type { Duplex } from 'node:stream';
import type { Dependencies, LeaderLine } from '#api/dependencies';
import { ApiServer } from '#api/server';
import { silentLogger } from '#test/support/silent-logger';
import { Refusal } from '#base/refusal';
import { wallClock } from '#test/support/api-fixture';
import { temporaryFolder } from '#test/support/folder';
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
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
}

async function start(): Promise<Node> {
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
  const parts = {
    cluster,
    leader,
    swarm: { status },
    engineSocket: `${socketPath}.none`,
    logger: silentLogger,
    clock: wallClock,
    reconcileEvents: { watch: () => () => undefined },
  };
  const metrics = { raftIndex: () => 0, leads: () => line.leads, readOnly: () => false, network: async () => [] };
  const server = new ApiServer({ socketPath, version: '0.1.0', leaderPatienceMs: 0 }, { ...parts, metrics } as unknown as Dependencies);
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
  return { server, cluster, line, ask };
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

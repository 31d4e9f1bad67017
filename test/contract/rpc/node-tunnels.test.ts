/** Connections from the leader to a node: who may answer, how often, how long, how many, and that no byte is lost on them. */
import type { Duplex } from 'node:stream';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import type { OpenSession } from '#model/object/assignment';
import type { Members } from '#rpc/authorization';
import { clientCredentials, serverCredentials } from '#rpc/credentials';
import { connectDispatcher } from '#rpc/dispatcher-client';
import { DispatcherService } from '#rpc/dispatcher-service';
import { ForwardClient } from '#rpc/forward/forward-client';
import { addForwardService } from '#rpc/forward/forward-service';
import { NodeTunnels, tunnelsOfNode } from '#rpc/forward/node-tunnels';
import { TunnelServiceClient } from '#rpc/generated/shoal/v1/forward';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';

const description = { Hostname: 'n', Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '1' } };
/** A session in which nothing is assigned. */
const idle: OpenSession = async () => {
  const ending = new AbortController();
  return {
    // oxlint-disable-next-line require-yield -- nothing is ever assigned
    async *assignments() {
      if (!ending.signal.aborted) await new Promise((resolve) => ending.signal.addEventListener('abort', resolve, { once: true }));
    },
    updateTaskStatus: async () => undefined,
    heartbeat: async () => 1000,
    updateDescription: async () => undefined,
    pause: async () => undefined,
    leave: async () => undefined,
    acknowledge: async () => undefined,
    withdrawn: async () => undefined,
    changeAttachment: async () => 't',
    close: () => ending.abort(),
  };
};

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Leader {
  readonly cluster: TestAuthority;
  readonly port: number;
  readonly tunnels: NodeTunnels;
  /** Ids that nodes were asked for. */
  readonly asked: string[];
  /** Lets the time of every wait be over. */
  expire(): void;
}

async function lead(): Promise<Leader> {
  const cluster = await TestAuthority.begin();
  const waits = new Set<() => void>();
  const asked: string[] = [];
  const dispatcher = new DispatcherService({ openSession: idle, leader: () => undefined, logger: silentLogger });
  const clock = {
    after(_delayMs: number, run: () => void) {
      waits.add(run);
      return () => void waits.delete(run);
    },
  };
  const ask = (nodeId: string, id: string): void => {
    asked.push(id);
    dispatcher.askForTunnel(nodeId, id);
  };
  const tunnels = new NodeTunnels({ ask, clock });
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: () => 'worker', current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(await cluster.node('m', 'manager')), members, logger: silentLogger });
  dispatcher.addTo(server);
  tunnels.addTo(server);
  const port = await server.start();
  cleanups.push(() => server.stop());
  return { cluster, port, tunnels, asked, expire: () => [...waits].forEach((run) => run()) };
}

/** A node with a session; `connected` absent: it is of a version before. */
async function join({ cluster, port }: Leader, nodeId: string, connected?: (tunnel: Duplex) => void): Promise<void> {
  const connection = connectDispatcher(`127.0.0.1:${port}`, clientCredentials(await cluster.node(nodeId, 'worker')), connected);
  cleanups.push(() => connection.close());
  const session = await connection.openSession(nodeId, description);
  cleanups.push(() => session.close());
}

/** What a node is answered that opens the tunnel `id` of its own accord. */
async function intrude({ cluster, port }: Leader, nodeId: string, id: string): Promise<string> {
  const client = new TunnelServiceClient(`127.0.0.1:${port}`, clientCredentials(await cluster.node(nodeId, 'worker')));
  cleanups.push(() => client.close());
  const metadata = new Metadata();
  metadata.set('shoal-tunnel', id);
  const call = client.open(metadata);
  return await new Promise((resolve) => call.on('data', () => undefined).on('error', (error) => resolve(error.message)));
}

const refusal = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
const never = (): AbortSignal => new AbortController().signal;

async function textOf(stream: Duplex): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream.iterator({ destroyOnReturn: false })) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

test('bytes go both ways, and one side may end while the other goes on', async () => {
  const leader = await lead();
  await join(leader, 'n', (tunnel) => void textOf(tunnel).then((text) => tunnel.end(`heard ${text}`)));
  const tunnel = await leader.tunnels.open('n', never());
  const closed = new Promise((resolve) => tunnel.once('close', resolve));
  tunnel.write('one ');
  tunnel.end('two');
  expect(await textOf(tunnel)).toBe('heard one two');
  await closed;
});

test('of what a side says before it ends nothing is lost, however slowly it is read', async () => {
  const leader = await lead();
  const [chunk, count] = [Buffer.alloc(64 * 1024, 'x'), 200];
  let written = 0;
  await join(leader, 'n', (tunnel) => {
    const write = (): void => {
      while (written < count) if ((written++, !tunnel.write(chunk))) return void tunnel.once('drain', write);
      tunnel.end();
    };
    write();
  });
  const tunnel = await leader.tunnels.open('n', never());
  let heard = 0;
  tunnel.end();
  for await (const part of tunnel) {
    // Whoever reads one piece a turn has most of them before him: they are not all kept somewhere.
    if (heard === 0) expect(written).toBeLessThan(count);
    heard += (part as Buffer).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(heard).toBe(chunk.length * count);
});

test('of an answer through a manager nothing is lost, though the call is over before a slow client has read it', async () => {
  const cluster = await TestAuthority.begin();
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: () => 'manager', current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(await cluster.node('m', 'manager')), members, logger: silentLogger });
  const bytes = Buffer.alloc(1000, 'x');
  addForwardService(server, (connection) => void connection.resume().once('end', () => connection.end(bytes)));
  const port = await server.start();
  cleanups.push(() => server.stop());
  const tls = await cluster.node('f', 'manager');
  const client = new ForwardClient(() => tls);
  cleanups.push(() => client.close());
  const ask = (): Duplex => {
    const tunnel = client.open('m', `127.0.0.1:${port}`, () => true);
    if (!tunnel) throw new Error('there is a certificate, and no connection');
    return tunnel.end('asked');
  };
  const slow = ask();
  await expect.poll(() => slow.readableLength, { timeout: 30_000 }).toBe(bytes.length);
  // What comes behind it on the same line has come, so the call of the slow one is over.
  expect(await textOf(ask())).toBe(bytes.toString());
  expect(await textOf(slow)).toBe(bytes.toString());
});

test('who goes away ends the other side', async () => {
  const leader = await lead();
  const ends: Duplex[] = [];
  await join(leader, 'n', (tunnel) => void ends.push(tunnel.resume()));
  const [one, two, three] = await Promise.all(['n', 'n', 'n'].map((id) => leader.tunnels.open(id, never())));
  await expect.poll(() => ends.length, { timeout: 30_000 }).toBe(3);
  one?.destroy();
  await expect.poll(() => ends.filter((end) => end.destroyed).length, { timeout: 30_000 }).toBe(1);
  ends.find((end) => !end.destroyed)?.destroy();
  await expect.poll(() => [two, three].filter((tunnel) => tunnel?.destroyed).length, { timeout: 30_000 }).toBe(1);
  leader.tunnels.cut('n');
  await expect.poll(() => ends.filter((end) => end.destroyed).length, { timeout: 30_000 }).toBe(3);
});

test('only the node that was asked may answer, once, and nobody of its own accord', async () => {
  const leader = await lead();
  const silent = await leader.cluster.node('n', 'worker');
  let answer: () => void = () => undefined;
  const connection = connectDispatcher(`127.0.0.1:${leader.port}`, clientCredentials(silent), (tunnel) => (answer = () => void tunnel.end('mine')));
  cleanups.push(() => connection.close());
  const session = await connection.openSession('n', description);
  cleanups.push(() => session.close());
  await join(leader, 'other', () => undefined);
  const opening = leader.tunnels.open('n', never());
  const [id = ''] = leader.asked;
  // Whatever came first: the other one was never asked for this id.
  expect(await intrude(leader, 'other', id)).toContain('node other was not asked for this tunnel');
  const tunnel = await opening;
  expect(await intrude(leader, 'n', id)).toContain('node n was not asked for this tunnel');
  expect(await intrude(leader, 'n', '')).toContain('node n was not asked for this tunnel');
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  await expect.poll(() => (answer(), tunnel.readableLength > 0), { timeout: 30_000 }).toBe(true);
  expect(await textOf(tunnel)).toBe('mine');
});

test('a node that is not there, is of a version before, or says nothing is refused by name', async () => {
  const leader = await lead();
  await join(leader, 'old');
  expect(await refusal(leader.tunnels.open('gone', never()))).toMatchObject({
    code: 'unavailable',
    message: 'node gone is not available',
    facts: { node: 'gone' },
  });
  expect(await refusal(leader.tunnels.open('old', never()))).toMatchObject({
    message: expect.stringMatching(/^node old is not available: it runs a version of shoal/),
  });
  const mute = new NodeTunnels({ ask: () => undefined, clock: { after: (_, run) => (setImmediate(run), () => undefined) } });
  expect(await refusal(mute.open('mute', never()))).toMatchObject({ message: 'node mute is not available: it did not answer within 5 seconds' });
  const gone = new AbortController();
  const waiting = refusal(new NodeTunnels({ ask: () => undefined, clock: realClock }).open('mute', gone.signal));
  gone.abort();
  expect(await waiting).toBeInstanceOf(Refusal);
});

test('an answer that comes too late is refused', async () => {
  const leader = await lead();
  const tunnels = new NodeTunnels({ ask: () => undefined, clock: realClock });
  cleanups.push(() => tunnels.end());
  await join(leader, 'n');
  const waiting = refusal(leader.tunnels.open('n', never()));
  expect(await waiting).toBeInstanceOf(Refusal);
  expect(await intrude(leader, 'n', leader.asked[0] ?? '')).toContain('was not asked for this tunnel');
});

test('a node has so many tunnels and no more; those that end make room', async () => {
  const leader = await lead();
  await join(leader, 'n', (tunnel) => void tunnel.resume());
  const open = await Promise.all(Array.from({ length: tunnelsOfNode }, () => leader.tunnels.open('n', never())));
  expect(await refusal(leader.tunnels.open('n', never()))).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('try again when some have ended'),
  });
  open[0]?.destroy();
  await expect
    .poll(
      () =>
        leader.tunnels.open('n', never()).then(
          () => true,
          () => false,
        ),
      { timeout: 30_000 },
    )
    .toBe(true);
  leader.tunnels.end();
});

/** A node's connection to its dispatcher: what goes over one call, and what beside one that is stuck. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { decode } from '#base/codec';
import { Refusal } from '#base/refusal';
import { busyReason } from '#model/object/assignment';
import type { Members } from '#rpc/authorization';
import { clientCredentials, serverCredentials } from '#rpc/credentials';
import { connectDispatcher, type DispatcherConnection } from '#rpc/dispatcher-client';
import { DispatcherServiceService } from '#rpc/generated/shoal/v1/dispatcher';
import { toServiceError } from '#rpc/refusals';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { description, PlayedDispatcher, serve } from '#test/support/played-dispatcher';
import { silentLogger } from '#test/support/silent-logger';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** A connection to `dispatcher`, and how many calls came over it and beside it. `serveBy`: how the manager shows itself. */
async function counted(dispatcher: PlayedDispatcher, serveBy: (dispatcher: PlayedDispatcher, server: RpcServer) => unknown) {
  const cluster = await TestAuthority.begin();
  let calls = 0;
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: () => (calls++, 'worker'), current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(await cluster.node('m', 'manager')), members, logger: silentLogger });
  serveBy(dispatcher, server);
  const { openSession, close } = connectDispatcher(`127.0.0.1:${await server.start()}`, clientCredentials(await cluster.node('n', 'worker')));
  cleanups.push(async () => {
    close();
    await server.stop();
  });
  return { session: await openSession('n', description), calls: () => calls };
}

test.each([
  ['takes them so', serve, 2],
  ['is of before', serveAsBefore, 6],
])('beats of a session go over one call; where the manager %s', async (_, serveBy, expected) => {
  const { session, calls } = await counted(new PlayedDispatcher(), serveBy);
  for (let beat = 0; beat < 5; beat++) expect(await session.heartbeat()).toBe(4321 + beat);
  expect(calls()).toBe(expected);
  session.close();
});

const report = (taskId: string, Message = '') => [{ taskId, status: { Timestamp: '2026-01-01T00:00:00Z', State: 'running' as const, Message } }];

test.each([
  ['takes them so', serve, 2],
  ['is of before', serveAsBefore, 6],
])('short reports of a session go over one call, also after one that was refused; where the manager %s', async (_, serveBy, expected) => {
  const dispatcher = new PlayedDispatcher();
  const { session, calls } = await counted(dispatcher, serveBy);
  for (let n = 0; n < 5; n++) await session.updateTaskStatus(report(`t${n}`));
  expect(calls()).toBe(expected);
  dispatcher.refusal = new Refusal('unavailable', 'the manager is busy', { reason: busyReason });
  const refused = { facts: { reason: busyReason }, message: 'the manager is busy' };
  await expect(session.updateTaskStatus(report('no'))).rejects.toMatchObject(refused);
  dispatcher.refusal = undefined;
  await session.updateTaskStatus(report('t5'));
  expect(dispatcher.reports.map(([each]) => each?.taskId)).toEqual(['t0', 't1', 't2', 't3', 't4', 't5']);
  expect(calls()).toBe(expected + (serveBy === serve ? 1 : 2));
  session.close();
});

test('a long report is a call of its own', async () => {
  const dispatcher = new PlayedDispatcher();
  const { session, calls } = await counted(dispatcher, serve);
  for (const length of [10, 70_000, 10]) await session.updateTaskStatus(report('t', 'x'.repeat(length)));
  expect([dispatcher.reports.length, calls()]).toEqual([3, 3]);
  session.close();
});

test('reports on one call are answered in their order, whichever is written first', async () => {
  const dispatcher = new PlayedDispatcher();
  const { session } = await counted(dispatcher, serve);
  let write = (): void => undefined;
  const asked = new Promise<void>((resolve) => (dispatcher.reported = () => (resolve(), new Promise((done) => (write = done)))));
  const answered: string[] = [];
  const first = session.updateTaskStatus(report('t0')).then(() => answered.push('t0'));
  await asked;
  dispatcher.reported = async () => undefined;
  const second = session.updateTaskStatus(report('t1')).then(() => answered.push('t1'));
  await expect.poll(() => dispatcher.reports.length).toBe(2);
  // A beat that is asked later is answered: the call of the reports alone waits.
  expect([await session.heartbeat(), answered]).toEqual([4321, []]);
  write();
  await Promise.all([first, second]);
  expect(answered).toEqual(['t0', 't1']);
  session.close();
});

test('a manager that is busy for two seconds is not come to over another connection', async () => {
  const dispatcher = new PlayedDispatcher();
  const { session, calls } = await counted(dispatcher, serve);
  dispatcher.beatMs = 2000;
  expect([await session.heartbeat(), calls()]).toEqual([4321, 2]);
  session.close();
});

/** A manager of before: each beat is a call. */
function serveAsBefore(dispatcher: PlayedDispatcher, server: RpcServer): void {
  const { session: path, heartbeat, updateTaskStatus } = DispatcherServiceService;
  const session = dispatcher.open('n', description);
  server.add(
    { session: path, heartbeat, updateTaskStatus },
    {
      session: ((stream: ServerWritableStream<unknown, unknown>) => stream.write({ response: { $case: 'opened', value: { sessionId: 's' } } })) as never,
      heartbeat: ((_call: unknown, answer: (error: null, value: object) => void) =>
        void session.then(async (each) => answer(null, { periodMs: await each.heartbeat() }))) as never,
      updateTaskStatus: ((call: ServerUnaryCall<{ updates: Uint8Array }, object>, answer: (error: object | null, value?: object) => void) =>
        void session
          .then((each) => each.updateTaskStatus(decode(call.request.updates)))
          .then(
            () => answer(null, {}),
            (error: unknown) => answer(toServiceError(error)),
          )) as never,
    },
  );
}

/** A dispatcher that is reached by way of `lines`, the ends of each connection. */
async function byLines(dispatcher: PlayedDispatcher): Promise<DispatcherConnection & { lines: Duplex[]; door: Server }> {
  const cluster = await TestAuthority.begin();
  const credentials = serverCredentials(await cluster.node('m', 'manager'));
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: () => 'worker', current: () => true };
  const server = serve(dispatcher, new RpcServer('127.0.0.1:0', { credentials, members, logger: silentLogger }));
  const port = await server.start();
  const lines: Duplex[] = [];
  const door = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const line of [near, far]) lines.push(line.on('error', () => line.destroy()));
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const own = await cluster.node('n', 'worker');
  const connection = connectDispatcher(`127.0.0.1:${(door.address() as AddressInfo).port}`, clientCredentials(own));
  cleanups.push(async () => {
    connection.close();
    for (const line of lines) line.destroy();
    door.close();
    await server.stop();
  });
  return { ...connection, lines, door };
}

test('a beat finds its way beside a connection that is stuck', async () => {
  const { openSession, lines } = await byLines(new PlayedDispatcher());
  const session = await openSession('n', description);
  expect(await session.heartbeat()).toBe(4321);
  for (const line of lines.slice()) line.unpipe().pause();
  expect(await session.heartbeat()).toBe(4322);
  expect(lines.length).toBeGreaterThan(2);
  session.close();
});

test('while the way is closed it is looked at again and again, and the beat goes over the first connection that comes to be', async () => {
  const dispatcher = new PlayedDispatcher();
  const { openSession, lines, door } = await byLines(dispatcher);
  const session = await openSession('n', description);
  expect(await session.heartbeat()).toBe(4321);
  const { port } = door.address() as AddressInfo;
  for (const line of lines.splice(0)) line.unpipe().pause();
  door.close();
  let answered = false;
  const beat = session.heartbeat().finally(() => (answered = true));
  await pause(1500);
  expect([answered, lines.length]).toEqual([false, 0]);
  await once(door.listen(port, '127.0.0.1'), 'listening');
  expect(await beat).toBe(4322);
  // A look, or two that met, and the line.
  expect(lines.length / 2).toBeLessThanOrEqual(4);
  session.close();
});

/** What an agent may rely on in a session, whether its dispatcher is in the same process or behind a socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { Refusal } from '#base/refusal';
import type { AssignmentMessage, DispatcherSession, OpenSession, TaskStatusUpdate } from '#model/object/assignment';
import { connectDispatcher } from '#rpc/dispatcher-client';
import type { Members } from '#rpc/authorization';
import { clientCredentials, serverCredentials } from '#rpc/credentials';
import { localServer, RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { description, PlayedDispatcher, serve } from '#test/support/played-dispatcher';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

async function sameProcess(dispatcher: PlayedDispatcher): Promise<OpenSession> {
  return dispatcher.open;
}

async function overTls(dispatcher: PlayedDispatcher, nodeId = 'n'): Promise<OpenSession> {
  const cluster = await TestAuthority.begin();
  const credentials = serverCredentials(await cluster.node('m', 'manager'));
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: () => 'worker', current: () => true };
  const server = serve(dispatcher, new RpcServer('127.0.0.1:0', { credentials, members, logger: silentLogger }));
  const port = await server.start();
  const { openSession, close } = connectDispatcher(`127.0.0.1:${port}`, clientCredentials(await cluster.node(nodeId, 'worker')));
  cleanups.push(async () => {
    close();
    await server.stop();
  });
  return openSession;
}

async function behindSocket(dispatcher: PlayedDispatcher, nodeId = 'n'): Promise<OpenSession> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-rpc-'));
  const server = serve(dispatcher, localServer(join(folder, 'd.sock'), nodeId, silentLogger));
  await server.start();
  const { openSession, close } = connectDispatcher(`unix:${join(folder, 'd.sock')}`);
  cleanups.push(async () => {
    close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  return openSession;
}

const message = (resultsIn: number): AssignmentMessage => ({
  type: resultsIn === 1 ? 'complete' : 'incremental',
  appliesTo: resultsIn - 1,
  resultsIn,
  changes: [{ action: 'remove', kind: 'task', id: `t${resultsIn} ü` }],
});

async function take(session: DispatcherSession, count: number): Promise<AssignmentMessage[]> {
  const taken: AssignmentMessage[] = [];
  if (count === 0) return taken;
  for await (const each of session.assignments()) if (taken.push(each) === count) break;
  return taken;
}

describe.each([
  ['in the same process', sameProcess],
  ['behind a socket', behindSocket],
  ['over mutual TLS', overTls],
])('a session %s', (_, connect) => {
  test('brings assignments in their order', async () => {
    const dispatcher = new PlayedDispatcher();
    const session = await (await connect(dispatcher))('n', description);
    const asks = { ...message(3), acknowledge: true as const };
    dispatcher.push(message(1), message(2), asks);
    expect(await take(session, 3)).toEqual([message(1), message(2), asks]);
    session.close();
  });

  test('carries statuses, beats and descriptions, and resolves when they are taken', async () => {
    const dispatcher = new PlayedDispatcher();
    const session = await (await connect(dispatcher))('n', description);
    const update: TaskStatusUpdate = { taskId: 't', status: { Timestamp: '2026-01-01T00:00:00Z', State: 'running', Message: 'started' } };
    await session.updateTaskStatus([update]);
    expect(dispatcher.reports).toEqual([[update]]);
    expect([await session.heartbeat(), await session.heartbeat()]).toEqual([4321, 4322]);
    await session.updateDescription({ ...description, Hostname: 'other' });
    expect(dispatcher.described.map((each) => each.Hostname)).toEqual(['other']);
    await session.pause();
    await session.leave();
    expect([dispatcher.paused, dispatcher.left]).toEqual([1, 1]);
    await session.acknowledge(7);
    await session.withdrawn('t');
    const change = { type: 'attach', containerId: 'c', name: 'n', network: 'net', aliases: ['a'] } as const;
    expect([await session.changeAttachment(change), dispatcher.attachments]).toEqual(['t7', [change]]);
    expect([dispatcher.acknowledged, dispatcher.withdrawn]).toEqual([[7], ['t']]);
    session.close();
  });

  test('hands refusals on with code and text, and goes on', async () => {
    const dispatcher = new PlayedDispatcher();
    const session = await (await connect(dispatcher))('n', description);
    dispatcher.refusal = new Refusal('invalidArgument', 'session invalid');
    await expect(session.updateTaskStatus([])).rejects.toMatchObject({ code: 'invalidArgument', message: 'session invalid' });
    dispatcher.refusal = undefined;
    expect(await session.heartbeat()).toBe(4321);
    dispatcher.refusal = new Refusal('invalidArgument', 'session invalid');
    await expect(session.heartbeat()).rejects.toMatchObject({ code: 'invalidArgument', message: 'session invalid' });
    session.close();
  });

  test('is refused to a stranger', async () => {
    await expect((await connect(new PlayedDispatcher(), 'stranger'))('stranger', description)).rejects.toMatchObject({
      code: 'notFound',
      message: 'node stranger not found',
    });
  });

  test('ends its assignments when the dispatcher ends it', async () => {
    const dispatcher = new PlayedDispatcher();
    const session = await (await connect(dispatcher))('n', description);
    dispatcher.push(message(1));
    dispatcher.end();
    const seen: number[] = [];
    for await (const each of session.assignments()) seen.push(each.resultsIn);
    expect(seen).toEqual([1]);
    session.close();
  });

  test('tells the dispatcher when the agent closes it', async () => {
    const dispatcher = new PlayedDispatcher();
    const session = await (await connect(dispatcher))('n', description);
    session.close();
    await expect.poll(() => dispatcher.closed).toBe(1);
  });
});

test('a dispatcher that is gone fails calls at once and ends the stream', async () => {
  const dispatcher = new PlayedDispatcher();
  const folder = mkdtempSync(join(tmpdir(), 'shoal-rpc-'));
  const server = serve(dispatcher, localServer(join(folder, 'd.sock'), 'n', silentLogger));
  await server.start();
  const { openSession, close } = connectDispatcher(`unix:${join(folder, 'd.sock')}`);
  const session = await openSession('n', description);
  await server.stop();
  for await (const each of session.assignments()) expect(each).toBeUndefined();
  await expect(session.heartbeat()).rejects.toMatchObject({ code: 'unavailable' });
  close();
  rmSync(folder, { recursive: true });
});

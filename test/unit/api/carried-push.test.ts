/** A push that comes to a manager that does not lead: it goes on to the leader as it comes. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { startApi } from '#test/support/api-fixture';
import { duplexPair } from '#test/support/duplex-pair';
import { temporaryFolder } from '#test/support/folder';
import { initialisedCluster } from '#test/support/memory-cluster';

const path = '/shoal/v1/repositories/infra/git/git-receive-pack';
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The socket of a manager whose way to the leader is `open`. */
async function follower(open: () => Duplex): Promise<string> {
  const cluster = initialisedCluster();
  const line = { alone: () => false, leads: () => false, lost: () => undefined, standing: () => undefined, checkRemoval: () => undefined };
  const api = await startApi({ cluster, leader: { ...line, open, view: () => cluster.store } });
  stops.push(() => api.stop());
  return api.socketPath;
}

/** Posts what `send` writes; resolves to the answer. */
function post(socketPath: string, send: (write: (piece: Buffer) => Promise<void>) => Promise<void>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method: 'POST', path, agent: false }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    send((piece) => new Promise((gone) => call.write(piece, () => gone()))).then(() => call.end(), reject);
  });
}

test('it is held no longer than until the leader takes it', async () => {
  let taken = 0;
  let tell = (): void => {};
  const take = async (asked: IncomingMessage, response: ServerResponse): Promise<void> => {
    for await (const piece of asked as AsyncIterable<Buffer>) {
      taken += piece.length;
      tell();
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end('taken');
  };
  const leader = createServer((asked, response) => void take(asked, response).catch(() => response.destroy()));
  const socketPath = join(await temporaryFolder(), 'leader.sock');
  await new Promise<void>((resolve) => leader.listen(socketPath, resolve));
  stops.push(() => new Promise((resolve) => leader.close(resolve).closeAllConnections()));
  const [piece, pieces, mostHeld] = [Buffer.alloc(64 * 1024), 256, 4 * 1024 * 1024];
  const answer = await post(await follower(() => connect(socketPath)), async (write) => {
    for (let sent = 1; sent <= pieces; sent++) {
      await write(piece);
      expect(sent * piece.length - taken).toBeLessThan(mostHeld);
      // The beginning comes without the end.
      if (sent === 1) await new Promise<void>((resolve) => (taken > 0 ? resolve() : (tell = resolve)));
    }
  });
  expect(answer).toEqual({ status: 200, text: 'taken' });
  expect(taken).toBe(pieces * piece.length);
});

test('what the leader has half is not sent again', async () => {
  const opened: Duplex[] = [];
  const socketPath = await follower(() => {
    const [near, far] = duplexPair();
    opened.push(far);
    far.on('data', () => far.destroy());
    return near;
  });
  const { status, text } = await post(socketPath, (write) => write(Buffer.alloc(100_000)));
  expect([status, JSON.parse(text)]).toEqual([503, { message: expect.stringContaining('may still take effect') }]);
  expect(opened).toHaveLength(1);
});

/** What a crowd at the door costs those who are known there: over real connections, with TLS. */
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, test, vi } from 'vitest';
import type { Members } from '#rpc/authorization';
import { Door } from '#rpc/admission/door';
import { readingOf, type Reading } from '#rpc/admission/reading';
import { clientCredentials, serverCredentials } from '#rpc/credentials';
import { connectDispatcher } from '#rpc/dispatcher-client';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { description, PlayedDispatcher, serve } from '#test/support/played-dispatcher';
import { silentLogger } from '#test/support/silent-logger';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** What a client of TLS says first. */
async function firstWord(): Promise<Buffer> {
  let tell: (word: Buffer) => void = () => undefined;
  const told = new Promise<Buffer>((resolve) => (tell = resolve));
  const mute = new Duplex({ read: () => undefined, write: (word: Buffer) => tell(word) });
  const client = connectTls({ socket: mute, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' });
  const word = await told;
  client.destroy();
  return word;
}

test('hundreds that stop in the midst of their handshakes keep out neither a node nor a manager', async () => {
  const cluster = await TestAuthority.begin();
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: (id) => (id === 'm' ? 'manager' : 'worker'), current: () => true };
  const kinds = { '127.0.0.7': 'node', '127.0.0.8': 'node', '127.0.0.9': 'manager' } as const;
  const server = serve(
    new PlayedDispatcher(),
    new RpcServer('0.0.0.0:0', {
      credentials: serverCredentials(await cluster.node('m', 'manager')),
      members,
      logger: silentLogger,
      comesAs: (address) => kinds[address as keyof typeof kinds] ?? 'stranger',
    }),
  );
  const port = await server.start();
  cleanups.push(() => server.stop());
  const word = await firstWord();
  const crowd: Socket[] = [];
  cleanups.push(() => crowd.forEach((each) => each.destroy()));
  for (let n = 0; n < 300; n++) {
    const each = connect({ port, host: '127.0.0.1', localAddress: n % 3 === 0 ? '127.0.0.8' : '127.0.0.1' }).on('error', () => undefined);
    crowd.push(each);
    each.write(word);
  }
  await Promise.all(crowd.filter((each) => each.connecting).map((each) => once(each, 'connect')));
  for (const [at, localAddress] of ['127.0.0.9', '127.0.0.7', '127.0.0.6'].entries()) {
    const line = connect({ port, host: '127.0.0.1', localAddress });
    await once(line, 'connect');
    const tls = await cluster.node(`n${at}`, 'worker');
    const relay = createServer((own) => own.pipe(line).pipe(own));
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const node = connectDispatcher(`127.0.0.1:${(relay.address() as AddressInfo).port}`, clientCredentials(tls));
    cleanups.push(
      () => relay.close(),
      node.close,
      () => line.destroy(),
    );
    const session = await node.openSession('', description);
    await session.heartbeat();
  }
  expect(crowd.filter(({ destroyed }) => destroyed)).toEqual([]);
});

test('a handshake counts for its turn of the event loop, whether or not anything is asked after it', async () => {
  const came = vi.spyOn(Door.prototype, 'came');
  cleanups.push(() => came.mockRestore());
  const cluster = await TestAuthority.begin();
  const members: Members = { clusterId: () => cluster.clusterId, roleOf: () => 'worker', current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(await cluster.node('m', 'manager')), members, logger: silentLogger });
  const port = await server.start();
  cleanups.push(() => server.stop());
  const { certificate, key, roots } = (await cluster.node('n', 'worker')).now;
  const node = connectTls({ port, host: '127.0.0.1', cert: certificate, key, ca: roots, servername: 'swarm-manager', ALPNProtocols: ['h2'] });
  cleanups.push(() => node.destroy());
  // Settings are what the server says first when the handshake is done.
  await once(node, 'data');
  expect(came).toHaveBeenCalledTimes(2);
});

test('what comes over a connection that is held waits, and nothing of it is lost', async () => {
  const cluster = await TestAuthority.begin();
  const { certificate, key, roots } = (await cluster.node('m', 'manager')).now;
  const secured = createSecureServer({ cert: certificate, key });
  const asked: string[] = [];
  secured.on('stream', (stream, headers) => {
    asked.push(String(headers[':path']));
    stream.respond();
    stream.end('x');
  });
  const readings: Reading[] = [];
  const plain = createServer((connection) => {
    readings.push(readingOf(connection));
    secured.emit('connection', connection);
  });
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  cleanups.push(() => plain.close());
  const open = () => {
    const session = connectHttp2(`https://127.0.0.1:${(plain.address() as AddressInfo).port}`, { ca: roots, rejectUnauthorized: false });
    cleanups.push(() => session.destroy());
    return async (path: string): Promise<void> => void (await once(session.request({ ':path': path }).resume(), 'end'));
  };
  const first = open();
  await first('/1');
  readings[0]?.hold();
  readings[0]?.hold();
  const waits = first('/2');
  const second = open();
  for (let n = 0; n < 20; n++) await second('/other');
  readings[0]?.release();
  for (let n = 0; n < 20; n++) await second('/other');
  expect(asked.filter((path) => path !== '/other')).toEqual(['/1']);
  readings[0]?.release();
  await waits;
  expect(asked).toContain('/2');
});

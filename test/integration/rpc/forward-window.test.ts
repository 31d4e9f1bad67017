/** The line to the leader: how much of an answer is on its way at a time, and when a silent one is given up. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { serverCredentials } from '#rpc/credentials';
import { ForwardClient } from '#rpc/forward/forward-client';
import { addForwardService } from '#rpc/forward/forward-service';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { silentLogger } from '#test/support/silent-logger';

/** A leader, what arrives there, and a follower's client. */
async function begin(): Promise<{ port: number; connected: Promise<Duplex>; client: ForwardClient; server: RpcServer }> {
  const authority = await TestAuthority.begin();
  const [leader, follower] = [await authority.node('m1', 'manager'), await authority.node('m2', 'manager')];
  const members = { clusterId: () => 'c1', roleOf: () => 'manager' as const, current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(leader), members, logger: silentLogger });
  let arrived: (connection: Duplex) => void = () => undefined;
  const connected = new Promise<Duplex>((resolve) => (arrived = resolve));
  addForwardService(server, (connection) => arrived(connection));
  return { port: await server.start(), connected, client: new ForwardClient(() => follower), server };
}

test('a large answer comes whole without a word of who reads it', async () => {
  const { port, connected, client, server } = await begin();
  const lines: Socket[] = [];
  let near: Socket | undefined;
  const between = createServer((socket) => {
    near = socket;
    const far = connect(port, '127.0.0.1');
    lines.push(socket, far);
    for (const line of [socket, far]) line.on('error', () => line.destroy());
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  const tunnel = client.open('m1', `127.0.0.1:${(between.address() as AddressInfo).port}`, () => true);
  tunnel?.write('asked');
  const connection = await connected;
  await new Promise((resolve) => connection.once('data', resolve));
  // From here on the leader hears nothing of who asked.
  near?.unpipe();
  near?.pause();
  const size = 1000 * 1000;
  connection.write(Buffer.alloc(size));
  let length = 0;
  await new Promise<void>((resolve) =>
    tunnel?.on('data', (bytes: Buffer) => {
      length += bytes.length;
      if (length >= size) resolve();
    }),
  );
  expect(length).toBe(size);
  for (const line of lines) line.destroy();
  client.close();
  between.close();
  await server.stop();
});

test('whoever waits for a leader is let go when another one leads and nothing comes; as long as something comes he is not', async () => {
  const { port, connected, client, server } = await begin();
  let leads = true;
  const tunnel = client.open('m1', `127.0.0.1:${port}`, () => leads);
  tunnel?.write('asked');
  const connection = await connected;
  const broke = new Promise<Error>((resolve) => tunnel?.once('error', resolve));
  await new Promise((resolve) => connection.once('data', resolve));
  leads = false;
  let pieces = 0;
  const speaking = setInterval(() => connection.write('more'), 50);
  await new Promise<void>((resolve) => {
    tunnel?.on('data', () => {
      // Far more time than a silent one is given.
      if (++pieces === 60) resolve();
    });
  });
  expect(tunnel?.destroyed).toBe(false);
  clearInterval(speaking);
  expect((await broke).message).toBe('this manager leads no longer, and is silent');
  client.close();
  await server.stop();
});

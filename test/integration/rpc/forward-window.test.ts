/** How much of an answer is on its way from the leader at a time. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { serverCredentials } from '#rpc/credentials';
import { ForwardClient } from '#rpc/forward/forward-client';
import { addForwardService } from '#rpc/forward/forward-service';
import { RpcServer } from '#rpc/rpc-server';
import { TestAuthority } from '#test/support/cluster-certificates';
import { silentLogger } from '#test/support/silent-logger';

test('a large answer comes whole without a word of who reads it', async () => {
  const authority = await TestAuthority.begin();
  const [leader, follower] = [await authority.node('m1', 'manager'), await authority.node('m2', 'manager')];
  const members = { clusterId: () => 'c1', roleOf: () => 'manager' as const, current: () => true };
  const server = new RpcServer('127.0.0.1:0', { credentials: serverCredentials(leader), members, logger: silentLogger });
  let arrived: (connection: Duplex) => void = () => undefined;
  const connected = new Promise<Duplex>((resolve) => (arrived = resolve));
  addForwardService(server, (connection) => arrived(connection));
  const port = await server.start();
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
  const client = new ForwardClient(() => follower);
  const tunnel = client.open('m1', `127.0.0.1:${(between.address() as AddressInfo).port}`);
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

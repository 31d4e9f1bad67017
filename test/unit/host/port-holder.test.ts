import { once } from 'node:events';
import { createServer, type AddressInfo, connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '#test/support/silent-logger';
import { PortHolder } from '#host/port-holder';

const holder = new PortHolder(silentLogger);
afterEach(() => holder.release([]));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('a port of another process is a clash that names it, until it is free', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const port = { serviceName: 'web', protocol: 'tcp', port: (other.address() as AddressInfo).port, targets: [] } as const;
  await holder.hold([port]);
  expect([...holder.clashes]).toEqual([[`${port.port}/tcp`, expect.stringContaining(`port ${port.port}/tcp of service web: it is in use by`)]]);
  other.close();
  await once(other, 'close');
  await holder.hold([port]);
  expect(holder.clashes.size).toBe(0);
});

test('a held port is taken for others, a released one is not; both protocols', async () => {
  const number = await freePort();
  const ports = (['tcp', 'udp'] as const).map((protocol) => ({ serviceName: 'web', protocol, port: number, targets: [] }));
  const second = new PortHolder(silentLogger);
  await holder.hold(ports);
  await second.hold(ports);
  expect([...second.clashes.keys()]).toEqual([`${number}/tcp`, `${number}/udp`]);
  holder.release([]);
  await second.hold(ports);
  expect(second.clashes.size).toBe(0);
  second.release([]);
});

test('a client that the rules did not catch is reset', async () => {
  const port = { serviceName: 'web', protocol: 'tcp', port: await freePort(), targets: [] } as const;
  await holder.hold([port]);
  const client = connect(port.port, '127.0.0.1');
  const [error] = (await once(client, 'close').catch((reason: unknown) => [reason])) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

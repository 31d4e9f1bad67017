import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { temporaryFolder } from '#test/support/folder';
import { freePort } from '#test/support/free-port';
import { silentLogger } from '#test/support/silent-logger';
import { Places } from '#base/pace/places';
import { PortHolder } from '#host/ports/port-holder';
import type { PublishedPort } from '#network/published-ports';

const holder = new PortHolder(silentLogger, 8);
afterEach(() => holder.release([]));

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
  const number = await freePort('0.0.0.0');
  const ports = (['tcp', 'udp'] as const).map((protocol) => ({ serviceName: 'web', protocol, port: number, targets: [] }));
  const second = new PortHolder(silentLogger, 8);
  await holder.hold(ports);
  await second.hold(ports);
  expect([...second.clashes.keys()]).toEqual([`${number}/tcp`, `${number}/udp`]);
  await holder.release([]);
  await second.hold(ports);
  expect(second.clashes.size).toBe(0);
  await second.release([]);
});

test('a client that the rules did not catch is reset', async () => {
  const port = { serviceName: 'web', protocol: 'tcp', port: await freePort('0.0.0.0'), targets: [] } as const;
  await holder.hold([port]);
  const client = connect(port.port, '127.0.0.1');
  const [error] = (await once(client, 'close').catch((reason: unknown) => [reason])) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

test('no more ports are held than the process may, and all that are held go on', async () => {
  const ports: PublishedPort[] = [];
  while (ports.length < 12) ports.push({ serviceName: 'range', protocol: 'tcp', port: await freePort('0.0.0.0'), targets: [] });
  const said: unknown[] = [];
  const few = new PortHolder({ ...silentLogger, warn: (facts) => void said.push(facts) }, 4);
  const second = new PortHolder(silentLogger, 100);
  await few.hold(ports.slice(0, 2));
  await few.hold(ports);
  await few.hold(ports);
  expect(said).toEqual([{ ports: 8, services: ['range'], limit: 4 }]);
  expect(few.clashes.size).toBe(0);
  const other = createServer().listen(ports[11]?.port, '127.0.0.1');
  await once(other, 'listening');
  await few.hold(ports);
  expect([...few.clashes.keys()]).toEqual([`${ports[11]?.port}/tcp`]);
  other.close();
  await once(other, 'close');
  await few.hold(ports);
  expect(few.clashes.size).toBe(0);
  await second.hold(ports);
  expect([...second.clashes.keys()]).toEqual(ports.slice(0, 4).map(({ port }) => `${port}/tcp`));
  // Whoever goes makes room.
  await few.release(ports.slice(2));
  await second.release([]);
  await few.hold(ports.slice(2));
  await second.hold(ports.slice(0, 2));
  expect(second.clashes.size).toBe(0);
  await few.release([]);
  await second.release([]);
});

test('places for forwarded clients are handed back once', () => {
  const places = new Places(2);
  const leave = [places.take(), places.take()];
  expect(places.take()).toBeUndefined();
  leave[0]?.();
  leave[0]?.();
  expect(places.take()).toBeDefined();
  expect(places.take()).toBeUndefined();
});

test('SCTP is refused by name where the kernel does not lead it, and nowhere else', async () => {
  const kernel = await temporaryFolder();
  const port = { serviceName: 'diameter', protocol: 'sctp', port: 3868, targets: [] } as const;
  const there = new PortHolder(silentLogger, 8, kernel);
  const told = async (): Promise<readonly string[]> => {
    await there.hold([port]);
    return [...there.clashes.values()];
  };
  // What is not known yet is refused to nobody.
  expect(await told()).toEqual([]);
  await there.release([]);
  writeFileSync(join(kernel, 'nf_conntrack_max'), '65536');
  expect(await told()).toEqual([
    'cannot publish port 3868/sctp of service diameter: the kernel of this host leads no SCTP connections (it is built without CONFIG_NF_CT_PROTO_SCTP)',
  ]);
  writeFileSync(join(kernel, 'nf_conntrack_sctp_timeout_established'), '432000');
  expect(await told()).toEqual([]);
});

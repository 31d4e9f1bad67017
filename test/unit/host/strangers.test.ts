/** What a stranger's packets may carry, and no handler may throw at. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Places } from '#base/pace/places';
import { forwardWithHeader } from '#host/ports/proxy-forwarder';
import { forwardDatagrams } from '#host/ports/udp-forwarder';

test('a datagram that comes from port 0 takes no place, and nothing is answered', async () => {
  const task = createSocket('udp4').bind(0, '127.0.0.1');
  await once(task, 'listening');
  const listener = createSocket('udp4').bind(0, '127.0.0.1');
  await once(listener, 'listening');
  const places = new Places(1);
  const stop = forwardDatagrams(listener, '127.0.0.1', task.address().port, places);
  listener.emit('message', Buffer.from('from nowhere'), { address: '127.0.0.1', port: 0, family: 'IPv4', size: 12 });
  expect(places.taken).toBe(0);
  const client = createSocket('udp4');
  client.send('hello', listener.address().port, '127.0.0.1');
  const [heard] = (await once(task, 'message')) as [Buffer];
  expect(heard.toString()).toBe('hello');
  stop();
  for (const socket of [client, listener, task]) socket.close();
});

test.each(['fe80::1%eth0', 'fe80::1%eth0.100', 'fe80::1%br-0a1b2c3d4e5f', 'fe80::1%vlan_10'])(
  'a client from %s is told of without its zone',
  async (address) => {
    const task = createServer().listen(0, '127.0.0.1');
    await once(task, 'listening');
    const door = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(door, 'listening');
    const client = connect((door.address() as AddressInfo).port, '127.0.0.1');
    const [met] = (await once(door, 'connection')) as [Socket];
    Object.defineProperty(met, 'remoteAddress', { value: address });
    Object.defineProperty(met, 'localAddress', { value: 'fe80::2%eth0.100' });
    const served = once(task, 'connection') as Promise<[Socket]>;
    forwardWithHeader(met, [{ address: '127.0.0.1', port: (task.address() as AddressInfo).port }]);
    const [server] = await served;
    const [header] = (await once(server, 'data')) as [Buffer];
    expect(header.subarray(16, 48).toString('hex')).toBe(`fe80${'0'.repeat(27)}1fe80${'0'.repeat(27)}2`);
    for (const socket of [client, met, server]) socket.destroy();
    for (const listening of [task, door]) listening.close();
  },
);

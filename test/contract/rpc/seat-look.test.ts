/** Who answers at an address is said by the certificate there, and by nothing else. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { checkSeated } from '#rpc/seat-look';
import { TestAuthority } from '#test/support/cluster-certificates';
import { openDoor } from '#test/support/raft-lines';

test('a manager is found where it listens; another one is named, and one of another cluster or none is nobody', async () => {
  const authority = await TestAuthority.begin();
  const leader = await authority.node('leader', 'manager');
  const [two, foreign] = await Promise.all([openDoor(authority, 'two'), openDoor(await TestAuthority.begin(), 'two')]);
  const mute = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const silent = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const look = (address: string, id: string, limitMs?: number) => checkSeated(address, id, leader.now, limitMs).then(() => 'found', String);
  expect(await look(two.address, 'two')).toBe('found');
  expect(await look(two.address, 'three')).toContain(`it is not reached at ${two.address}, where it says that it is: node two answers there`);
  expect(await look(foreign.address, 'two')).toMatch(/self.signed|unable to verify|signature/);
  expect(await look(silent, 'two', 50)).toContain('no answer within 0.05 s');
  await Promise.all([two.stop(), foreign.stop(), new Promise((resolve) => mute.close(resolve))]);
  expect(await look(two.address, 'two')).toContain('connection refused');
});

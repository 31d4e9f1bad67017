/** An address that the host gave up is the node's no more; one that never was the host's is somebody's word. */
import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import type { DispatcherSession } from '#model/object/assignment';
import { silentLogger } from '#test/support/silent-logger';
import { settle, VirtualClock } from '#test/support/virtual-clock';
import { OwnPlace, placeNow, type Host } from '../../../../src/node/place/own-place.ts';
import type { Identity } from '../../../../src/node/state/identity.ts';

const host = (has: Record<string, string[]>, towards: Record<string, string> = {}): Host => ({
  interfaces: () =>
    Object.fromEntries(
      Object.entries(has).map(([name, all]) => [name, all.map((address) => ({ address, family: 'IPv4', internal: false }) as NetworkInterfaceInfo)]),
    ),
  towards: async (to) => towards[to],
});
const identity: Identity = { nodeId: 'n', address: '10.0.0.3', listen: '10.0.0.3:2377', managerAddress: '10.0.0.3:4000', own: 'eth0' };

test('another address of the interface is the node’s, with the ports of before', async () => {
  expect(await placeNow(identity, [], host({ eth0: ['10.0.0.33'], eth1: ['10.9.0.1'] }))).toEqual({
    ...identity,
    address: '10.0.0.33',
    listen: '10.0.0.33:2377',
    managerAddress: '10.0.0.33:4000',
  });
  const { listen: _listen, managerAddress: _place, ...usual } = identity;
  expect(await placeNow(usual, [], host({ eth0: ['10.0.0.33'] }))).toEqual({ ...usual, address: '10.0.0.33', managerAddress: '10.0.0.33:2377' });
  expect(await placeNow({ ...usual, listen: '0.0.0.0:2377' }, [], host({ eth0: ['10.0.0.33'] }))).toMatchObject({ listen: '0.0.0.0:2377' });
});

test('of several it is the one on the way to other managers; where none is, it stays as it was', async () => {
  const several = host({ eth0: ['10.0.0.33', '10.0.1.3'], eth1: ['10.9.0.1'] }, { '10.0.1.1': '10.0.1.3', '10.9.0.9': '10.9.0.1' });
  expect(await placeNow(identity, ['10.9.0.9:2377', '10.0.1.1:2377'], several)).toMatchObject({ address: '10.0.1.3' });
  expect(await placeNow(identity, ['10.9.0.9:2377'], several)).toBe(identity);
});

test('what the host still has, never had, or has lost together with the interface stays', async () => {
  expect(await placeNow(identity, [], host({ eth0: ['10.0.0.33', '10.0.0.3'] }))).toBe(identity);
  expect(await placeNow(identity, [], host({ wg0: ['10.0.0.33'] }))).toBe(identity);
  expect(await placeNow(identity, [], host({ eth0: [] }))).toBe(identity);
  expect(await placeNow(identity, [], host({ eth0: ['169.254.7.7'] }))).toBe(identity);
  const { own: _own, ...byHand } = identity;
  expect(await placeNow(byHand, [], host({ eth0: ['192.168.0.3'] }))).toBe(byHand);
  // Seen once, it is known whose it was.
  expect(await placeNow(byHand, [], host({ br0: ['10.0.0.3'] }))).toEqual({ ...byHand, own: 'br0' });
});

test('while a host gets its addresses none is the last word', async () => {
  const clock = new VirtualClock();
  const held = { has: { eth0: ['10.0.0.3'] } as Record<string, string[]>, identity: { ...identity, own: 'eth1' } as Identity };
  const told: string[] = [];
  const place = new OwnPlace({
    identity: () => held.identity,
    remotes: () => [],
    changed: (next) => told.push(`${next.address} on ${(held.identity = next).own}`),
    clock,
    logger: silentLogger,
    host: { interfaces: () => host(held.has).interfaces(), towards: async () => undefined },
  });
  const look = async (...addresses: string[]) => {
    held.has = { eth0: addresses };
    await clock.advance(3000);
    await settle();
  };
  place.start();
  await settle();
  expect(told.splice(0)).toEqual(['10.0.0.3 on eth0']);
  for (const addresses of [['10.0.0.9'], ['10.0.0.33'], [], ['10.0.0.9'], ['10.0.0.33']]) await look(...addresses);
  expect(told).toEqual([]);
  await look('10.0.0.33');
  expect(told).toEqual(['10.0.0.33 on eth0']);
  await place.stop();
  expect(clock.running).toBe(0);
});

test('a session that came from an address that is gone ends with the first beat that is unanswered, and no other does', async () => {
  const clock = new VirtualClock();
  const held = { has: ['10.0.0.3'] };
  const interfaces = () => host({ eth0: held.has }).interfaces();
  const parts = { identity: () => identity, remotes: () => [], changed: () => undefined, clock, logger: silentLogger };
  const place = new OwnPlace({ ...parts, host: { interfaces, towards: async () => undefined } });
  const beats: ((nextMs: number) => void)[] = [];
  const session = place.whileHere({ heartbeat: () => new Promise((resolve) => beats.push(resolve)) } as unknown as DispatcherSession);
  const beat = () => {
    const told: { result?: string } = {};
    session.heartbeat().then(
      (nextMs) => (told.result = `in ${nextMs}`),
      (error: Error) => (told.result = error.message),
    );
    return told;
  };
  const slow = beat();
  await clock.advance(5000);
  expect(slow.result).toBeUndefined();
  beats.pop()?.(1000);
  await settle();
  expect(slow.result).toBe('in 1000');
  held.has = ['10.0.0.33'];
  const [answered, silent] = [beat(), beat()];
  beats[0]?.(1000);
  await clock.advance(500);
  await settle();
  expect(answered.result).toBe('in 1000');
  expect(silent.result).toBe('this host has the address 10.0.0.3 no more: the manager is asked from another one');
  expect(clock.running).toBe(0);
});

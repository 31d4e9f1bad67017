/** Routes of a host as the kernel lists them. */
import { expect, test } from 'vitest';
import { heldIn, routersOf, subnetsOf } from '#engine/host-routes';

const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0102C6C6	0003	0	0	0	00000000	0	0	0
eth0	0002C6C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
sh-abc	0001000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
sh-other	0002000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
wg0	0100400A	00000000	0005	0	0	0	FFFFFFFF	0	0	0
`;

test('subnets of routes, without the default one and our own bridges', () => {
  expect(subnetsOf(table, new Set(['sh-abc']))).toEqual(['198.198.2.0/24', '172.17.0.0/16', '10.0.2.0/24', '10.64.0.1/32']);
});

test('a subnet that holds the host, or the router by which it reaches all else, would cut it off', () => {
  const needed = [{ address: '198.198.2.7', what: 'an address of this host (eth0)' }, ...routersOf(table, 'sh-abc')];
  expect(needed.map(({ address }) => address)).toEqual(['198.198.2.7', '198.198.2.1']);
  expect(heldIn('198.198.2.0/24', needed)).toMatch(/198\.198\.2\.7, an address of this host \(eth0\)/);
  expect(heldIn('198.198.2.0/30', needed)).toMatch(/198\.198\.2\.1, a router of this host \(by eth0\)/);
  // What lies somewhere behind a wide route is no reason.
  expect([heldIn('198.198.3.0/24', needed), heldIn('10.64.0.0/16', needed), heldIn('', needed)]).toEqual([undefined, undefined, undefined]);
});

/** Routes of a host as the kernel lists them. */
import { expect, test } from 'vitest';
import { parseRoutes } from '#engine/describe';

test('subnets of routes, without the default one and our own bridges', () => {
  const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0102C6C6	0003	0	0	0	00000000	0	0	0
eth0	0002C6C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
sh-abc	0001000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
sh-other	0002000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
wg0	0100400A	00000000	0005	0	0	0	FFFFFFFF	0	0	0
`;
  expect(parseRoutes(table, new Set(['sh-abc']))).toEqual(['198.198.2.0/24', '172.17.0.0/16', '10.0.2.0/24', '10.64.0.1/32']);
});

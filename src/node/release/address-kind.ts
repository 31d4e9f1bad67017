/** Which addresses anybody can reach, and which lie in somebody's own network. */
import { BlockList, isIP } from 'node:net';
import { withoutZone } from '#model/address';

/** As IANA's registers of special addresses have them: this host, private and shared networks, link-local with what clouds answer there, tests, multicast, reserved. */
const special: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** All else of IPv6 is nobody's, or leads into IPv4 by another way. */
const global6 = ['2000::', 3] as const;
const special6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const own = new BlockList();
for (const [net, prefix] of special) own.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of special6) own.addSubnet(net, prefix, 'ipv6');
const open6 = new BlockList();
open6.addSubnet(...global6, 'ipv6');

/** Whether `address`, a number and no name, is one of the whole Internet; what is no address is not. */
export function isPublic(address: string): boolean {
  const plain = withoutZone(address).replace(/^::ffff:(?=\d+\.)/i, '');
  const version = isIP(plain);
  if (version === 4) return !own.check(plain, 'ipv4');
  return version === 6 && open6.check(plain, 'ipv6') && !own.check(plain, 'ipv6');
}

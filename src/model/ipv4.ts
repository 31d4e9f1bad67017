/** IPv4 addresses as numbers and subnets as ranges of them. */
import ipaddr from 'ipaddr.js';

/** Both ends belong to it. */
export interface Range {
  first: number;
  last: number;
}

export interface Subnet extends Range {
  prefix: number;
}

/** The range of a CIDR text; undefined when it is none of IP version 4. */
export function parseSubnet(text: string | undefined): Subnet | undefined {
  if (!text || !ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return undefined;
  const [address, prefix] = ipaddr.IPv4.parseCIDR(text);
  const size = 2 ** (32 - prefix);
  const number = addressNumber(address.toString()) ?? 0;
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1, prefix };
}

/** The number of a dotted address, with or without a prefix length; undefined for anything else. By hand: it runs for every task. */
export function addressNumber(text: string | undefined): number | undefined {
  if (!text) return undefined;
  let number = 0;
  let octet = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) octet = octet * 10 + code - 48;
    else if (code === 46) {
      number = number * 256 + octet;
      octet = 0;
      dots++;
    } else if (code === 47) break;
    else return undefined;
    if (octet > 255) return undefined;
  }
  return dots === 3 ? number * 256 + octet : undefined;
}

/** Whether `text` is the address of one host, and nothing beside it: dotted, and none of nobody or of many. */
export function isHostAddress(text: string): boolean {
  const number = addressNumber(text);
  if (number === undefined || addressText(number) !== text) return false;
  const first = Math.floor(number / 2 ** 24);
  return first !== 0 && first < 224;
}

export function addressText(number: number): string {
  return [number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff].join('.');
}

export function subnetText(subnet: Subnet): string {
  return `${addressText(subnet.first)}/${subnet.prefix}`;
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** The addresses that hosts may have: without the network's own and the broadcast address, where there are such. */
export function hostsOf(subnet: Subnet): Range {
  return subnet.prefix >= 31 ? subnet : { first: subnet.first + 1, last: subnet.last - 1 };
}

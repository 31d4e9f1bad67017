/** IP addresses and prefixes as texts and as numbers, by the rules of Go's net.ParseIP: no leading zeros, no zones. */
import ipaddr from 'ipaddr.js';

/** 128 bits; IPv4 stands at its mapped place (::ffff:a.b.c.d), as Go's net.IP keeps it. */
export type AddressBits = bigint;

export interface Prefix {
  bits: AddressBits;
  /** How many low bits are free. */
  freeBits: bigint;
}

/** Bits of an IPv4 or IPv6 text; undefined when it is neither. */
export function parseAddress(text: string): AddressBits | undefined {
  const six = text.includes(':') ? withoutDots(text) : mapped(text);
  if (six === undefined || six.includes('%') || !ipaddr.IPv6.isValid(six)) return undefined;
  return ipaddr.IPv6.parse(six).parts.reduce((bits, part) => (bits << 16n) | BigInt(part), 0n);
}

/** A prefix such as 10.0.0.0/8; undefined when it is none. */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const bits = parseAddress(match?.[1] ?? '');
  const width = match?.[1]?.includes(':') ? 128 : 32;
  const length = Number(match?.[2]);
  return bits === undefined || length > width ? undefined : { bits, freeBits: BigInt(width - length) };
}

/** True when the address lies inside the prefix. */
export function prefixHolds(prefix: Prefix, address: AddressBits): boolean {
  return prefix.bits >> prefix.freeBits === address >> prefix.freeBits;
}

/** Four bytes or sixteen, as they stand in packets. Throws for what is no address. */
export function addressBytes(text: string): number[] {
  return ipaddr.parse(text).toByteArray();
}

export function isAddress(text: string): boolean {
  return parseAddress(text) !== undefined;
}

/** The address means "every interface" (`''`, 0.0.0.0 or ::, bare or in brackets). */
export function isUnspecified(text: string): boolean {
  if (text === '') return true;
  const bits = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  return bits === 0n || bits === 0xffffn << 32n;
}

/** `ADDRESS:PORT`'s host part, IPv6 in brackets. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** A socket's address without its zone: an IPv6 link-local one names the interface as well (`fe80::1%eth0.100`). */
export function withoutZone(text: string): string {
  return text.split('%', 1)[0] ?? '';
}

/** For whom an address of a stranger counts: of version 6 its network, as a host there has as many addresses as it likes. */
export function sourceOf(address: string): string {
  const bits = address.includes(':') ? parseAddress(withoutZone(address)) : undefined;
  return bits === undefined || bits >> 32n === 0xffffn ? plainAddress(address) : `${bits >> 64n}`;
}

/** Without what version 6 puts before an address of version 4. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:/, '');
}

/** The address of `ADDRESS/PREFIX`, or of a bare address. */
export function withoutPrefix(text: string): string {
  return text.split('/', 1)[0] ?? '';
}

function mapped(four: string): string | undefined {
  return ipaddr.IPv4.isValidFourPartDecimal(four) ? ipaddr.IPv4.parse(four).toIPv4MappedAddress().toString() : undefined;
}

/** A dotted IPv4 at the end as two groups: the library would take `::1.2.3.4` for a mapped address. */
function withoutDots(six: string): string | undefined {
  const start = six.lastIndexOf(':') + 1;
  const tail = six.slice(start);
  if (!tail.includes('.')) return six;
  if (!ipaddr.IPv4.isValidFourPartDecimal(tail)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(tail).octets;
  return `${six.slice(0, start)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** IP addresses and prefixes as numbers: just enough to compare them. */

/** 128 bits; IPv4 stands at its mapped place (::ffff:a.b.c.d), as Go's net.IP keeps it. */
export type AddressBits = bigint;

const mappedPrefix = 0xffffn << 32n;

/** Bits of an IPv4 or IPv6 text; undefined when it is neither. Zones (`%eth0`) are none. */
export function parseAddress(text: string): AddressBits | undefined {
  return text.includes(':') ? parseSix(text) : parseFour(text);
}

/** A prefix such as 10.0.0.0/8: its bits and how many low bits are free; undefined when it is none. */
export function parsePrefix(text: string): { bits: AddressBits; freeBits: bigint } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const bits = parseAddress(match[1] ?? '');
  const width = match[1]?.includes(':') ? 128 : 32;
  const length = Number(match[2]);
  return bits === undefined || length > width ? undefined : { bits, freeBits: BigInt(width - length) };
}

/** True when the address lies inside the prefix. */
export function prefixHolds(prefix: { bits: AddressBits; freeBits: bigint }, address: AddressBits): boolean {
  return prefix.bits >> prefix.freeBits === address >> prefix.freeBits;
}

function parseFour(text: string): AddressBits | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let bits = 0n;
  for (const part of parts) {
    // A leading zero would be octal to some readers: Go refuses it, and so do we.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return mappedPrefix | bits;
}

function parseSix(text: string): AddressBits | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return all.reduce((bits, group) => (bits << 16n) | group, 0n);
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 may stand at the very end and counts as two. */
function groups(text: string, atEnd: boolean): bigint[] | undefined {
  if (text === '') return [];
  const found: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      found.push(BigInt(`0x${part}`));
      continue;
    }
    const four = atEnd && index === parts.length - 1 ? parseFour(part) : undefined;
    if (four === undefined) return undefined;
    found.push((four >> 16n) & 0xffffn, four & 0xffffn);
  }
  return found;
}
